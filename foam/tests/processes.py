"""FOAM's own processes, as an operator runs them, against the test database."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from tools.local_stack.processes import die_with_parent

PROJECT = Path(settings.BASE_DIR)


def environment(**extra: str) -> dict[str, str]:
    """Return what the processes need to find the test database, and queues of their own."""
    database = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    return {
        **os.environ,
        "DATABASE_URL": database._replace(path=f"/{name}").geturl(),
        "FOAM_REDIS_PREFIX": f"foamtest-{os.getpid()}-{time.monotonic_ns()}:",
        "PYTHONUNBUFFERED": "1",
        # Tests ask again and again from one address.
        "FOAM_API_ANONYMOUS_RATE": "off",
        **extra,
    }


@contextmanager
def running(words: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m words...` in a session of its own, and leave nothing of it behind."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=PROJECT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    try:
        yield process
    finally:
        # Nothing here is worth a farewell, which takes a worker five seconds.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def web(port: int, workers: int = 1) -> list[str]:
    return [
        "gunicorn",
        "foam.wsgi",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        str(workers),
        "--no-control-socket",
    ]


def worker(name: str) -> list[str]:
    queues = ["--queues", "dispatch,deliver", "--concurrency", "2"]
    quiet = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    return [
        "celery",
        "-A",
        "foam",
        "worker",
        *queues,
        *quiet,
        "--hostname",
        f"{name}@%h",
        "-l",
        "INFO",
    ]


def beat() -> list[str]:
    return ["celery", "-A", "foam", "beat", "-l", "INFO", "--pidfile", ""]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Return as soon as the condition holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False
