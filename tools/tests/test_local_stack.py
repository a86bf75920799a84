"""The local stack: real servers and processes, stopped and killed in every way we know."""

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tools.local_stack.data_dir import EPHEMERAL_PREFIX, PROJECT, Folder
from tools.local_stack.environment import publish, running_environment
from tools.local_stack.external_servers import check_database, check_redis
from tools.local_stack.logs import Tail
from tools.local_stack.ports import check_port
from tools.local_stack.processes import Child
from tools.local_stack.terminal import Problem

PATIENCE = 60
# `foam` itself would import Celery, which is of no use here and slow.
SUPERVISOR = """
import sys, types
foam = sys.modules["foam"] = types.ModuleType("foam")
sys.path.insert(0, sys.argv.pop(1))
foam.__path__ = [sys.path[0] + "/foam"]
from tools.local_stack.__main__ import main
sys.exit(main())
"""
SQL = """
import os, sys, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    rows = connection.execute(sys.argv[1])
    print(rows.fetchone()[0] if rows.description else "done")
"""
REDIS = """
import os, sys, redis
print(redis.Redis.from_url(os.environ["REDIS_URL"]).execute_command(*sys.argv[1:]))
"""
# Tells where the servers are, then stays.
STAY = "import os, time; print(os.environ['DATABASE_URL'], flush=True); time.sleep(60)"


def environment(project: Path, **extra: str) -> dict[str, str]:
    ours = ("DATABASE_URL", "REDIS_URL", "MAKELEVEL")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "PYTHONPATH": str(PROJECT), "FOAM_DATA": str(project / ".foam"), **extra}


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", SUPERVISOR, str(PROJECT), *words]


