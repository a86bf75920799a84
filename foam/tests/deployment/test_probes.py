"""Probes: liveness asks nothing else, readiness can be asked for a part, workers leave word."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import OperationalError

from foam.monitoring import health
from foam.processes import liveness
from foam.processes.celery_worker import heartbeats
from foam.tests import processes


@pytest.mark.parametrize("host", ["10.1.2.3:8000", "unknown.example", "[::1]"])
def test_probe_is_answered_by_whatever_name_it_comes(client, host):
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_liveness_asks_neither_database_nor_broker(client, monkeypatch):
    def away(*_):
        raise AssertionError("asked")

    monkeypatch.setattr(health, "readiness", away)
    # Without the marker django_db a query would be an error.
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_readiness_without_worker_and_broker_is_the_databases(client, monkeypatch):
    monkeypatch.setattr(health, "_broker", lambda: "The broker does not answer.")
    assert client.get("/readyz").status_code == 503
    part = client.get("/readyz?exclude=broker&exclude=tick&exclude=canary")
    assert part.status_code == 200
    assert part.json()["broker"] == "The broker does not answer."

    def gone(now):
        raise OperationalError("gone")

    monkeypatch.setattr(health.Pulse, "take", gone)
    again = client.get("/readyz?exclude=broker&exclude=tick&exclude=canary")
    assert again.status_code == 503


def test_unknown_check_is_named_with_those_there_are(client):
    answer = client.get("/readyz?exclude=queue")
    assert answer.status_code == 400
    assert answer.json()["detail"] == (
        "There is no check 'queue' to exclude; there are database, broker, tick, canary."
    )


def test_word_is_left_in_a_file_of_its_own(settings, tmp_path):
    settings.FOAM_ALIVE_DIR = str(tmp_path / "alive")
    liveness.send_heartbeat("deliver@a/../b")
    assert [each.name for each in (tmp_path / "alive").iterdir()] == ["deliver@a_.._b"]


def test_folder_that_cannot_be_written_ends_nothing(settings, tmp_path, caplog):
    (tmp_path / "file").touch()
    settings.FOAM_ALIVE_DIR = str(tmp_path / "file")
    liveness.send_heartbeat("beat@here")
    assert "cannot touch a file" in caplog.text


def test_worker_that_waits_for_its_broker_leaves_word(settings, tmp_path, monkeypatch):
    settings.FOAM_ALIVE_DIR = str(tmp_path)
    monkeypatch.setattr(liveness, "EVERY", 0.01)
    with heartbeats("deliver@here"):
        processes.wait_until((tmp_path / "deliver@here").exists, 30, "a heartbeat")


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_worker_and_beat_send_heartbeats_and_stop_when_they_hang(tmp_path, beat_rows):
    import os
    import signal

    folder = tmp_path / "alive"
    env = processes.environment(FOAM_ALIVE_DIR=str(folder))
    with ExitStack() as started:
        begin = lambda name, words: started.enter_context(  # noqa: E731
            processes.running(words, env, tmp_path / f"{name}.log")
        )
        worker = begin("worker", processes.worker("w"))
        begin("beat", processes.beat())

        def files() -> dict[str, Path]:
            there = folder.iterdir() if folder.exists() else ()
            return {each.name.split("@")[0]: each for each in there}

        processes.wait_until(lambda: {"w", "beat"} <= files().keys(), 60, "both send heartbeats")
        first = {name: file.stat().st_mtime for name, file in files().items()}
        processes.wait_until(
            lambda: all(f.stat().st_mtime > first[n] for n, f in files().items()),
            30,
            "both send heartbeats again",
        )
        os.kill(worker.pid, signal.SIGSTOP)
        stopped = files()["w"].stat().st_mtime
        beats = files()["beat"].stat().st_mtime
        processes.wait_until(
            lambda: files()["beat"].stat().st_mtime > beats + liveness.EVERY, 30, "beat goes on"
        )
        assert files()["w"].stat().st_mtime == stopped
        os.kill(worker.pid, signal.SIGCONT)
