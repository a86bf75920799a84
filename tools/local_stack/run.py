"""All of FOAM on this machine, until Ctrl-C."""

import http.client
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from tools.local_stack.data_dir import PROJECT, Folder
from tools.local_stack.environment import development, publish, servers
from tools.local_stack.forks import fork, import_foam
from tools.local_stack.logs import Tail
from tools.local_stack.ports import check_port, web_port
from tools.local_stack.processes import POLL, Child, Signals, kill_group, start, stop
from tools.local_stack.programs import beat, web, worker
from tools.local_stack.terminal import Problem, paint, say, step

PYTHON = sys.executable
WORKERS = ("dispatch", "deliver")
# The beginning of manage.py's sentence about a wrong setting.
NOT_SET_UP = "Not set up: "
START_WITHIN = 60
# Longer than a request or a task takes on a healthy day.
STOP_WITHIN = 8
# A process that ran for this long before it ended is started again.
LASTING = 20.0


def run_stack(signals: Signals) -> int:
    port = web_port()
    with Folder.persistent() as folder:
        check_port(port)
        folder.sign(f"process {os.getpid()}, http://127.0.0.1:{port}")
        say(paint("FOAM", "bold") + paint(f"  data and logs in {short_path(folder.path)}", "dim"))
        with (
            report_stop(signals),
            servers(folder, signals, ephemeral=False) as (urls, embedded),
            publish(folder, env := development(folder, urls), urls),
        ):
            with step("FOAM imported"):
                forks = import_foam(env)
            with step("Migrations applied"):
                manage(["migrate_once"], folder, env, signals, forks=forks)
            with programs(folder, env, port, signals, forks=forks) as (children, launch):
                with step("Web, workers and beat started"):
                    wait_until_healthy(port, [*embedded, *children], signals)
                # Last, so that the first reminder is due before the newcomer's eyes.
                demo = ["demo", "--credentials", str(folder.path / "demo.json")]
                with step("Demo user and reminder"):
                    credentials = manage(demo, folder, env, signals, forks=forks)
                say(welcome(port, credentials))
                supervise(embedded, children, launch, signals)
    return 0


class ProgramOptions(TypedDict):
    """The options of a program, started as a fork or not."""

    log: Path
    shows_output: bool
    hurry_signal: int
    death_signal: int


@contextmanager
def report_stop(signals: Signals) -> Iterator[None]:
    """Print at the end how long the stop took."""
    try:
        yield
    finally:
        if signals.received:
            say(f"  Stopped  {time.monotonic() - signals.first_at:.1f} s")


def manage(
    words: list[str],
    folder: Folder,
    env: dict[str, str],
    signals: Signals,
    *,
    forks: bool = False,
) -> str:
    """Run a command of manage.py, as a fork where FOAM is imported, and return what it printed."""
    log = folder.log / f"{words[0]}.log"
    log.unlink(missing_ok=True)
    command = ["manage.py", *words]
    if forks:
        child = fork(words[0], command, log=log)
    else:
        child = start(words[0], [PYTHON, *command], env=env, log=log, cwd=PROJECT)
    try:
        while child.exit_code is None:
            signals.check()
            time.sleep(POLL)
    finally:
        stop(child, signals, STOP_WITHIN)
    if child.exit_code:
        last = "".join(child.last_words(1))
        # The sentence about a wrong setting is enough without the log.
        raise Problem(last if last.startswith(NOT_SET_UP) else death_report(child))
    return log.read_text()


@contextmanager
def programs(
    folder: Folder, env: dict[str, str], port: int, signals: Signals, *, forks: bool
) -> Iterator[tuple[list[Child], Callable[[str], Child]]]:
    """Yield FOAM's own processes, and a function that starts one of them again.

    At the end they stop in the order in which they make work for each other.
    """
    children: list[Child] = []

    def launch(name: str, *, forks: bool = False) -> Child:
        command = commands(port)[name]
        options: ProgramOptions = {
            "log": folder.log / f"{name}.log",
            "shows_output": name == "watch",
            "hurry_signal": signal.SIGQUIT if name in WORKERS else signal.SIGKILL,
            "death_signal": signal.SIGKILL,
        }
        if forks:
            return fork(name, command, **options)
        # Also a program that ended: what its developer has changed since is imported.
        return start(name, [PYTHON, *command], env=env, cwd=PROJECT, **options)

    try:
        for name in commands(port):
            log = folder.log / f"{name}.log"
            if log.exists():
                log.replace(log.with_suffix(".log.1"))
            children.append(launch(name, forks=forks))
        yield children, launch
    finally:
        if signals.received:
            say("\n  Stopping; Ctrl-C again to hurry.")
        by_name = {child.name: child for child in children}
        for name in ("web", "beat", *WORKERS, "watch"):
            if name in by_name:
                stop(by_name[name], signals, STOP_WITHIN)


def commands(port: int) -> dict[str, list[str]]:
    logs = ["--access-logfile", "-", "--logger-class", "foam.processes.gunicorn_logger.Logger"]
    return {
        "watch": ["manage.py", "watch"],
        # Two, so that slow receivers never delay the tick.
        "dispatch": worker("dispatch", 1),
        "deliver": worker("deliver", 2),
        "beat": beat(),
        "web": web(port, 2, *logs, "--graceful-timeout", "5"),
    }


def wait_until_healthy(port: int, children: list[Child], signals: Signals) -> None:
    deadline = time.monotonic() + START_WITHIN
    while not answers(port):
        signals.check()
        check_alive(children)
        if time.monotonic() > deadline:
            raise Problem(f"The web server does not answer on port {port} (.foam/log/web.log).")
        time.sleep(0.1)


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def supervise(
    servers: list[Child],
    children: list[Child],
    launch: Callable[[str], Child],
    signals: Signals,
) -> None:
    tails = [Tail(child) for child in children]
    while True:
        for tail in tails:
            for line in tail.troubles():
                say(line)
        signals.check()
        check_alive(servers)
        revive(children, launch)
        time.sleep(0.1)


def check_alive(children: list[Child]) -> None:
    for child in children:
        if child.exit_code is not None:
            raise Problem(death_report(child))


def revive(children: list[Child], launch: Callable[[str], Child]) -> None:
    """Start ended processes again, as systemd and Docker do; raise Problem if one ends at once."""
    for i, child in enumerate(children):
        if child.exit_code is None:
            continue
        if time.monotonic() - child.began < LASTING:
            raise Problem(death_report(child))
        say(paint(f"{death_report(child)}\n  It is started again.", "yellow"))
        kill_group(child)
        children[i] = launch(child.name)


def death_report(child: Child) -> str:
    code = child.exit_code or 0
    how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
    last = "\n".join(f"  {line}" for line in child.last_words())
    return f"{child.name} stopped by itself ({how}). The end of {short_path(child.log)}:\n{last}"


def short_path(path: object) -> str:
    relative = os.path.relpath(str(path))
    return str(path) if relative.startswith("..") else relative


def welcome(port: int, credentials: str) -> str:
    base = f"http://127.0.0.1:{port}"
    pages = {"welcome": "/", "docs": "/docs", "API": "/api/v1/", "admin": "/admin/"}
    lines = [f"  {name:<9} {paint(base + path, 'cyan')}" for name, path in pages.items()]
    lines += [f"  {line}" for line in credentials.splitlines()]
    farewell = paint("  Ctrl-C stops everything; your data stays.", "dim")
    return "\n".join(["", *lines, "", farewell, ""])
