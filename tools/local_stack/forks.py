"""Programs of FOAM as forks of a process that has imported FOAM once for all of them.

The import takes longer than the rest of a program's start.
"""

import importlib
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkProcess
from pathlib import Path

from tools.local_stack.data_dir import PROJECT
from tools.local_stack.processes import HANDLED, ON_LINUX, Child, die_with_parent

# The modules that the programs share. Their import neither opens a connection nor starts a thread,
# nor makes this process a service, as the import of foam.wsgi does.
MODULES = (
    *("foam.urls", "celery.bin.celery", "celery.apps.worker", "celery.apps.beat"),
    *("gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "kombu.transport.redis"),
)


class Fork(ForkProcess):
    """A process that has the methods of subprocess.Popen which `Child` uses."""

    @property
    def pid(self) -> int:
        return super().pid or 0

    def poll(self) -> int | None:
        return self.exitcode

    def wait(self) -> None:
        self.join()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def import_foam(env: Mapping[str, str]) -> bool:
    """Import FOAM with the settings in `env`; return False if programs must import it themselves.

    The programs then report themselves what is wrong with FOAM or its settings.
    """
    if not ON_LINUX:
        # Other systems forbid the use of their libraries after a fork.
        return False
    os.environ.update(env)
    # If a machine sets it, each start compiles two thousand modules anew.
    sys.dont_write_bytecode = False
    sys.path.insert(0, str(PROJECT))
    try:
        import django  # noqa: PLC0415  Most commands of this package need no Django.

        django.setup()
        for name in MODULES:
            importlib.import_module(name)
    except (Exception, SystemExit):
        return False
    return True


def fork(
    name: str,
    words: Sequence[str],
    *,
    log: Path,
    shows_output: bool = False,
    hurry_signal: int = signal.SIGKILL,
    death_signal: int = signal.SIGTERM,
) -> Child:
    """Start `python words...` as `processes.start` does."""
    prepare = die_with_parent(death_signal)

    def run() -> None:
        os.setsid()
        prepare()
        for number in HANDLED:
            signal.signal(number, signal.SIG_DFL)
        os.chdir(PROJECT)
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        for stream in (2,) if shows_output else (1, 2):
            os.dup2(output, stream)
        is_module = words[0] == "-m"
        sys.argv = list(words[1:] if is_module else words)
        if is_module:
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(words[0], run_name="__main__")

    process = Fork(target=run, name=name)
    process.start()
    return Child(name, process, log, signal.SIGTERM, hurry_signal)
