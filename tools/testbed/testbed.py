"""Servers and processes of FOAM's own, in a temporary folder, killed and restarted by name.

with Rig() as rig:
    rig.start("dispatch", worker("dispatch", 1))
    rig.enter()                  # from here on this process is one of the rig's:
    django.setup()               # it finds the rig's servers and no others
    rig.kill("dispatch")
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import redis
from django.conf import settings as django_settings

from tools.local_stack.data_dir import PROJECT, Folder
from tools.local_stack.environment import defaults
from tools.local_stack.processes import HANDLED, POLL, Child, Signals, kill_group, start, stop, wait
from tools.local_stack.run import death_report, manage
from tools.local_stack.servers import Postgres, Redis, free_port
from tools.local_stack.terminal import Problem

# Variables that processes inherit. FOAM's own are not among them: DATABASE_URL or EMAIL_URL may
# name an operator's servers.
INHERITED_VARIABLES = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TERM", "NO_COLOR", "PYTHONPATH"),
    # This names a program, not a server.
    "FOAM_REDIS_SERVER",
)
STOP_WITHIN = 20
PATIENCE = 60


class Rig:
    """A context manager that runs servers and processes; they end with it, also if it is killed.

    `durable` lets PostgreSQL wait for the disk, as in production. `settings` are in the environment
    of every process.
    """

    def __init__(self, *, durable: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self.durable = durable
        self.settings = dict(settings or {})
        self.env: dict[str, str] = {}
        self.port = free_port()
        self.programs: dict[str, Child] = {}
        self._servers: dict[str, tuple[Postgres | Redis, Child, str]] = {}
        self._commands: dict[str, tuple[Sequence[str], Mapping[str, str] | None]] = {}
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            for number in HANDLED:
                exits.callback(signal.signal, number, signal.getsignal(number))
            self.signals = Signals()
            self.folder = exits.enter_context(Folder.ephemeral())
            exits.callback(self.folder.remove)
            exits.callback(self._end)
            self._start_servers()
            self.env = {
                **{name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ},
                **defaults(self.folder, self.port),
                "DATABASE_URL": self.url("postgres"),
                "REDIS_URL": self.url("redis"),
                **self.settings,
            }
            self.manage("migrate_once")
            if self.durable:
                # After the migrations, which take ten seconds if PostgreSQL waits for the disk.
                self._servers["postgres"][0].ephemeral = False
                self.restart_postgres()
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    def _start_servers(self) -> None:
        postgres = Postgres(self.folder, ephemeral=True)
        self._servers["postgres"] = (postgres, *postgres.start(self.signals))
        broker = Redis(self.folder, ephemeral=True)
        self._servers["redis"] = (broker, *broker.start(self.signals))

    def _end(self) -> None:
        # Only PostgreSQL gets time to stop, to free its shared memory.
        for child in self.programs.values():
            kill_group(child)
            child.process.wait()
        for _, child, _ in reversed(self._servers.values()):
            stop(child, self.signals, STOP_WITHIN)

    def enter(self) -> None:
        """Give this process the environment of the test bed, before Django is set up."""
        if django_settings.configured:
            raise RuntimeError("Django is set up already, maybe with another database.")
        os.environ.clear()
        os.environ.update(self.env)

    def url(self, server: str) -> str:
        return self._servers[server][2]

    def pids(self) -> dict[str, int]:
        """Return the process id of each server and program; they may have children."""
        servers = {name: child for name, (_, child, _) in self._servers.items()}
        return {name: child.process.pid for name, child in (servers | self.programs).items()}

    # FOAM's own processes

    def manage(self, *words: str) -> str:
        """Run a command of manage.py to its end and return what it printed."""
        return manage(list(words), self.folder, self.env, self.signals)

    def start(
        self, name: str, words: Sequence[str], settings: Mapping[str, str] | None = None
    ) -> None:
        """Start `python words...` under a name for `kill`, `stop` and `start_again`.

        `settings` are in its environment only.
        """
        assert name not in self.programs, f"{name} runs already"
        self._commands[name] = words, settings
        self.programs[name] = start(
            name,
            [sys.executable, *words],
            env={**self.env, **(settings or {})},
            cwd=PROJECT,
            log=self.folder.log / f"{name}.log",
            death_signal=signal.SIGKILL,
        )

    def start_again(self, name: str) -> None:
        self.start(name, *self._commands[name])

    def kill(self, name: str) -> None:
        """SIGKILL a program and its children, as when the machine loses its power."""
        child = self.programs.pop(name)
        kill_group(child)
        child.process.wait()

    def stop(self, name: str) -> None:
        """Terminate a program, and wait for its end."""
        stop(self.programs.pop(name), self.signals, STOP_WITHIN)

    def ended(self) -> dict[str, str]:
        """Forget the programs that ended by themselves; return the last log line of each."""
        names = [name for name, child in self.programs.items() if child.exit_code is not None]
        return {name: death_report(self.programs.pop(name)) for name in names}

    def log_of(self, name: str) -> str:
        """Return the log of a program so far."""
        log = self.folder.log / f"{name}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def wait_for_words(self, name: str, words: str, seconds: float = PATIENCE) -> None:
        """Wait until a program has logged these words; a worker's are "ready."."""
        self.wait_until(lambda: words in self.log_of(name), seconds, f"{name} says {words!r}")

    # Servers

    def stop_server(self, name: str, *, crash: bool = False) -> None:
        """Stop `postgres` or `redis`; `crash` gives it no time for a clean stop."""
        _, child, _ = self._servers[name]
        if crash:
            # PostgreSQL's immediate shutdown: its backends go too, and recovery comes first.
            child.send(signal.SIGQUIT if name == "postgres" else signal.SIGKILL)
            wait(child, self.signals, STOP_WITHIN)
        stop(child, self.signals, STOP_WITHIN)

    def start_server(self, name: str) -> None:
        """Start a stopped server on the port that it had."""
        server, _, url = self._servers[name]
        child, url = server.start(self.signals, urlsplit(url).port or 0)
        self._servers[name] = server, child, url

    def restart_postgres(self, *, crash: bool = False) -> None:
        self.stop_server("postgres", crash=crash)
        self.start_server("postgres")

    def restart_redis(self) -> None:
        """Restart Redis, which comes back empty as it keeps all data in memory."""
        self.stop_server("redis", crash=True)
        self.start_server("redis")

    def flush_broker(self) -> None:
        with redis.Redis.from_url(self.url("redis")) as broker:
            broker.flushall()

    # Waiting

    def check(self) -> None:
        """Raise Stop if this process got a signal, such as Ctrl-C, since the last check."""
        self.signals.check()

    def wait_until(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Return as soon as the condition holds. Raises Problem with `what` after `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise Problem(f"Not within {seconds:.0f} s: {what}")
            time.sleep(POLL)
