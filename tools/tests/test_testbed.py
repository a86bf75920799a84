"""The rig: real servers and processes that are broken on purpose, and receivers that misbehave."""

import http.client
from collections import Counter
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
import redis

from tools.testbed.receiver import BEHAVIOURS, CUT, HUNG, Behaviour, Receiver
from tools.testbed.testbed import Rig

STAY = ["-c", "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"]


@pytest.fixture(scope="module")
def rig():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", "postgres://operator@127.0.0.1:5432/precious")
        patch.setenv("EMAIL_URL", "smtp://mail.example.com")
        with Rig(settings={"FOAM_LEASE_SECONDS": "60"}) as rig:
            yield rig


def sql(rig, statement):
    with psycopg.connect(rig.url("postgres")) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone() if cursor.description else None


@pytest.mark.e2e
def test_rig_takes_nothing_that_foam_reads_from_its_caller(rig):
    assert rig.env["DATABASE_URL"] == rig.url("postgres")
    assert rig.env["FOAM_LEASE_SECONDS"] == "60"
    assert "EMAIL_URL" not in rig.env
    assert urlsplit(rig.env["DATABASE_URL"]).port != 5432


@pytest.mark.e2e
def test_rig_is_not_entered_by_a_process_that_may_know_another_database(rig):
    with pytest.raises(RuntimeError, match="another database"):
        rig.enter()


@pytest.mark.e2e
def test_crashed_postgres_comes_back_where_it_was_with_what_it_held(rig):
    sql(rig, "CREATE TABLE kept AS SELECT 1843 AS number")
    url = rig.url("postgres")
    sql(rig, "CHECKPOINT")
    rig.restart_postgres(crash=True)
    assert rig.url("postgres") == url
    assert sql(rig, "SELECT number FROM kept") == (1843,)


@pytest.mark.e2e
@pytest.mark.parametrize("empty", [Rig.flush_broker, Rig.restart_redis])
def test_broker_is_emptied(rig, empty):
    with redis.Redis.from_url(rig.url("redis")) as broker:
        broker.set("wake-up", "1")
        empty(rig)
        assert broker.get("wake-up") is None


@pytest.mark.e2e
def test_killed_program_takes_its_children_along_and_can_be_started_again(rig):
    rig.start("doomed", STAY)
    program = psutil.Process(rig.programs["doomed"].process.pid)
    rig.wait_until(program.children, 30, "it has a child")
    (child,) = program.children()
    rig.kill("doomed")
    rig.wait_until(lambda: not child.is_running() or child.status() == "zombie", 30, "gone")
    rig.start_again("doomed")
    rig.kill("doomed")


@pytest.mark.e2e
def test_program_that_ends_by_itself_is_found_with_its_last_words(rig):
    rig.start("short", ["-c", "print('farewell', flush=True)"])
    rig.wait_until(lambda: rig.programs["short"].exit_code is not None, 30, "it ends")
    assert "farewell" in rig.ended()["short"]


def post(url, id_, timeout=10.0):
    """Return the status, or the name of what happened instead."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        connection.request("POST", "/", b'{"n": 1}', {"webhook-id": id_})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def test_receiver_records_what_it_was_sent_and_what_it_answered():
    with Receiver([Behaviour()], bodies=True) as receiver:
        assert post(receiver.urls[0], "foam_1_a") == 200
        (record,) = receiver.records()
    assert (record.id, record.status, record.body) == ("foam_1_a", 200, b'{"n": 1}')
    assert record.is_accepted


def test_dead_receiver_refuses_until_it_is_well_again():
    with Receiver([BEHAVIOURS["dead"]]) as receiver:
        assert post(receiver.urls[0], "foam_1_a") == "ConnectionRefusedError"
        receiver.behave(0, BEHAVIOURS["instant"])
        assert post(receiver.urls[0], "foam_1_a") == 200
        receiver.behave(0, BEHAVIOURS["dead"])
        assert post(receiver.urls[0], "foam_1_a") == "ConnectionRefusedError"


def test_flaky_receiver_fails_a_message_once_at_most():
    with Receiver([Behaviour(failing=1.0)]) as receiver:
        first = Counter(post(receiver.urls[0], f"foam_{number}_a") for number in range(30))
        again = {post(receiver.urls[0], f"foam_{number}_a") for number in range(30)}
        statuses = [record.status for record in receiver.records()]
    assert set(first) == {500, 503, "RemoteDisconnected"} or set(first) == {500, 503} | {
        "ConnectionResetError"
    }
    assert again == {200}
    assert statuses.count(CUT) + statuses.count(500) + statuses.count(503) == 30


def test_hanging_receiver_never_answers():
    with Receiver([BEHAVIOURS["hang"]]) as receiver:
        assert post(receiver.urls[0], "foam_1_a", timeout=1) == "TimeoutError"
        assert [record.status for record in receiver.records()] == [HUNG]
        assert receiver.count() == 0


def test_forgetful_receiver_accepts_what_it_loses():
    with Receiver([Behaviour(loses=1.0)]) as receiver:
        assert post(receiver.urls[0], "foam_1_a") == 200
        assert receiver.records() == []
