"""F2, F17: the deployment gives no more rights than needed, and its commands show no secret."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings

from foam.tests import processes
from foam.tests.deployment import compose
from tools.local_stack.data_dir import Folder, named_user, write_private
from tools.local_stack.processes import die_with_parent
from tools.local_stack.servers import POSTGRES_ENV, Postgres, find_redis, options

ROOT = Path(settings.BASE_DIR)
COMPOSE = (ROOT / "docker-compose.yml").read_text()
VARIABLES = {
    "FOAM_BASE_URL": "http://localhost",
    "ALLOWED_HOSTS": "localhost",
    "SECRET_KEY": "x",
    "FOAM_ENCRYPTION_KEYS": "x",
    "POSTGRES_PASSWORD": secrets.token_hex(16),
    "REDIS_PASSWORD": secrets.token_hex(16),
}
SERVICES = compose.services(COMPOSE, VARIABLES)


def blocks(page, contains):
    """Return the blocks of commands of a page that contain a text."""
    text = (ROOT / "docs" / page).read_text()
    found = re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)
    return [block for block in found if contains in block]


def cmdlines():
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


# .env


def test_env_file_is_made_as_documented_for_its_owner_alone(tmp_path):
    shutil.copy(ROOT / ".env.example", tmp_path)
    [block] = blocks("deployment.md", "FOAM_ENCRYPTION_KEYS=$(")
    script = "".join(line for line in block.splitlines(True) if not line.startswith("docker"))
    subprocess.run(["sh", "-e", "-c", script], cwd=tmp_path, check=True)
    made = tmp_path / ".env"
    assert made.stat().st_mode & 0o777 == 0o600
    values = dict(re.findall(r"^([A-Z_]+)=(.*)$", made.read_text(), re.M))
    assert all(values.values())
    compose.services(COMPOSE, values)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_no_documented_command_has_a_password_among_its_words(page):
    for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", page.read_text(), re.S | re.M):
        for line in re.sub(r"<<END.*?^END$", "", block, flags=re.S | re.M).splitlines():
            words = [
                word for word in line.split(" #")[0].split() if "=" not in word.split("://")[0]
            ]
            assert not [word for word in words if re.search(r"://[^/\s]*:[^/\s]*@", word)], line
            assert not re.search(r"\$\{?(DATABASE|REDIS|EMAIL|FOAM_BROKER)_URL", line), line


# Redis


@pytest.fixture
def redis_of_compose(tmp_path):
    """The Redis of docker-compose.yml by its command as written, on a port of ours."""
    programs = tmp_path / "bin"
    programs.mkdir()
    port = processes.free_port()
    wrapper = programs / "redis-server"
    wrapper.write_text(
        f'#!/bin/sh\nexec {find_redis()} "$@" --port {port} --dir {tmp_path} --bind 127.0.0.1\n'
    )
    wrapper.chmod(0o755)
    service = SERVICES["foam_redis"]
    process = subprocess.Popen(
        service.command,
        env={"PATH": f"{programs}:{os.defpath}", **service.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    yield process, port
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def is_up(client):
    try:
        return client.ping()
    except redis.AuthenticationError:
        return True
    except redis.RedisError:
        return False


def test_redis_of_compose_wants_its_password_and_shows_it_to_no_other_user(redis_of_compose):
    process, port = redis_of_compose
    password = VARIABLES["REDIS_PASSWORD"]
    with redis.Redis(port=port) as stranger, redis.Redis(port=port, password=password) as foam:
        processes.wait_until(lambda: is_up(stranger), 20, "it answers")
        for words in (["PING"], ["INFO"], ["LPUSH", "foam:deliver", "x"], ["PUBLISH", "x", "y"]):
            with pytest.raises(redis.AuthenticationError):
                stranger.execute_command(*words)
        assert foam.ping()
        # One process, which gets Docker's SIGTERM itself.
        assert foam.info("server")["process_id"] == process.pid
        assert foam.config_get("appendonly") == {"appendonly": "yes"}
    assert not [line for line in cmdlines() if password in line]
    assert f":{password}@" in SERVICES["foam_web"].environment["REDIS_URL"]
    process.terminate()
    assert process.wait(20) == 0


def test_health_check_of_redis_has_its_password_in_the_environment_alone():
    service = SERVICES["foam_redis"]
    assert service.environment == {"REDISCLI_AUTH": VARIABLES["REDIS_PASSWORD"]}
    assert VARIABLES["REDIS_PASSWORD"] not in " ".join(service.health_check)


# PostgreSQL


@dataclass
class Container:
    """A PostgreSQL as its image makes one, after deploy/postgres/foam.sh has run."""

    port: int
    socket: Path
    binaries: Path

    @property
    def url(self):
        return f"postgres://foam:{VARIABLES['POSTGRES_PASSWORD']}@127.0.0.1:{self.port}/foam"

    @property
    def env(self):
        """What a client within the container has."""
        here = {"PGHOST": str(self.socket), "PGPORT": str(self.port)}
        return {**POSTGRES_ENV, "PATH": f"{self.binaries}:{os.defpath}", **here}


@pytest.fixture(scope="module")
def container():
    user = named_user()
    with Folder.ephemeral() as folder:
        binaries = Postgres(folder, ephemeral=True).binaries()
        data, socket = folder.home / "data", folder.home / "socket"
        password = folder.home / "password"
        write_private(password, VARIABLES["POSTGRES_PASSWORD"])
        for path in (data, socket):
            path.mkdir(mode=0o700)
        for path in (data, socket, password):
            folder.give_away(path, user)
        own = {"env": POSTGRES_ENV, "cwd": "/", **user}
        auth = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}"]
        words = [binaries / "initdb", f"--pgdata={data}", "--username=postgres", "--no-sync", *auth]
        words += ["--encoding=UTF8", "--locale=C"]
        subprocess.run(words, check=True, capture_output=True, **own)
        it = Container(processes.free_port(), socket, binaries)
        where = [f"port={it.port}", f"unix_socket_directories={socket}", "fsync=off"]
        where.append("listen_addresses=127.0.0.1")
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options(where)],
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent(signal.SIGKILL),
            **own,
        )
        try:
            processes.wait_until(lambda: is_ready(it), 30, "PostgreSQL is ready")
            subprocess.run(
                ["sh", "-s"],
                input=(ROOT / "deploy" / "postgres" / "foam.sh").read_bytes(),
                env={**it.env, "POSTGRES_PASSWORD": VARIABLES["POSTGRES_PASSWORD"]},
                check=True,
            )
            manage(it, "migrate_once")
            yield it
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(20)
            folder.remove()


def is_ready(container):
    words = [container.binaries / "pg_isready", "--quiet"]
    return subprocess.run(words, env=container.env, check=False).returncode == 0


def manage(container, *words):
    subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": container.url},
        check=True,
        capture_output=True,
    )


def test_role_of_foam_has_its_database_and_no_other_right(container):
    with psycopg.connect(container.url) as session:
        query = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls "
        rights = session.execute(f"{query} FROM pg_roles WHERE rolname = current_user").fetchone()
        assert rights == (False,) * 5
        owner = "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = current_user"
        assert session.execute(owner).fetchall() == [("foam",)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE ROLE eve SUPERUSER",
        "CREATE DATABASE eve",
        "ALTER ROLE foam SUPERUSER",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/eve'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid",
        "CREATE EXTENSION file_fdw",
        "ALTER SYSTEM SET shared_preload_libraries = 'eve'",
        "SET session_replication_role = replica",
        "SET ROLE postgres",
    ],
)
def test_role_of_foam_may_not(container, statement):
    with (
        psycopg.connect(container.url, autocommit=True) as session,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)),
    ):
        session.execute(statement)


def test_superuser_answers_on_the_socket_alone(container):
    password = VARIABLES["POSTGRES_PASSWORD"]
    for guess in (password, "postgres", ""):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgres://postgres:{guess}@127.0.0.1:{container.port}/postgres")
    assert subprocess.run(
        ["psql", "--username=postgres", "--command=SELECT 1"],
        env=container.env,
        check=True,
        capture_output=True,
    )


@pytest.mark.django_db
def test_foam_works_without_a_superuser(container, tmp_path):
    env = processes.environment(DATABASE_URL=container.url)
    with (
        processes.running(processes.worker("w"), env, tmp_path / "worker.log"),
        processes.running(processes.beat(), env, tmp_path / "beat.log"),
        psycopg.connect(container.url, autocommit=True) as session,
    ):
        beats = "SELECT count(*) FROM reminders_heartbeat"
        processes.wait_until(lambda: session.execute(beats).fetchone()[0], 60, "it ticks")
    assert "permission denied" not in (tmp_path / "worker.log").read_text()


# Backup and restore as documented


@pytest.fixture
def shell(container, tmp_path):
    """Return a function that runs a documented block, and the words of all its programs."""
    programs, record = tmp_path / "bin", tmp_path / "words"
    programs.mkdir()
    record.touch()

    def program(name, then):
        path = programs / name
        path.write_text(f"#!/bin/sh\ncat /proc/$$/cmdline >> {record}\n{then}\n")
        path.chmod(0o755)

    for name in ("pg_dump", "pg_restore", "createdb", "dropdb"):
        program(name, f'exec {container.binaries}/{name} "$@"')
    inner = f"PGHOST={container.socket} PGPORT={container.port}"
    program(
        "docker",
        f'[ "$1" = compose ] || exit 9\nlast=$2\n'
        f'case "$2" in\n exec) shift 4; {inner} exec "$@";;\n'
        f' run) shift 4; cd {ROOT} && exec "$@";;\n'
        f" stop|up) ;;\n *) exit 9;;\nesac",
    )

    def run(block):
        subprocess.run(
            ["sh", "-e", "-c", block],
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "PGPORT": str(container.port),
                "DATABASE_URL": container.url,
            },
            check=True,
            capture_output=True,
            umask=0o022,
        )
        return record.read_text()

    return run


def test_backup_and_restore_with_docker_as_documented(container, shell, tmp_path):
    [backup] = [b for b in blocks("operations.md", "> foam.dump\n") if "umask" in b]
    [restore] = blocks("operations.md", "< foam.dump\n")
    manage(container, "createsuperuser", "--noinput", "--username=ada", "--email=ada@example.org")
    words = shell(backup)
    assert (tmp_path / "foam.dump").stat().st_mode & 0o777 == 0o600
    with psycopg.connect(container.url) as session:
        session.execute("UPDATE accounts_user SET username = 'eve' WHERE username = 'ada'")
    words = shell(restore)
    assert VARIABLES["POSTGRES_PASSWORD"] not in words
    assert "pg_restore" in words
    with psycopg.connect(container.url) as session:
        count = "SELECT count(*) FROM accounts_user WHERE username = 'ada'"
        assert session.execute(count).fetchone() == (1,)
        foreign = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        foreign += "AND pg_get_userbyid(relowner) <> 'foam'"
        assert session.execute(foreign).fetchone() == (0,)


def test_backup_without_docker_as_documented(container, shell, tmp_path):
    [backup] = blocks("operations.md", "PGPASSFILE")
    login = tmp_path / ".foam.pgpass"
    password = VARIABLES["POSTGRES_PASSWORD"]
    login.write_text(f"localhost:{container.port}:foam:foam:{password}\n")
    login.chmod(0o600)
    assert password not in shell(backup)
    dump = tmp_path / "foam.dump"
    assert dump.stat().st_mode & 0o777 == 0o600
    assert dump.stat().st_size > 10_000
