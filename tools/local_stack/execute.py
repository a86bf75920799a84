"""Runs one command with servers for as long as it runs."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tools.local_stack.data_dir import Folder, Locked
from tools.local_stack.environment import development, running_environment, servers
from tools.local_stack.processes import POLL, Signals, Stop, die_with_parent
from tools.local_stack.terminal import Problem, leave_stdout_alone

PATIENCE = 10


def run_command(words: list[str], signals: Signals, *, ephemeral: bool) -> int:
    leave_stdout_alone()
    if not shutil.which(words[0]):
        raise Problem(f"{words[0]}: no such command.")
    try:
        with (
            folder_for(ephemeral) as folder,
            servers(folder, signals, ephemeral=ephemeral) as (
                urls,
                _,
            ),
        ):
            return run_and_wait(words, development(folder, urls), signals)
    except Locked as locked:
        # Beside `run`, in its folder and with its servers.
        env = running_environment(locked.folder)
        if env is None:
            raise
        return run_and_wait(words, env, signals)


@contextmanager
def folder_for(ephemeral: bool) -> Iterator[Folder | None]:
    if not ephemeral:
        with Folder.persistent() as folder:
            yield folder
    elif os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        yield None
    else:
        folder = Folder.ephemeral()
        try:
            yield folder
        finally:
            folder.remove()


def run_and_wait(words: list[str], env: dict[str, str], signals: Signals) -> int:
    """Run a command and wait for it; the terminal sends Ctrl-C to the command as well."""
    signals.check()
    process = subprocess.Popen(words, env=env, preexec_fn=die_with_parent(signal.SIGTERM))
    while process.poll() is None:
        numbers = {number for number in signals.received if number != signal.SIGINT}
        if numbers or signals.orphaned:
            terminate(process)
            raise Stop(numbers.pop() if numbers else signal.SIGHUP)
        time.sleep(POLL)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def terminate(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
