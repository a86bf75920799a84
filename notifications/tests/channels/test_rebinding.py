"""A name server that lies: first a public address, then a private one.

In a network and with a resolv.conf of the test's own, so that the real resolver asks it and the
developer's machine stays as it is. Where the system does not let us have those, it is skipped.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
OWN_NETWORK = ["unshare", "--map-root-user", "--mount", "--net"]


def may_have_a_network_of_its_own() -> bool:
    if not all(shutil.which(program) for program in ("unshare", "ip", "mount")):
        return False
    done = subprocess.run([*OWN_NETWORK, "true"], check=False, capture_output=True)
    return done.returncode == 0


@pytest.fixture(scope="module")
def told() -> dict:
    if not may_have_a_network_of_its_own():
        pytest.skip("needs unshare and ip, and a system that allows namespaces")
    command = [*OWN_NETWORK, sys.executable, "-m", "notifications.tests.rebinding"]
    env = {**os.environ, "FOAM_ALLOWED_PRIVATE_NETWORKS": "", "FOAM_WEBHOOK_PORTS": "80,443"}
    done = subprocess.run(
        command, check=False, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["WebhookTransport", "AppriseTransport"])
def test_name_that_leads_home_the_second_time_is_refused(told, kind):
    first, second, third = told["outcomes"][kind]
    refused = "rebinding.example is refused: a loopback address; the setting "
    assert first == "answered 200"
    assert second.startswith(refused)
    assert third.startswith((refused, "could not connect"))


def test_private_address_was_told_and_never_connected_to(told):
    assert [answer[-1] for answer in told["answers"]].count("127.0.0.1") == 4
    assert (told["public"], told["private"]) == (2, 0)
