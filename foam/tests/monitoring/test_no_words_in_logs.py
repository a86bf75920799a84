"""A whole story at LOG_LEVEL=DEBUG: what is secret in it stands in no line of any process."""

import json
import urllib.error
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import ApiToken
from foam.tests import processes
from notifications.models import Attempt, Channel, Delivery
from notifications.tests.receivers import HttpReceiver, Reply, SmtpReceiver
from reminders.models import Reminder

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

MARKER = "Xyzzyplugh"
ID = "story-1.of:one"


def ask(base: str, method: str, path: str, secret: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    headers = {
        "Authorization": f"Bearer {secret}",
        "Content-Type": "application/json",
        "X-Request-ID": ID,
    }
    request = urllib.request.Request(f"{base}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            said = answer.read()
    except urllib.error.HTTPError as refusal:
        said = refusal.read()
    return json.loads(said) if said.startswith(b"{") else {}


def told(log: Path, request_id: str = "") -> list[dict]:
    """Return the lines of a log, or those of one request."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [each for each in lines if not request_id or each.get("request_id") == request_id]


def test_no_word_address_token_or_link_of_a_story_is_logged(
    transactional_db, user, beat_rows, tmp_path
):
    with ExitStack() as started:
        hook, letters = (started.enter_context(each) for each in (HttpReceiver(), SmtpReceiver()))
        hook.script(Reply(500, body=MARKER.encode()))
        env = processes.environment(
            EMAIL_URL=letters.url, LOG_LEVEL="DEBUG", FOAM_LOG_FORMAT="json"
        )
        port = processes.free_port()
        logs = {}
        for name, words in (
            ("web", [*processes.web(port), "--config", "foam/processes/gunicorn_conf.py"]),
            ("worker", processes.worker("w")),
            ("beat", processes.beat()),
        ):
            logs[name] = tmp_path / f"{name}.log"
            started.enter_context(processes.running(words, env, logs[name]))
        base = f"http://127.0.0.1:{port}"
        processes.wait_until(lambda: processes.answers(f"{base}/healthz"), 60, "web answers")
        _, token = ApiToken.issue(user, "story")

        def say(path: str, **body: object) -> dict:
            return ask(base, "POST", f"/api/v1/{path}", token, body)

        channels = [
            say("channels/", kind="webhook", name=MARKER, address=f"{hook.url}/{MARKER}?{MARKER}"),
            say("channels/", kind="email", name=MARKER, address=f"{MARKER}@example.com"),
            say("channels/", kind="apprise", name=MARKER, secret=f"json://127.0.0.1:{hook.port}/{MARKER}"),
        ]  # fmt: skip
        Channel.objects.exclude_system().update(verified_at=timezone.now())
        ids = [each["id"] for each in channels if "id" in each]
        soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat(timespec="seconds")
        story = {"title": MARKER, "body": MARKER, "tags": [MARKER], "channels": ids}
        good = say("reminders/", **story, starts_at=soon, external_id=MARKER)
        bad = say("reminders/", **story, starts_at=soon)
        Reminder.objects.filter(pk=bad["id"]).update(timezone=f"Mars/{MARKER}")
        say("reminders/", **story, starts_at=MARKER)
        say(f"reminders/{good['id']}/trigger/")
        ask(base, "GET", f"/api/v1/reminders/?search={MARKER}", token)
        ask(base, "GET", f"/{MARKER}/{MARKER}", token)
        ask(base, "GET", f"/do/{MARKER}.{MARKER}", token)
        ask(base, "GET", "/api/v1/me/", f"foam_{MARKER * 5}")
        processes.wait_until(
            lambda: (
                Reminder.objects.exclude(pk=bad["id"]).get(pk=good["id"]).status == "finished"
                and Attempt.objects.filter(outcome="transient").exists()
                and not Delivery.objects.exclude_system().unfinished().exists()
            ),
            60,
            "the story has ended",
        )
        processes.wait_until(
            lambda: Reminder.objects.get(pk=bad["id"]).error != "", 30, "the bad one is set aside"
        )
        # Whoever has the id of a request finds what it woke; now and then a tick's round is first.
        for _ in range(5):
            if any(each["event"] == "delivered" for each in told(logs["worker"], ID)):
                break
            say(f"reminders/{good['id']}/trigger/")
            processes.wait_until(
                lambda: not Delivery.objects.exclude_system().unfinished().exists(),
                30,
                "it is sent",
            )

    lines = {name: log.read_text() for name, log in logs.items()}
    secrets = [MARKER, token, *Channel.objects.exclude(secret="").values_list("secret", flat=True)]
    for name, text in lines.items():
        assert len(text) > 500, name
        for secret in secrets:
            assert secret not in text, f"{name} logs {secret[:6]}"
    assert "delivered" in {each["event"] for each in told(logs["worker"], ID)}
    events = {each["event"] for each in told(logs["worker"])}
    assert {"dispatched", "attempt failed"} <= events
    assert any(event.endswith("set aside") for event in events)
