"""A receiver that accepts and is silent holds no more than half of web's threads."""

import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts.models import ApiToken, User
from foam.tests import processes
from notifications.models import Channel
from notifications.tests.receivers import Hang, HttpReceiver

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 15


def web(port):
    """Return production's command, with its threads, for one process."""
    config = ["--config", "foam/processes/gunicorn_conf.py", "--workers", "1"]
    return ["gunicorn", *config, "foam.wsgi:application", "--bind", f"127.0.0.1:{port}"]


def hooks(owner, receiver):
    for number in range(COUNT):
        channel = Channel(
            owner=owner, kind="webhook", name="Hook", address=f"{receiver.url}/{number}"
        )
        channel.store()
        yield channel.pk


def ask(port, path, secret=None, method="GET"):
    """Return the status and the seconds of a request."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", method=method, headers=headers
    )
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            status = answer.status
            answer.read()
    except urllib.error.HTTPError as error:
        status = error.code
        error.read()
    return status, time.monotonic() - began


@pytest.mark.parametrize("verb", ["verify", "test"])
def test_other_requests_are_answered_while_a_users_receiver_is_silent(
    tmp_path, user, stranger, verb
):
    owners = [user, stranger, User.objects.create_user("mallory", "m@example.com")]
    secrets = [ApiToken.issue(owner, "test")[1] for owner in owners]
    _, other = ApiToken.issue(User.objects.create_user("bob", "bob@example.com"), "test")
    port = processes.free_port()
    env = processes.environment(FOAM_ALLOWED_PRIVATE_NETWORKS="127.0.0.0/8:*")
    with HttpReceiver() as receiver, ThreadPoolExecutor(3 * COUNT) as threads:
        receiver.default = Hang()
        asked = [
            (f"/api/v1/channels/{pk}/{verb}/", secret)
            for owner, secret in zip(owners, secrets, strict=True)
            for pk in hooks(owner, receiver)
        ]
        with processes.running(web(port), env, tmp_path / "web.log"):
            up = f"http://127.0.0.1:{port}/healthz"
            processes.wait_until(lambda: processes.answers(up), 60, "the web server")
            ask(port, "/api/v1/me/", other)
            answers = [threads.submit(ask, port, path, secret, "POST") for path, secret in asked]
            receiver.wait_for(2)
            probes = [
                ask(port, path, secret)
                for _ in range(5)
                for path, secret in (("/healthz", None), ("/api/v1/me/", other))
            ]
            assert {status for status, _ in probes} == {200}
            assert max(seconds for _, seconds in probes) < 1
            statuses = [answer.result()[0] for answer in answers]
    assert statuses.count(429) >= len(asked) - 4
    assert len(receiver.requests) <= 4
