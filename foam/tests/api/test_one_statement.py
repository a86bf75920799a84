"""What is shown of one thing is of one moment: it and what belongs to it come by one statement."""

from datetime import timedelta

import pytest

from notifications.models import Attempt, Delivery
from notifications.tests.counters import captured_statements
from reminders.engine import tick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

B = "/api/v1/"


def statements_of(api, url, *tables):
    with captured_statements() as texts:
        answer = api.get(url)
    return answer.json(), [text for text in texts if any(table in text for table in tables)]


@pytest.fixture
def delivery(make_reminder, now):
    make_reminder(recurrence="FREQ=DAILY")
    tick.run(now)
    return Delivery.objects.get()


def test_delivery_and_its_attempts_are_of_one_moment(api, delivery, now):
    for number, latency in ((1, timedelta(milliseconds=41.7)), (2, None)):
        Attempt.objects.create(
            delivery=delivery, number=number, outcome="transient", detail="no", latency=latency,
            ended_at=now + timedelta(seconds=number, milliseconds=40),
        )  # fmt: skip
    shown, statements = statements_of(
        api, f"{B}deliveries/{delivery.pk}/", "notifications_attempt", "notifications_delivery"
    )
    assert len(statements) == 1
    assert shown["attempts"] == [
        {"number": 1, "outcome": "transient", "detail": "no", "latency_ms": 41.7,
         "ended_at": "2026-11-23T17:00:01.040000Z"},
        {"number": 2, "outcome": "transient", "detail": "no", "latency_ms": None,
         "ended_at": "2026-11-23T17:00:02.040000Z"},
    ]  # fmt: skip


def test_occurrence_and_its_responses_are_of_one_moment(api, delivery, user):
    [occurrence] = api.get(f"{B}occurrences/").json()["results"]
    url = f"{B}occurrences/{occurrence['id']}/"
    assert api.get(url).json()["responses"] == []
    answered = api.post(f"{url}acknowledge/").json()
    shown, statements = statements_of(api, url, "reminders_response", "reminders_occurrence")
    assert len(statements) == 1
    assert shown["responses"] == answered["responses"]
    assert shown["responses"][0]["user"] == "ada"
