"""FOAM's cache: in PostgreSQL, for all processes, and never emptied to make room."""

import base64
import pickle
import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from celery import current_app
from django.core.cache import cache
from django.db import connection

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty(db):
    cache.clear()


def rows():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_cache")
        return cursor.fetchone()[0]


def test_what_is_set_is_read_and_replaced():
    cache.set("a", [1.5, 2], 60)
    cache.set("a", [3], 60)
    assert cache.get("a") == [3]


def test_what_is_there_is_not_added_again():
    assert cache.add("a", 1, 60)
    assert not cache.add("a", 2, 60)
    assert cache.get("a") == 1


def test_what_has_run_out_is_as_if_it_were_not_there():
    cache.set("a", 1, -1)
    assert cache.get("a") is None
    assert not cache.touch("a", 60)
    assert cache.add("a", 2, 60)


def test_touched_lasts_longer():
    cache.set("a", 1, 1)
    assert cache.touch("a", timedelta(hours=1).total_seconds())
    assert cache.has_key("a")


def test_writing_forgets_what_has_run_out():
    for number in range(30):
        cache.set(f"old{number}", 1, -1)
    cache.set("new", 1, 60)
    cache.set("newer", 1, 60)
    assert rows() <= 20


def test_nothing_that_counts_is_thrown_out_however_much_there_is():
    for number in range(400):
        cache.set(str(number), 1, 60)
    assert rows() == 400


@pytest.mark.django_db(transaction=True)
def test_of_all_who_add_at_once_one_is_first():
    won = []
    ready = threading.Barrier(6)

    def add():
        ready.wait()
        won.append(cache.add("code", 1, 60))
        connection.close()

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won.count(True) == 1


class Trap:
    """A value whose unpickling tells that code ran."""

    ran = False

    def __reduce__(self):
        return setattr, (Trap, "ran", True)


@pytest.mark.parametrize(
    "stored",
    [
        base64.b64encode(pickle.dumps(Trap())).decode(),
        pickle.dumps(Trap(), 0).decode(),
        "[" * 100_000,
        '{"$instant": "never"}',
        '{"$instant": 1}',
        "",
    ],
    ids=["pickle", "pickle of text", "deep", "no instant", "number", "empty"],
)
def test_row_that_somebody_else_wrote_runs_nothing_and_is_missing(user, stored):
    for number in range(3):
        cache.set(str(number), 1, 600)
    cache.set("login", 1, 600)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_cache SET value = %s", [stored])
    assert cache.get("login") is None
    assert cache.get_many(["0", "1"]) == {}
    assert not cache.add("login", 2, 60)
    assert not Trap.ran


def test_wrong_password_over_such_a_row_counts_from_the_beginning(user, client):
    form = {"login": "ada@example.com", "password": "wrong"}
    client.post("/account/login/", form)
    with connection.cursor() as cursor:
        stored = base64.b64encode(pickle.dumps(Trap())).decode()
        cursor.execute("UPDATE accounts_cache SET value = %s", [stored])
    assert client.post("/account/login/", form).status_code == 200
    assert not Trap.ran


def test_instants_are_read_as_they_were_set(now):
    cache.set("a", (now, {"b": [now, 1.5]}), 60)
    assert cache.get("a") == [now, {"b": [now, 1.5]}]


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="stores JSON and instants, no set"):
        cache.set("a", {1}, 60)


ROOT = Path(__file__).parents[3]
PICKLES = re.compile(
    r"^\s*(?:import|from) (?:pickle|marshal|shelve|dill|cloudpickle|joblib)\b|PickleSerializer"
    r"|yaml\.(?:unsafe_|full_)?load\(",
    re.MULTILINE,
)


def test_nothing_of_ours_reads_a_pickle(settings):
    sources = [
        path
        for app in ("accounts", "foam", "notifications", "reminders")
        for path in (ROOT / app).rglob("*.py")
        if "tests" not in path.parts
    ]
    assert [str(path) for path in sources if PICKLES.search(path.read_text())] == []
    assert settings.SESSION_SERIALIZER == "django.contrib.sessions.serializers.JSONSerializer"
    assert current_app.conf.accept_content == ["json"]
    assert current_app.conf.result_accept_content == ["json"]
    assert current_app.conf.task_serializer == "json"
