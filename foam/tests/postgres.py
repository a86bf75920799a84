"""A PostgreSQL of a test's own: frozen, thawed, followed by a standby."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg

from foam.tests.processes import wait_until
from tools.local_stack.data_dir import Folder
from tools.local_stack.processes import Child, Signals, stop
from tools.local_stack.servers import POSTGRES_ENV, Postgres

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals() -> Iterator[Signals]:
    with ExitStack() as exits:
        for number in HANDLED:
            exits.callback(signal.signal, number, signal.getsignal(number))
        yield Signals()


@contextmanager
def server() -> Iterator[tuple[Child, str]]:
    """Run an empty PostgreSQL; yield its process and its address."""
    with signals() as handled, Folder.ephemeral() as folder:
        child, url = Postgres(folder, ephemeral=True).start(handled)
        try:
            yield child, url
        finally:
            thaw(child.process.pid)
            stop(child, handled, 20)
            folder.remove()


class Standby(Postgres):
    """A copy of a running server, which follows it until it is promoted."""

    def __init__(self, folder: Folder, url: str) -> None:
        super().__init__(folder, ephemeral=True)
        self.primary = urlsplit(url)
        self.data = folder.home / "standby"
        self.log = folder.log / "standby.log"

    def initialize(self, binaries: Path) -> None:
        self.folder.directory("standby")
        self.command(
            [
                binaries / "pg_basebackup",
                f"--dbname={self.primary.geturl()}",
                f"--pgdata={self.data}",
                "--write-recovery-conf",
                "--checkpoint=fast",
            ]
        )

    def start(self, signals: Signals, port: int = 0) -> tuple[Child, str]:
        if not self.data.exists():
            self.initialize(self.binaries())
        return super().start(signals, port)

    def is_ready(self, child: Child, port: int) -> bool:
        with suppress(psycopg.Error), psycopg.connect(self.url(port), connect_timeout=2):
            return True
        return False

    def url(self, port: int) -> str:
        login = self.primary.netloc.rpartition("@")[0]
        return self.primary._replace(netloc=f"{login}@127.0.0.1:{port}").geturl()

    def promote(self) -> None:
        subprocess.run(
            [self.binaries() / "pg_ctl", "promote", "--wait", "-D", self.data],
            check=True,
            capture_output=True,
            cwd="/",
            env=POSTGRES_ENV,
            **self.folder.user,
        )


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for each in found:
        with suppress(OSError):
            children = Path(f"/proc/{each}/task/{each}/children").read_text()
            found += [int(child) for child in children.split()]
    return found


def freeze(pid: int) -> None:
    """Stop a server's processes, the first one first: its kernel still answers for it."""
    os.kill(pid, signal.SIGSTOP)
    for each in family(pid)[1:]:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGSTOP)
    wait_until(lambda: all(map(is_stopped, family(pid))), 10, "the server is frozen")


def is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TZ"
    except OSError:
        return True


def thaw(pid: int) -> None:
    for each in family(pid):
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGCONT)


class Pair(NamedTuple):
    """The addresses of a primary and its standby."""

    primary: str
    standby: str
    follower: Standby

    @property
    def both(self) -> str:
        """The standby first: who takes the first that answers takes that."""
        login, _, address = urlsplit(self.primary).netloc.rpartition("@")
        other = urlsplit(self.standby).netloc.rpartition("@")[2]
        return urlsplit(self.primary)._replace(netloc=f"{login}@{other},{address}").geturl()


@contextmanager
def pair() -> Iterator[Pair]:
    with signals() as handled, Folder.ephemeral() as folder, ExitStack() as exits:
        exits.callback(folder.remove)
        first, primary = Postgres(folder, ephemeral=True).start(handled)
        exits.callback(end, first, handled)
        follower = Standby(folder, primary)
        second, standby = follower.start(handled)
        exits.callback(end, second, handled)
        yield Pair(primary, follower.url(urlsplit(standby).port or 0), follower)


def end(child: Child, handled: Signals) -> None:
    thaw(child.process.pid)
    stop(child, handled, 20)
