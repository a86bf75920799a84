"""The data directory of a local stack: ./.foam, or a temporary directory that is removed."""

import base64
import contextlib
import fcntl
import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tools.local_stack.terminal import Problem

PROJECT = Path(__file__).resolve().parents[2]
EPHEMERAL_PREFIX = "foam-ephemeral-"
# FOAM makes directories of its own in these, with names that cannot be guessed.
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  as said above
LASTING = ("/var/lib", "/var/tmp")  # noqa: S108  likewise

# Extra arguments for Popen.
User = dict[str, Any]
# Debian gives these to packages on request: no tool takes one of them by itself.
PRIVATE_NUMBERS = range(64_740, 64_750)


def server_user() -> User:
    """Return Popen's arguments for an unprivileged user if this is root, else none.

    PostgreSQL refuses to run as root. The user is a number without a name, which nothing else on
    the machine has: services of one user could read the database.
    """
    if os.geteuid() != 0:
        return {}
    for number in PRIVATE_NUMBERS:
        user: User = {"user": number, "group": number, "extra_groups": []}
        if not is_taken(number) and is_possible(number):
            return user
    return named_user()


def is_taken(number: int) -> bool:
    try:
        pwd.getpwuid(number)
    except KeyError:
        return False
    return True


@cache
def is_possible(number: int) -> bool:
    """Whether a process may become this user: a container may have fewer numbers."""
    try:
        subprocess.run(["true"], check=True, cwd="/", user=number, group=number, extra_groups=[])
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def named_user() -> User:
    """Return Popen's arguments for an unprivileged user of the system if this is root, else none.

    PostgreSQL's initdb wants a user with a name.
    """
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Problem("PostgreSQL cannot run as root, and there is no user nobody.") from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def can_use(path: Path, user: User) -> bool:
    """Whether the servers' user may enter a directory or run a file, through all above it."""
    process = subprocess.run(["test", "-x", path, "-a", "-r", path], cwd="/", check=False, **user)
    return process.returncode == 0


class Locked(Problem):
    """Another process supervises this folder."""

    def __init__(self, folder: "Folder", holder: str) -> None:
        super().__init__(
            f"FOAM already runs in this folder ({holder}). Stop it first, or give this one "
            "a folder and a port of its own with FOAM_DATA and FOAM_PORT."
        )
        self.folder = folder


class Folder:
    """A data directory and the lock that makes us its only supervisor."""

    def __init__(self, path: Path, user: User) -> None:
        self.path = path
        self.user = user
        self.home = path
        self._lock: int | None = None

    @classmethod
    def persistent(cls) -> "Folder":
        folder = cls(
            Path(os.environ.get("FOAM_DATA") or PROJECT / ".foam").resolve(), server_user()
        )
        try:
            folder.path.mkdir(mode=folder.mode, parents=True, exist_ok=True)
            folder.home = folder._reachable_home()
            folder.log.mkdir(mode=0o700, exist_ok=True)
            folder.lock()
        except PermissionError as error:
            raise Problem(
                f"{error.filename} belongs to another user: run as that user, or remove "
                f"{folder.path}."
            ) from None
        return folder

    @classmethod
    def ephemeral(cls) -> "Folder":
        user = server_user()
        for base in dict.fromkeys([tempfile.gettempdir(), *TEMPORARY]):
            path = Path(tempfile.mkdtemp(prefix=EPHEMERAL_PREFIX, dir=base)).resolve()
            folder = cls(path, user)
            path.chmod(folder.mode)
            if can_use(path, user):
                remove_left_over(path.parent)
                folder.log.mkdir(mode=0o700)
                folder.lock()
                return folder
            path.rmdir()
        raise Problem("PostgreSQL cannot run as root, and its user has no temporary directory.")

    @property
    def mode(self) -> int:
        # Root's servers are another user and have to pass through.
        return 0o755 if self.user else 0o700

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def running(self) -> Path:
        """The file with the addresses of the servers while `run` runs."""
        return self.path / "running.json"

    def _reachable_home(self) -> Path:
        """Return the folder for the servers' data: elsewhere if their user cannot read `path`.

        The link `servers` leads there, as from a checkout under /root.
        """
        if can_use(self.path, self.user):
            return self.path
        link = self.path / "servers"
        if not link.exists():
            base = next(base for base in LASTING if os.access(base, os.W_OK))
            target = Path(tempfile.mkdtemp(prefix="foam-", dir=base))
            target.chmod(self.mode)
            link.unlink(missing_ok=True)
            link.symlink_to(target)
        return link.resolve()

    def directory(self, name: str) -> Path:
        """Make a directory for a server, owned by the user it runs as."""
        path = self.home / name
        path.mkdir(mode=0o700, exist_ok=True)
        self.give_away(path)
        return path

    def give_away(self, path: Path, user: User | None = None) -> None:
        """Make the servers' user, or another, the owner of a file."""
        if user := user or self.user:
            os.chown(path, user["user"], user["group"])

    def give_tree_away(self, path: Path) -> None:
        """Make the servers' user the owner of a directory and all in it."""
        if self.user and path.stat().st_uid != self.user["user"]:
            for inner in path.rglob("*"):
                os.chown(inner, self.user["user"], self.user["group"], follow_symlinks=False)
            # Last: a directory of the right owner is whole.
            self.give_away(path)

    def lock(self) -> None:
        self._lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._lock, 200).decode() or "another process"
            os.close(self._lock)
            raise Locked(self, holder) from None
        # A supervisor that was killed leaves this file behind.
        self.running.unlink(missing_ok=True)
        self.sign(f"process {os.getpid()}")

    def sign(self, words: str) -> None:
        """Write the name of the holder into the lock file."""
        assert self._lock is not None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, words.encode(), 0)

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *error: object) -> None:
        assert self._lock is not None
        os.ftruncate(self._lock, 0)
        os.close(self._lock)

    def remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.path, ignore_errors=True)


def remove_left_over(base: Path) -> None:
    """Clear away ephemeral directories whose supervisor was killed."""
    for path in base.glob(EPHEMERAL_PREFIX + "*"):
        with contextlib.suppress(OSError):
            lock = os.open(path / "lock", os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)


def secrets_of(folder: Folder | None) -> dict[str, str]:
    """Return the secrets of development: from the folder, or new ones for this run alone."""
    new_secrets = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FOAM_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    if folder is None:
        return new_secrets
    path = folder.path / "secrets.json"
    if not path.exists():
        write_private(path, json.dumps(new_secrets))
    secrets_in_file: dict[str, str] = json.loads(path.read_text())
    return secrets_in_file


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as stream:
        stream.write(text)
    new.rename(path)
