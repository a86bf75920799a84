"""A terminal beside a FOAM that runs, in which the commands of our pages are tried."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.apps import apps
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from accounts import email_verification, tokens
from accounts.models import User
from foam.tests import processes
from foam.tests.races.fences import ROOT, Fence
from notifications.models import Delivery
from reminders import initial_rows
from reminders.engine import canary
from reminders.engine.tick import last_tick
from reminders.models import Reminder

WARM = Path(__file__).with_name("warm.py")
T = TypeVar("T")
OURS = ("reminders", "notifications", "accounts")
# Longer than any page takes on a busy machine.
PATIENCE = 120
CRONTAB = "# Water the plants\n0 9 * * 1 echo plants\n"


class Terminal:
    """A folder that looks like the checkout, with the programs of one at hand.

    `make` is the real one, on the real Makefile. What it would start a Python or servers for goes
    to a Python that has Django loaded, and to the servers that run.
    """

    def __init__(self, folder: Path, port: int, env: dict[str, str]) -> None:
        self.folder = folder
        self.port = port
        self.hook_port = processes.free_port()
        self.socket = folder / "warm"
        self.checkout = folder / "checkout"
        self.home = folder / "home"
        self.env = {
            **env,
            "HOME": str(self.home),
            "CURL_HOME": str(self.home),
            "PATH": f"{self.programs()}{os.pathsep}{env['PATH']}",
            # What is installed is what runs this.
            "MAKEFLAGS": f"BIN={folder / 'bin'} STACK={folder / 'bin' / 'stack'} PYTHONS=true",
            "NO_COLOR": "1",
        }
        self.furnish()

    def programs(self) -> Path:
        place = self.folder / "bin"
        place.mkdir()
        ask = f'exec "{sys.executable}" -S -E "{WARM}" ask "{self.socket}"'
        python = f'case "$1" in manage.py) shift; {ask} "$@";; esac\nexec "{sys.executable}" "$@"'
        scripts = {
            "python": python,
            "python3": python,
            # Everything after --, as that is where the command begins.
            "stack": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
            # Whoever tries this has one, and the machine that tests may not.
            "crontab": f"printf '{CRONTAB.encode('unicode_escape').decode()}'",
        }
        for name, script in scripts.items():
            (place / name).write_text(f"#!/bin/sh\n{script}\n")
            (place / name).chmod(0o755)
        return place

    def furnish(self) -> None:
        """Lay out the checkout, and what a person has at home."""
        self.checkout.mkdir()
        self.home.mkdir()
        for path in ROOT.iterdir():
            if path.name not in (".foam", ".git", ".venv", "site"):
                (self.checkout / path.name).symlink_to(path)
        for place in (self.home, self.checkout):
            (place / "mine.crontab").write_text(CRONTAB)
        # An answer that refuses is a command that fails.
        (self.home / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")

    def run(self, fences: list[Fence], **env: str) -> subprocess.CompletedProcess[str]:
        """Run the blocks of a page in one shell, up to the first command that fails."""
        script = ["set -eEuo pipefail", "trap 'echo \"FAILED in line $BLOCK of the page\" >&2' ERR"]
        for fence in fences:
            script += [f"BLOCK={fence.line}", self.here(fence.script)]
        said = self.folder / "said"
        with said.open("w") as output:
            shell = subprocess.Popen(
                ["bash", "-c", "\n".join(script)],
                cwd=self.checkout,
                env={**self.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            shell.wait(PATIENCE)
        finally:
            # With what the page leaves running.
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        return subprocess.CompletedProcess(shell.args, shell.returncode, said.read_text())

    def here(self, script: str) -> str:
        """Put the ports that are free here for those of the page."""
        for host in ("127.0.0.1", "localhost"):
            script = script.replace(f"{host}:8000", f"{host}:{self.port}")
            script = script.replace(f"{host}:9000", f"{host}:{self.hook_port}")
        script = script.replace('("127.0.0.1", 9000)', f'("127.0.0.1", {self.hook_port})')
        # A second is enough for a program to start where a person sits, and not on a busy machine.
        waits = f"until (exec 3<>/dev/tcp/127.0.0.1/{self.hook_port}) 2>&-; do sleep 0.1; done"
        return script.replace("\nsleep 1\n", f"\n{waits}\n")

    def manage(self, *words: str) -> str:
        return subprocess.run(
            [self.folder / "bin" / "python", "manage.py", *words],
            env=self.env,
            cwd=self.checkout,
            capture_output=True,
            text=True,
            check=True,
        ).stdout


@contextmanager
def terminal(folder: Path) -> Iterator[Terminal]:
    """Start web, a worker, beat and a manage.py that is loaded; end with an empty database."""
    with ExitStack() as started, ExitStack() as last:
        started.callback(committed, empty)
        port = processes.free_port()
        env = processes.environment(
            FOAM_BASE_URL=f"http://127.0.0.1:{port}",
            FOAM_ALLOWED_PRIVATE_NETWORKS="127.0.0.0/8:*",
            DJANGO_SETTINGS_MODULE="foam.settings",
        )
        here = Terminal(folder, port, env)
        committed(begin)
        commands = {
            "web": processes.web(port),
            "worker": processes.worker("docs"),
            "beat": processes.beat(),
            "warm": ["tools.tests.warm", "serve", str(here.socket)],
        }
        for name, words in commands.items():
            log = folder / f"{name}.log"
            process = started.enter_context(processes.running(words, env, log))
            # Before it is asked to end: nothing of it is worth waiting for.
            last.callback(os.killpg, process.pid, signal.SIGKILL)
        processes.wait_until(
            lambda: here.socket.exists() and processes.answers(f"http://127.0.0.1:{port}/readyz"),
            PATIENCE,
            "FOAM is ready",
        )
        yield here


def begin() -> None:
    """Make it as it is after `migrate`: nothing but the canary and beat's rows."""
    tables = [
        model._meta.db_table
        for app in OURS
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
    ]
    processes.wait_until(lambda: truncated(tables), PATIENCE, "nothing is locked")
    canary.plant(timezone.now())
    # A test before may have taken them away.
    initial_rows.add_tick(apps)
    initial_rows.add_prune(apps)


