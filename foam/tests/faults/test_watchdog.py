"""Signs of life: what hangs ends itself, and systemd hears of what does not."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import pytest

from foam.tests import processes
from tools.local_stack.processes import Child
from tools.local_stack.run import LASTING, revive
from tools.local_stack.terminal import Problem

HANGING = """
import os, time
from foam.processes import liveness
liveness.EVERY, liveness.LONGEST = 0.05, 0.2
liveness.watchdog.start()
{}
"""
FED = "for _ in range(40): liveness.watchdog.feed(); time.sleep(0.02)"
ENDING = "liveness.watchdog.end(); time.sleep(1)"


@pytest.mark.parametrize(
    ("does", "code"), [("time.sleep(30)", os.EX_SOFTWARE), (FED, 0), (ENDING, 0)]
)
def test_process_without_a_sign_of_life_ends_itself(does, code):
    words = [sys.executable, "-c", HANGING.format(does)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stderr
    assert ("no sign of life" in done.stderr) == bool(code)


@pytest.fixture
def systemd(tmp_path):
    """What systemd is to those who know its socket: a list of what it was told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        address = str(tmp_path / "notify")
        listener.bind(address)
        listener.settimeout(0.05)
        told: list[str] = []

        def is_told(words):
            with suppress(TimeoutError):
                told.extend(listener.recv(1000).decode().splitlines())
            return words in told

        yield address, is_told, told


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["worker", "beat", "web"])
def test_systemd_hears_of_what_is_at_work(name, systemd, beat_rows, tmp_path):
    address, is_told, told = systemd
    port = processes.free_port()
    words = {
        "worker": processes.worker("w"),
        "beat": processes.beat(),
        "web": [*processes.web(port), "--config", "foam/processes/gunicorn_conf.py"],
    }[name]
    env = processes.environment(NOTIFY_SOCKET=address)
    with processes.running(words, env, tmp_path / "log"):
        processes.wait_until(lambda: is_told("WATCHDOG=1"), 60, "it says that it is at work")
        if name == "web":
            assert told[0] == "READY=1"
        told.clear()
        processes.wait_until(lambda: is_told("WATCHDOG=1"), 30, "and again")


# make run


def child(began=0.0):
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait()
    return Child("beat", process, None, signal.SIGTERM, signal.SIGKILL, began)


def test_program_that_ends_after_a_while_is_started_again(capsys):
    ended, anew = child(), child()
    children = [ended]
    revive(children, lambda name: anew)
    assert children == [anew]


def test_program_that_ends_at_once_ends_make_run(monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: LASTING - 1)
    with pytest.raises(Problem, match="beat stopped by itself"):
        revive([child()], lambda name: child())
