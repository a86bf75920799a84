"""FOAM as docker-compose.yml runs it: its commands, environments and health checks, as written.

What a container has for itself is put in: the addresses of PostgreSQL and Redis, web's port, /tmp.
"""

import base64
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from foam.tests import processes
from foam.tests.deployment import compose
from foam.tests.deployment.image import Image
from tools.local_stack.data_dir import PROJECT
from tools.local_stack.processes import die_with_parent

WEB, WORKER, BEAT = "foam_web", "foam_celery_worker", "foam_celery_beat"
# As written in run.sh and docker-compose.yml.
PORT = "8000"


def secret_variables() -> dict[str, str]:
    """Return what docs/deployment.md has put into .env."""
    return {
        "SECRET_KEY": secrets.token_hex(32),
        "FOAM_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "POSTGRES_PASSWORD": secrets.token_hex(32),
        "REDIS_PASSWORD": secrets.token_hex(32),
    }


class Installation:
    """The services of a compose file, run by an image on a database and a Redis."""

    def __init__(
        self,
        image: Image,
        variables: Mapping[str, str],
        servers: Mapping[str, str],
        folder: Path,
        *,
        file: Path = PROJECT / "docker-compose.yml",
    ) -> None:
        self.image = image
        self.port = processes.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.variables = variables
        variables = {"FOAM_BASE_URL": self.url, "ALLOWED_HOSTS": "127.0.0.1", **variables}
        self.services = compose.services(file.read_text(), variables)
        self.servers = servers
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.exits = ExitStack()
        # Each container has a /tmp of its own.
        self.tmp = Path(tempfile.mkdtemp(prefix="foam-production-"))
        self.tmp.chmod(0o1777)
        self.exits.callback(subprocess.run, ["rm", "-rf", str(self.tmp)], check=True)

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, *error: object) -> None:
        self.exits.close()

    def tmp_of(self, name: str) -> Path:
        folder = self.tmp / name
        folder.mkdir(exist_ok=True)
        folder.chmod(0o1777)
        return folder

    def environment(self, name: str) -> dict[str, str]:
        given = self.services[name].environment
        return {
            **self.image.env,
            **{key: self.here(value, name) for key, value in given.items()},
            **self.servers,
            "TMPDIR": str(self.tmp_of(name)),
            "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self.port}",
        }

    def here(self, text: str, name: str) -> str:
        """Return a text of the compose file with what a container has for itself put in."""
        return self.image.local(text).replace("/tmp/", f"{self.tmp_of(name)}/")

    def start(self, name: str) -> subprocess.Popen[bytes]:
        words = self.services[name].command or self.image.command
        log = self.exits.enter_context((self.folder / f"{name}.log").open("ab"))
        process = subprocess.Popen(
            [self.here(word, name) for word in words],
            cwd=self.image.app,
            env=self.environment(name),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
            **self.image.user,
        )
        self.processes[name] = process
        self.exits.callback(end, process)
        return process

    def is_healthy(self, name: str) -> bool:
        """Run the health check of a service as it is written."""
        words = self.services[name].health_check
        if name == WEB:
            assert any(PORT in word for word in words)
            words = [word.replace(PORT, str(self.port)) for word in words]
        try:
            done = subprocess.run(
                [self.here(word, name) for word in words],
                cwd=self.image.app,
                env=self.environment(name),
                capture_output=True,
                timeout=self.services[name].patience("timeout"),
                check=False,
                **self.image.user,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def wait_until_healthy(self, name: str) -> None:
        """Wait for a service to come up, not quite as long as Compose does for web."""
        deadline = time.monotonic() + 180
        while not self.is_healthy(name):
            ended = self.processes[name].poll()
            assert ended is None, f"{name} ended with {ended}:\n{self.said(name)[-3000:]}"
            assert time.monotonic() < deadline, f"{name} is not healthy:\n{self.said(name)[-3000:]}"
            time.sleep(0.25)

    def up(self) -> None:
        """Start the services in the order that the compose file demands."""
        self.start(WEB)
        self.wait_until_healthy(WEB)
        for name in (WORKER, BEAT):
            self.start(name)
        for name in (WORKER, BEAT):
            self.wait_until_healthy(name)

    def stop(self, name: str) -> int:
        """Tell a service to end, kill it after its grace, as Docker does; return its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(self.services[name].patience("stop_grace_period"))
        except subprocess.TimeoutExpired:
            end(process)
            return process.returncode

    def manage(self, *words: str, **extra: str) -> str:
        """Run a command of manage.py in the container of web; return what it printed."""
        done = subprocess.run(
            ["python", "manage.py", *words],
            cwd=self.image.app,
            env={**self.environment(WEB), **extra},
            capture_output=True,
            text=True,
            check=False,
            **self.image.user,
        )
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
        return done.stdout.strip()

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")


def end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def new_database(url: str) -> Iterator[str]:
    """Yield the address of a database in which nothing was ever done, on the server of this one."""
    name = f"foam_new_{secrets.token_hex(8)}"
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    base, _, options = url.partition("?")
    try:
        yield f"{base.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")
    finally:
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)")
