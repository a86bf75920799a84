"""The walk of a reminder with everything real: HTTP in, beat, worker, SMTP and HTTP out."""

import json
import re
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from accounts.models import ApiToken
from foam.monitoring import health
from foam.tests import processes
from notifications.models import Channel, Delivery
from notifications.tests.receivers import HttpReceiver, Meet, SmtpReceiver
from reminders.engine import canary
from reminders.models import Occurrence

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
]


class Api:
    """What a program with a token sees."""

    def __init__(self, base: str, secret: str) -> None:
        self.base = base
        self.headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def post(self, path: str, body: dict) -> dict:
        return self._ask("POST", path, json.dumps(body).encode())

    def get(self, path: str) -> dict:
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: bytes | None) -> dict:
        request = urllib.request.Request(
            f"{self.base}/api/v1/{path}", body, self.headers, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture
def http_receiver():
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def smtp_receiver():
    with SmtpReceiver() as receiver:
        yield receiver


@pytest.fixture
def stack(transactional_db, user, beat_rows, smtp_receiver, tmp_path):
    """Start web, `workers` and `beats`; return the API as `user` sees it."""
    # Real transactions end in a flush, which takes the canary with it.
    canary.plant(timezone.now())
    with ExitStack() as started:

        def start(*, workers: int = 1, beats: int = 1) -> Api:
            env = processes.environment(EMAIL_URL=smtp_receiver.url)
            port = processes.free_port()
            commands = [("web", processes.web(port))]
            commands += [(f"worker{n}", processes.worker(f"worker{n}")) for n in range(workers)]
            commands += [(f"beat{n}", processes.beat()) for n in range(beats)]
            for name, words in commands:
                started.enter_context(processes.running(words, env, tmp_path / f"{name}.log"))
            base = f"http://127.0.0.1:{port}"
            processes.wait_until(
                lambda: processes.answers(f"{base}/readyz"), 60, "the stack is ready"
            )
            _, secret = ApiToken.issue(user, "test")
            return Api(base, secret)

        yield start


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def add_channels(api: Api, http_receiver: HttpReceiver) -> tuple[dict, dict]:
    hook = api.post("channels/", {"kind": "webhook", "name": "Hook", "address": http_receiver.url})
    mail = api.post("channels/", {"kind": "email", "name": "Mail", "address": "ada@example.com"})
    return hook, mail


def make_channels(api: Api, http_receiver: HttpReceiver) -> tuple[dict, dict]:
    """Add two channels and take them for verified."""
    channels = add_channels(api, http_receiver)
    Channel.objects.exclude_system().update(verified_at=timezone.now())
    return channels


def test_channels_are_verified_by_challenge_and_by_mailed_code_and_then_used(
    stack, http_receiver, smtp_receiver
):
    http_receiver.default = Meet()
    api = stack()
    hook, mail = add_channels(api, http_receiver)

    assert api.post(f"channels/{hook['id']}/verify/", {})["is_verified"]
    assert not api.post(f"channels/{mail['id']}/verify/", {})["is_verified"]
    (letter,) = smtp_receiver.wait_for(1, timeout=30)
    [code] = re.findall(r"The code is (\d{6})", letter.message.get_body(["plain"]).get_content())
    assert api.post(f"channels/{mail['id']}/verify/", {"code": code})["is_verified"]

    # What the web process sends itself is on record, too.
    told = api.post(f"channels/{mail['id']}/test/", {})
    assert (told["outcome"], told["detail"]) == ("sent", "accepted by the mail server")
    assert api.get(f"deliveries/{told['delivery']}/")["attempts"][0]["outcome"] == "sent"

    chosen = [hook["id"], mail["id"]]
    api.post("reminders/", {"title": "Tea", "starts_at": in_seconds(1), "channels": chosen})
    assert http_receiver.wait_for(2, timeout=30)
    assert smtp_receiver.wait_for(3, timeout=30)[-1].message["Subject"] == "Tea"


def test_reminder_posted_over_http_arrives_once_by_mail_and_once_by_webhook(
    stack, http_receiver, smtp_receiver
):
    api = stack()
    hook, mail = make_channels(api, http_receiver)
    reminder = api.post(
        "reminders/",
        {
            "title": "Stand-up",
            "body": "Bring coffee.",
            "starts_at": in_seconds(2),
            "channels": [hook["id"], mail["id"]],
        },
    )

    (request,) = http_receiver.wait_for(1, timeout=30)
    payload = Webhook(hook["secret"]).verify(request.body, request.headers)
    assert payload["data"]["title"] == "Stand-up"
    assert payload["data"]["reminder_id"] == reminder["id"]

    (letter,) = smtp_receiver.wait_for(1, timeout=30)
    assert letter.recipients == ["ada@example.com"]
    assert letter.message["Subject"] == "Stand-up"
    assert "Bring coffee." in letter.plain

    processes.wait_until(
        lambda: not Delivery.objects.exclude_system().unfinished().exists(),
        30,
        "both outcomes are recorded",
    )
    shown = api.get("deliveries/")["results"]
    assert {delivery["status"] for delivery in shown} == {"sent"}
    assert request.headers["webhook-id"] in {delivery["message_id"] for delivery in shown}
    assert api.get(f"reminders/{reminder['id']}/")["status"] == "finished"


def test_two_beats_and_two_workers_send_each_message_once(stack, http_receiver, smtp_receiver):
    api = stack(workers=2, beats=2)
    hook, _ = make_channels(api, http_receiver)
    count = 20
    for number in range(count):
        api.post(
            "reminders/",
            {
                "title": f"Reminder {number}",
                "starts_at": in_seconds(2 + number % 4),
                "channels": [hook["id"]],
            },
        )
    http_receiver.wait_for(count, timeout=30)
    # By the time that a later one has come, a second copy of an earlier one would have.
    api.post("reminders/", {"title": "Last", "starts_at": in_seconds(2), "channels": [hook["id"]]})
    requests = http_receiver.wait_for(count + 1, timeout=30)
    assert len({request.headers["webhook-id"] for request in requests}) == count + 1
    assert len(requests) == count + 1
    assert Occurrence.objects.exclude_system().count() == count + 1


def test_receiver_that_answers_500_is_tried_again_and_gets_the_same_id(
    stack, http_receiver, smtp_receiver
):
    from notifications.tests.receivers import Reply

    http_receiver.script(Reply(500))
    api = stack()
    hook, _ = make_channels(api, http_receiver)
    api.post(
        "reminders/", {"title": "Stand-up", "starts_at": in_seconds(1), "channels": [hook["id"]]}
    )
    first, second = http_receiver.wait_for(2, timeout=30)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    processes.wait_until(
        lambda: Delivery.objects.exclude_system().get().status == "sent",
        30,
        "the second outcome is recorded",
    )
    delivery = api.get(f"deliveries/{Delivery.objects.exclude_system().get().pk}/")
    assert [attempt["outcome"] for attempt in delivery["attempts"]] == ["transient", "sent"]


def test_canary_arrives_and_is_missed_three_minutes_later(stack):
    api = stack()
    processes.wait_until(
        lambda: canary.Canary.read().arrived_due_at is not None, 30, "the canary arrives"
    )
    with urllib.request.urlopen(f"{api.base}/readyz", timeout=10) as answer:
        report = json.load(answer)
    assert (report["status"], report["canary"]) == ("ok", "ok")
    assert 0 <= report["seconds"]["canary"] <= 90
    later = health.readiness(timezone.now() + timedelta(minutes=3))
    assert later["status"] == "failing"
    assert later["canary"].startswith("Reminders are not arriving.")