def truncated(tables: list[str]) -> bool:
    """Empty them, unless FOAM's processes are just at work in some, and wait for us in others."""
    with suppress(OperationalError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")
        return True
    return False


def first_run(here: Terminal) -> None:
    """Make it as it is when `make run` has shown its first delivery."""
    begin()
    kept = here.folder / "demo.json"
    kept.unlink(missing_ok=True)
    here.manage("demo", "--credentials", str(kept), "--in", "1")
    processes.wait_until(
        lambda: Delivery.objects.exclude_system().filter(status="sent").exists(),
        PATIENCE,
        "the first reminder arrives",
    )


def in_use() -> str:
    """Make it a FOAM that is in use: return a token of ada's, who has reminders 1 to 12."""
    begin()
    now = timezone.now()
    ada = User.objects.create_user("ada", "ada@example.com", "enigma-1843", is_staff=True)
    email_verification.mark_email_verified(ada)
    for number in range(1, 13):
        reminder = Reminder(
            owner=ada,
            title=f"Stand-up {number}",
            starts_at=(now + timedelta(days=number)).replace(tzinfo=None, microsecond=0),
            timezone="UTC",
            recurrence="FREQ=WEEKLY",
        )
        reminder.store(now)
    _, secret = tokens.make(ada, "docs", now, scopes=tokens.DEFAULT_SCOPES, expires_at=None)
    processes.wait_until(lambda: last_tick() is not None, PATIENCE, "a tick has run")
    return secret


def empty() -> None:
    """Leave nothing to the tests that come after."""
    call_command("flush", verbosity=0, interactive=False)


def committed(work: Callable[..., T], *arguments: Any) -> T:
    """Do something on a connection of its own, so that FOAM's processes see it at once."""

    def alone() -> T:
        try:
            return work(*arguments)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(alone).result()