def ask(project: Path, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        env=environment(project, **extra),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def execute_python(project: Path, code: str, *words: str) -> str:
    done = ask(project, "exec", "--", sys.executable, "-c", code, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.02)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def supervised(
    project: Path, *words: str, **extra: str
) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Run a supervisor whose command says a line when it is up; yield it and its descendants."""
    supervisor = subprocess.Popen(
        command("exec", *words, "--", sys.executable, "-c", STAY),
        env=environment(project, **extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    family: list[psutil.Process] = []
    try:
        assert supervisor.stdout
        assert supervisor.stdout.readline().startswith("postgres://")
        family = psutil.Process(supervisor.pid).children(recursive=True)
        assert {"postgres", "python"} <= {process.name().rstrip(".1234") for process in family}
        yield supervisor, family
    finally:
        supervisor.kill()
        supervisor.communicate()
        kill(family)


@contextmanager
def new_project() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="foam-test-")).resolve()
    # Root's servers are another user.
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def project() -> Iterator[Path]:
    """One data directory for most tests, as making a cluster takes a second."""
    with new_project() as path:
        yield path


def test_a_command_finds_its_servers_and_its_exit_code_is_ours(project):
    done = ask(project, "exec", "--ephemeral", "--", sys.executable, "-c", "exit(7)")
    assert done.returncode == 7


def test_commands_write_bytecode_also_where_the_machine_says_they_should_not(project):
    code = "import sys; sys.exit(sys.dont_write_bytecode)"
    words = ("exec", "--", sys.executable, "-c", code)
    assert ask(project, *words, PYTHONDONTWRITEBYTECODE="1").returncode == 0


def test_ephemeral_data_is_removed(project):
    done = ask(
        project, "exec", "--ephemeral", "--", "sh", "-c", "echo $DATABASE_URL", TMPDIR=str(project)
    )
    assert done.stdout.startswith("postgres://foam:")
    assert list(project.glob(EPHEMERAL_PREFIX + "*")) == []


def test_what_a_killed_supervisor_left_is_removed_by_the_next(project):
    left = project / (EPHEMERAL_PREFIX + "left")
    left.mkdir()
    (left / "lock").touch()
    ask(project, "exec", "--ephemeral", "--", "true", TMPDIR=str(project))
    assert not left.exists()


def test_data_survives_a_stop(project):
    execute_python(project, SQL, "create table if not exists kept as select 42 as answer")
    execute_python(project, REDIS, "set", "kept", "42")
    assert execute_python(project, SQL, "select answer from kept") == "42"
    assert execute_python(project, REDIS, "get", "kept") == "b'42'"


def test_data_survives_a_kill_and_nothing_is_left_running(project):
    execute_python(project, SQL, "create table if not exists kept as select 42 as answer")
    with supervised(project) as (supervisor, family):
        supervisor.kill()
        until(lambda: not alive(family))
    assert execute_python(project, SQL, "select answer from kept") == "42"


def test_data_survives_a_kill_of_the_servers_themselves(project):
    execute_python(project, SQL, "create table if not exists kept as select 42 as answer")
    with supervised(project) as (supervisor, family):
        kill(family)
        until(lambda: supervisor.poll() is not None)
    assert (project / ".foam" / "pg" / "postmaster.pid").exists()
    assert execute_python(project, SQL, "select answer from kept") == "42"


def test_pid_file_that_names_a_stranger_does_not_stop_the_start(project):
    execute_python(project, SQL, "select 1")
    pid_file = project / ".foam" / "pg" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n")
    assert execute_python(project, SQL, "select 1") == "1"


def test_sigterm_stops_everything(project):
    with supervised(project) as (supervisor, family):
        supervisor.terminate()
        assert supervisor.wait(PATIENCE) == 128 + signal.SIGTERM
        assert not alive(family)


def test_death_of_make_stops_everything(project):
    script = shlex.join(command("exec", "--", sys.executable, "-c", STAY))
    make = subprocess.Popen(
        ["sh", "-c", f"{script} & echo $!; wait"],
        env=environment(project, MAKELEVEL="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert make.stdout
    supervisor = psutil.Process(int(make.stdout.readline()))
    assert make.stdout.readline().startswith("postgres://")
    family = [supervisor, *supervisor.children(recursive=True)]
    make.kill()
    until(lambda: not alive(family))
    make.communicate()


def test_second_supervisor_of_a_directory_says_so(project):
    with supervised(project) as (supervisor, _):
        done = ask(project, "exec", "--", "true")
    assert done.returncode == 1
    assert f"already runs in this folder (process {supervisor.pid})" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_half_made_cluster_is_not_used():
    with new_project() as project:
        half = project / ".foam" / "pg.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18")
        (project / ".foam").chmod(0o755)
        assert execute_python(project, SQL, "select 1") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers are another user")
def test_root_in_a_private_directory_keeps_data_where_its_servers_reach_it(tmp_path):
    project = tmp_path / "project"
    project.mkdir(mode=0o700)
    assert execute_python(project, SQL, "select 1") == "1"
    elsewhere = (project / ".foam" / "servers").resolve()
    assert (elsewhere / "pg").exists()
    shutil.rmtree(elsewhere)


def test_nobody_gets_in_without_the_password(project):
    with supervised(project) as (supervisor, _):
        port = max(
            connection.laddr.port
            for child in psutil.Process(supervisor.pid).children()
            for connection in child.net_connections()
            if child.name() == "postgres"
        )
        with pytest.raises(Problem, match="password"):
            check_database(f"postgres://foam:guess@127.0.0.1:{port}/foam")
    for secret in ("secrets.json", "foam.password"):
        facts = (project / ".foam" / secret).stat()
        # Ours, and not the servers' either.
        assert (facts.st_mode & 0o777, facts.st_uid) == (0o600, os.geteuid())
    assert not (project / ".foam" / "initdb.password").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers are another user")
def test_servers_of_root_run_as_a_user_that_nothing_else_is(project):
    with supervised(project) as (_, family):
        users = {process.name(): process.uids().effective for process in family}
    servers = {number for name, number in users.items() if "python" not in name}
    assert len(servers) == 1
    with pytest.raises(KeyError):
        pwd.getpwuid(servers.pop())
    inner = {path.stat().st_uid for path in (project / ".foam" / "pg").rglob("*")}
    assert inner == {(project / ".foam" / "pg").stat().st_uid}
    assert (project / ".foam" / "pg").stat().st_mode & 0o77 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers are another user")
def test_cluster_of_before_is_given_to_that_user_with_its_password():
    with new_project() as project:
        assert execute_python(project, SQL, "select 1") == "1"
        data, password = project / ".foam" / "pg", project / ".foam" / "foam.password"
        password.rename(data / "foam.password")
        for path in [data, *data.rglob("*")]:
            os.chown(path, *pwd.getpwnam("nobody")[2:4])
        assert execute_python(project, SQL, "select 1") == "1"
        assert password.stat().st_uid == 0
        assert not (data / "foam.password").exists()


def test_role_of_foam_owns_its_database_and_nothing_else(project):
    query = """
    SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls, datname
    FROM pg_roles JOIN pg_database ON datdba = pg_roles.oid WHERE rolname = current_user
    """
    as_text = f"SELECT string_agg(x::text, ';') FROM ({query}) AS x"
    assert execute_python(project, SQL, as_text) == "(f,foam)"


def test_secrets_are_made_once(project):
    code = "import os; print(os.environ['SECRET_KEY'], os.environ['FOAM_ENCRYPTION_KEYS'])"
    assert execute_python(project, code) == execute_python(project, code)


def test_busy_port_is_one_line_that_names_the_holder():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Problem) as problem:
            check_port(port)
    assert f"Port {port} is taken by" in str(problem.value)
    assert f"(process {os.getpid()})" in str(problem.value)
    assert "make run FOAM_PORT=" in str(problem.value)


def test_port_that_is_none_is_one_line(project):
    done = ask(project, "run", FOAM_PORT="eighty")
    assert done.returncode == 1
    assert done.stderr == "FOAM_PORT is 'eighty'; a port is a number from 1 to 65535.\n"


def test_database_that_does_not_answer_is_named_without_its_password():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Problem) as problem:
        check_database(f"postgres://ada:hush@127.0.0.1:{port}/foam")
    assert f"foam on 127.0.0.1:{port}" in str(problem.value)
    assert "hush" not in str(problem.value)
    with pytest.raises(Problem) as problem:
        check_redis(f"redis://:hush@127.0.0.1:{port}/3")
    assert f"127.0.0.1:{port}, database 3" in str(problem.value)
    assert "hush" not in str(problem.value)


def test_named_servers_that_answer_are_used():
    database = urlsplit(os.environ["DATABASE_URL"])
    assert database.path.lstrip("/") in check_database(os.environ["DATABASE_URL"])
    assert check_redis(os.environ["REDIS_URL"]).startswith("Redis: ")


def test_only_warnings_and_errors_interrupt(tmp_path):
    log = tmp_path / "worker.log"
    log.write_text(
        "[2026-11-23 17:00:00] INFO ready\n"
        "[2026-11-23 17:00:01] ERROR it broke\n"
        "Traceback (most recent call last):\n"
        "  File 'x', line 1\n"
        "ValueError: no\n"
        '127.0.0.1 - - "GET /healthz"\n'
    )
    tail = Tail(Child("worker", None, log, signal.SIGTERM, signal.SIGKILL))  # type: ignore[arg-type]
    shown = [line.removeprefix("  worker ") for line in tail.troubles()]
    assert shown == [
        "[2026-11-23 17:00:01] ERROR it broke",
        "Traceback (most recent call last):",
        "  File 'x', line 1",
        "ValueError: no",
    ]


def test_run_fires_the_first_reminder_and_stops_when_told(project):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    run = subprocess.Popen(
        command("run"),
        env=environment(project, FOAM_PORT=port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert run.stdout
        shown = []
        while "delivered" not in (line := run.stdout.readline()) and line:
            shown.append(line)
        text = "".join(shown)
        assert "'Your first reminder' to" in line, text
        assert f"http://127.0.0.1:{port}/docs" in text
        family = psutil.Process(run.pid).children(recursive=True)
        assert ask(project, "exec", "--", "true").returncode == 0
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE)
        assert (run.returncode, alive(family)) == (0, [])
    finally:
        run.kill()
        run.communicate()


def test_run_with_a_wrong_setting_ends_with_the_sentence_about_it(project):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    run = ask(project, "run", FOAM_PORT=port, EMAIL_URL="nonsense")
    assert run.returncode == 1
    assert run.stderr.startswith("Not set up: ")
    assert "EMAIL_URL" in run.stderr
    assert "Traceback" not in run.stderr


def test_terminal_leaves_failed_attempts_to_watch(tmp_path):
    log = tmp_path / "deliver.log"
    log.write_text(
        "2026-11-30 06:57:38,863 WARNING notifications.outbox.record attempt failed delivery=1\n"
        "2026-11-30 06:57:38,863 WARNING notifications.outbox.record more attempts failed count=3\n"
        "2026-11-30 06:57:38,863 WARNING notifications.outbox could not wake the deliverers: x\n"
    )
    tail = Tail(Child("deliver", None, log, signal.SIGTERM, signal.SIGKILL))  # type: ignore[arg-type]
    lines = list(tail.troubles())
    assert len(lines) == 1
    assert "could not wake" in lines[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    for name in ("FOAM_PORT", "FOAM_BASE_URL", "EMAIL_URL"):
        monkeypatch.delenv(name, raising=False)
    return Folder(tmp_path, {})


def test_command_has_the_settings_of_the_foam_beside_it(folder):
    env = {"FOAM_BASE_URL": "http://127.0.0.1:8104", "EMAIL_URL": "smtp://mail:25", "HOME": "/x"}
    with publish(folder, env, {"DATABASE_URL": "postgres://one"}):
        running = running_environment(folder)
    assert running is not None
    assert running["FOAM_BASE_URL"] == "http://127.0.0.1:8104"
    assert running["EMAIL_URL"] == "smtp://mail:25"
    assert running["DATABASE_URL"] == "postgres://one"
    assert running["HOME"] != "/x"


def test_environment_of_a_command_is_stronger_than_the_foam_beside_it(folder, monkeypatch):
    monkeypatch.setenv("EMAIL_URL", "smtp://mine:25")
    with publish(folder, {"EMAIL_URL": "smtp://mail:25"}, {}):
        running = running_environment(folder)
    assert running is not None
    assert running["EMAIL_URL"] == "smtp://mine:25"


def test_no_environment_where_no_foam_runs(folder):
    assert running_environment(folder) is None
