"""Rules on whose first occurrences dateutil, rrule.js and the engine agree."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reminders.recurrence import Schedule

CASES = Path(__file__).with_name("cases.jsonl").read_text("ascii").splitlines()


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.loads(case)[0])
def test_agreed_case(case):
    rule, start, due = json.loads(case)
    schedule = Schedule.validate(
        starts_at=datetime.fromisoformat(start), timezone="UTC", recurrence=rule
    )
    expected = [datetime.fromisoformat(at).replace(tzinfo=UTC) for at in due]
    assert schedule.recurrence == rule
    assert schedule.upcoming(datetime(1990, 1, 1, tzinfo=UTC), len(due)) == expected
