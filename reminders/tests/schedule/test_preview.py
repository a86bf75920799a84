"""What a schedule means, shown before it is stored: the API, the command, and its JSON lines."""

import io
import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.urls import reverse

from conftest import client_of
from reminders.management.commands.preview import MAX_LINE, answer, batches
from reminders.models import Plan, Reminder
from reminders.recurrence import RecurrenceError, Schedule
from reminders.schedule.preview import BEGINNING, next_due_instants, preview_schedule

URL = "/api/v1/reminders/preview/"
NIGHTLY = {
    "starts_at": "2027-03-27T02:30:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=DAILY",
}


def schedule(recurrence="FREQ=DAILY", starts_at=datetime(2027, 3, 27, 2, 30), **fields):
    fields = {"timezone": "Europe/Berlin", **fields}
    return Schedule.validate(recurrence=recurrence, starts_at=starts_at, **fields)


def lines_of(shown):
    """Each line as day and local time, UTC or what became of it, and kind of clock change."""
    return [
        (
            f"{each.local:%d %H:%M}",
            f"{each.due_at:%d %H:%M}" if each.due_at else "skipped",
            each.clock_change.kind if each.clock_change else "",
        )
        for each in shown.occurrences
    ]


# The functions that every face calls


def test_moved_occurrence_shows_the_time_it_moved_to():
    assert lines_of(preview_schedule(schedule(), BEGINNING, 3)) == [
        ("27 02:30", "27 01:30", ""),
        ("28 03:30", "28 01:30", "gap"),
        ("29 02:30", "29 00:30", ""),
    ]


def test_skipped_occurrence_is_listed_and_does_not_count():
    assert lines_of(preview_schedule(schedule(gap="skip"), BEGINNING, 2)) == [
        ("27 02:30", "27 01:30", ""),
        ("28 02:30", "skipped", "gap"),
        ("29 02:30", "29 00:30", ""),
    ]


def test_skipped_occurrence_at_the_end_is_listed():
    ends = schedule("FREQ=DAILY;UNTIL=20270328T120000", gap="skip")
    shown = preview_schedule(ends, BEGINNING, 10)
    assert lines_of(shown) == [("27 02:30", "27 01:30", ""), ("28 02:30", "skipped", "gap")]
    assert shown.exhausted


def test_skipped_occurrence_is_listed_once_beside_later_ones_of_its_day():
    every_half_hour = schedule(
        "FREQ=MINUTELY;INTERVAL=30;UNTIL=20270328T033000",
        starts_at=datetime(2027, 3, 28, 1, 0),
        gap="skip",
    )
    assert lines_of(preview_schedule(every_half_hour, BEGINNING, 10)) == [
        ("28 01:00", "28 00:00", ""),
        ("28 01:30", "28 00:30", ""),
        ("28 02:00", "skipped", "gap"),
        ("28 03:00", "28 01:00", ""),
        ("28 02:30", "skipped", "gap"),
        ("28 03:30", "28 01:30", ""),
    ]


def test_both_times_of_a_fold_are_marked():
    nights = schedule(starts_at=datetime(2027, 10, 31, 2, 30), fold="both")
    assert lines_of(preview_schedule(nights, BEGINNING, 2)) == [
        ("31 02:30", "31 00:30", "fold"),
        ("31 02:30", "31 01:30", "fold"),
    ]


def test_offset_is_the_one_of_the_wall_clock():
    offsets = [each.offset for each in preview_schedule(schedule(), BEGINNING, 2).occurrences]
    assert offsets == ["+01:00", "+02:00"]


def test_after_is_exclusive():
    found, _ = next_due_instants(schedule(), datetime(2027, 3, 27, 1, 30, tzinfo=UTC), 1)
    assert found == [datetime(2027, 3, 28, 1, 30, tzinfo=UTC)]


@pytest.mark.parametrize(("count", "exhausted"), [(2, False), (3, True), (4, True)])
def test_exhausted_says_that_nothing_follows_the_last_one(count, exhausted):
    assert next_due_instants(schedule("FREQ=DAILY;COUNT=3"), BEGINNING, count)[1] is exhausted


# The API


def fields_at_fault(answered):
    assert answered.status_code == 400, answered.content
    assert answered["Content-Type"] == "application/problem+json"
    return {error["field"] for error in answered.json()["errors"]}


@pytest.mark.django_db
def test_preview_is_answered_whole(api):
    asked = {**NIGHTLY, "recurrence": "freq=daily", "after": "2027-03-27T12:00:00+01:00"}
    assert api.post(URL, {**asked, "count": 1, "leads": ["PT1H"]}).json() == {
        "text": "every day at 02:30 (Europe/Berlin)",
        "recurrence": "FREQ=DAILY",
        "timezone": "Europe/Berlin",
        "occurrences": [
            {
                "due_at": "2027-03-28T01:30:00Z",
                "local": "2027-03-28T03:30:00",
                "offset": "+02:00",
                "clock_change": {
                    "kind": "gap",
                    "wall": "2027-03-28T02:30:00",
                    "text": "02:30 is skipped on 28 March 2027: moved to 03:30",
                },
            }
        ],
        "exhausted": False,
        "messages": [],
    }


@pytest.mark.django_db
def test_preview_shows_what_the_next_messages_will_say(api, user):
    user.timezone = "America/New_York"
    user.save()
    words = {"title": "Dose {number} {lead}", "body": "At {due_time}.", "leads": ["PT1H", "PT0S"]}
    asked = {**NIGHTLY, **words, "after": "2027-03-26T23:00:00Z"}
    due = "on Saturday 27 March 2027 at 02:30 (Europe/Berlin)"
    assert api.post(URL, asked).json()["messages"] == [
        {
            "fire_at": "2027-03-27T00:30:00Z",
            "lead": "PT1H",
            "title": "Dose 1 in 1 h",
            "body": f"At 21:30.\n\nDue in 1 h, {due}.",
        },
        {
            "fire_at": "2027-03-27T01:30:00Z",
            "lead": "PT0S",
            "title": "Dose 1 now",
            "body": "At 21:30.",
        },
    ]


@pytest.mark.django_db
def test_preview_marks_what_the_clock_skips(api):
    asked = {**NIGHTLY, "gap": "skip", "after": "2027-03-27T12:00:00Z"}
    skipped = api.post(URL, asked).json()["occurrences"][0]
    assert (skipped["due_at"], skipped["local"]) == (None, "2027-03-28T02:30:00")
    assert skipped["clock_change"]["text"] == "02:30 is skipped on 28 March 2027: no occurrence"


@pytest.mark.django_db
def test_preview_shows_ten_from_now_in_the_users_zone(api, user):
    user.timezone = "Asia/Tokyo"
    user.save()
    shown = api.post(URL, {"starts_at": "2090-01-01T09:00:00", "recurrence": "0 9 * * *"}).json()
    assert (shown["timezone"], len(shown["occurrences"])) == ("Asia/Tokyo", 10)
    assert shown["occurrences"][0]["due_at"] == "2090-01-01T00:00:00Z"


@pytest.mark.django_db
def test_preview_stores_nothing(api):
    assert api.post(URL, {**NIGHTLY, "starts_at": "2090-01-01T09:00:00"}).status_code == 200
    assert not Reminder.objects.exists()


@pytest.mark.django_db
def test_after_may_lie_in_the_past(api):
    past = {"starts_at": "2020-01-01T10:00:00", "timezone": "UTC"}
    shown = api.post(URL, {**past, "after": "2019-01-01T00:00:00Z"}).json()
    assert [each["due_at"] for each in shown["occurrences"]] == ["2020-01-01T10:00:00Z"]
    shown = api.post(URL, {**past, "after": "2020-01-01T10:00:00Z"}).json()
    assert (shown["occurrences"], shown["exhausted"]) == ([], True)


BAD = [
    ({"starts_at": None}, "starts_at"),
    ({"starts_at": "tomorrow"}, "starts_at"),
    ({"starts_at": "2020-01-01T10:00:00", "recurrence": ""}, "starts_at"),
    ({"starts_at": "2090-03-26T02:30:00", "recurrence": "", "gap": "skip"}, "starts_at"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"recurrence": "every monday"}, "recurrence"),
    ({"recurrence": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "recurrence"),
    ({"recurrence": "x" * 501}, "recurrence"),
    ({"gap": "never"}, "gap"),
    ({"fold": "third"}, "fold"),
    ({"leads": ["-PT1H"]}, "leads"),
    ({"leads": []}, "leads"),
    ({"exdates": ["x"]}, "exdates.0"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("change", "field"), BAD, ids=str)
def test_preview_refuses_what_create_refuses(api, change, field):
    asked = {**NIGHTLY, "starts_at": "2090-01-01T09:00:00", **change}
    refused = api.post(URL, asked)
    assert field in fields_at_fault(refused)
    created = api.post("/api/v1/reminders/", {"title": "x", **asked})
    assert created.json()["errors"] == refused.json()["errors"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 101}, "count"),
        ({"count": "many"}, "count"),
        ({"after": "soon"}, "after"),
        ({"after": "2027-01-01T00:00:00"}, "after"),
        ({"grace": "PT1M"}, "grace"),
        ({"title": "{dose}"}, "title"),
    ],
    ids=str,
)
def test_preview_names_the_field_at_fault(api, change, field):
    assert fields_at_fault(api.post(URL, {**NIGHTLY, **change})) == {field}


@pytest.mark.django_db
def test_reading_scope_is_enough_for_a_preview_and_for_nothing_that_writes(user):
    reader = client_of(user, ["reminders:read"])
    assert reader.post(URL, NIGHTLY).status_code == 200
    assert reader.post("/api/v1/reminders/", {"title": "x", **NIGHTLY}).status_code == 403
    assert client_of(user, ["channels:read"]).post(URL, NIGHTLY).status_code == 403


@pytest.mark.django_db
def test_preview_needs_a_user(client):
    assert client.post(URL, NIGHTLY).status_code == 401


@pytest.mark.django_db
def test_preview_can_be_browsed(client, user):
    client.force_login(user)
    page = client.get(URL, headers={"Accept": "text/html"})
    assert page.status_code == 405
    assert 'name="starts_at"' in page.content.decode()


# The admin


FORM = {
    "starts_at": "2090-03-25 02:30:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=DAILY",
    "gap": "after",
    "fold": "first",
    "leads": "01:00:00",
}


@pytest.mark.django_db
def test_admin_shows_what_a_form_means(client, staff):
    client.force_login(staff)
    shown = client.post(reverse("admin:reminders_reminder_preview"), FORM).json()
    assert shown["errors"] == {}
    for words in ("every day at 02:30", "Speaks 1 h before.", "2090-03-25 01:30:00 UTC", "moved"):
        assert words in shown["html"]
    assert not Reminder.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"recurrence": "<b>"}, {"exdates": "x"}, {"leads": ""}, {"starts_at": ""}], ids=str
)
def test_admin_names_the_field_of_the_form(client, staff, change):
    client.force_login(staff)
    shown = client.post(reverse("admin:reminders_reminder_preview"), {**FORM, **change}).json()
    assert list(shown["errors"]) == list(change)


@pytest.mark.django_db
def test_admin_shows_what_the_next_message_will_say(client, staff, make_reminder):
    client.force_login(staff)
    url = reverse("admin:reminders_reminder_preview")
    form = {**FORM, "title": "<b> {number} {lead}", "leads": "0"}
    assert "&lt;b&gt; 1 now" in client.post(url, form).json()["html"]
    reminder = make_reminder()
    Plan.objects.update(fired_count=41)
    html = client.post(f"{url}?reminder={reminder.pk}", form).json()["html"]
    assert "&lt;b&gt; 42 now" in html
    assert list(client.post(url, {**form, "body": "{x}"}).json()["errors"]) == ["body"]


@pytest.mark.django_db
def test_admin_preview_is_for_those_who_may_edit(client, user):
    url = reverse("admin:reminders_reminder_preview")
    assert client.post(url, FORM).status_code == 302
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.post(url, FORM).status_code == 403


# The command, for people


def run(*arguments):
    out = io.StringIO()
    call_command("preview", *arguments, stdout=out)
    return out.getvalue()


def test_command_shows_a_table():
    arguments = ["FREQ=DAILY", "--starts-at", "2027-03-27T02:30", "--timezone", "Europe/Berlin"]
    shown = run(*arguments, "--after", "2027-03-27T12:00Z", "--count", "2", "--gap", "skip")
    assert shown.splitlines() == [
        "every day at 02:30 (Europe/Berlin)",
        "FREQ=DAILY",
        "",
        "local time                     UTC                  note",
        "Sun 2027-03-28 02:30:00        skipped              "
        "02:30 is skipped on 28 March 2027: no occurrence",
        "Mon 2027-03-29 02:30:00 +02:00 2027-03-29 00:30:00",
        "Tue 2027-03-30 02:30:00 +02:00 2027-03-30 00:30:00",
    ]


def test_command_shows_what_the_next_message_will_say():
    shown = run("--starts-at", "2090-01-01T09:00", "--title", "Dose {number}", "--body", "{due}")
    assert shown.splitlines()[-3:] == ["", "Dose 1", "Sunday 1 January 2090 at 09:00 (UTC)"]
    with pytest.raises(CommandError, match="title: There is no placeholder"):
        run("--starts-at", "2090-01-01T09:00", "--title", "{dose}")


def test_command_takes_dates_out_and_in():
    arguments = ["--starts-at", "2090-01-01T09:00", "--rdate", "2090-01-02T09:00"]
    shown = run("FREQ=DAILY;COUNT=1", *arguments, "--exdate", "2090-01-01T09:00:00")
    assert shown.splitlines()[-2:] == [
        "Mon 2090-01-02 09:00:00 +00:00 2090-01-02 09:00:00",
        "Nothing after that.",
    ]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["FREQ=SECONDLY", "--starts-at", "2090-01-01T09:00"], "recurrence"),
        (["FREQ=DAILY"], "starts_at"),
        (["", "--starts-at", "x"], "starts_at"),
        (["", "--starts-at", "2090-01-01T09:00", "--timezone", "Mars"], "timezone"),
        (["", "--starts-at", "2090-01-01T09:00", "--gap", "x"], "gap"),
        (["", "--starts-at", "2090-01-01T09:00", "--after", "x"], "after"),
        (["", "--starts-at", "2090-01-01T09:00", "--count", "0"], "count"),
        (["", "--starts-at", "2090-01-01T09:00", "--count", "\u0663"], "count"),
    ],
    ids=str,
)
def test_command_says_in_one_line_what_is_wrong(arguments, field):
    with pytest.raises(CommandError, match=rf"^{field}: .+\Z"):
        run(*arguments)


# The command, for programs

LINE = {"id": "a", "starts_at": "2026-11-23T18:00:00", "timezone": "Europe/Berlin"}


def answered(line):
    raw = line if isinstance(line, bytes) else json.dumps(line).encode()
    found = answer(raw)
    assert found.endswith("\n")
    assert found.count("\n") == 1
    return json.loads(found)


def test_line_is_answered_whole():
    assert answered({**LINE, "recurrence": "FREQ=WEEKLY;BYDAY=MO", "count": 2}) == {
        "id": "a",
        "occurrences": ["2026-11-23T17:00:00Z", "2026-11-30T17:00:00Z"],
        "exhausted": False,
        "text": "every week on Monday at 18:00 (Europe/Berlin)",
    }


def test_optional_fields_may_be_null():
    names = ("recurrence", "exdates", "rdates", "gap", "fold", "after", "count")
    assert answered({**LINE, **dict.fromkeys(names)}) == answered(LINE)


@pytest.mark.parametrize(
    ("change", "occurrences"),
    [
        ({}, ["2026-11-23T17:00:00Z"]),
        ({"starts_at": "2026-11-23T18:00"}, ["2026-11-23T17:00:00Z"]),
        ({"starts_at": "2026-11-23T12:00:00-05:00"}, ["2026-11-23T17:00:00Z"]),
        ({"starts_at": "2026-11-23T17:00:00Z"}, ["2026-11-23T17:00:00Z"]),
        ({"starts_at": "1900-01-01T00:00:00", "timezone": "UTC"}, ["1900-01-01T00:00:00Z"]),
        ({"starts_at": "2999-12-31T23:59:59", "timezone": "UTC"}, ["2999-12-31T23:59:59Z"]),
        ({"after": "2026-11-23T17:59:59+01:00"}, ["2026-11-23T17:00:00Z"]),
        ({"after": "2026-11-23T18:00:00+01:00"}, []),
        ({"after": "0001-01-01T00:00:00+14:00"}, ["2026-11-23T17:00:00Z"]),
        ({"after": "9999-12-31T23:59:59-14:00"}, []),
        ({"rdates": ["2026-11-24T18:00"]}, ["2026-11-23T17:00:00Z", "2026-11-24T17:00:00Z"]),
        (
            {"recurrence": "FREQ=DAILY;COUNT=2", "exdates": ["2026-11-23T17:00:00Z"]},
            ["2026-11-24T17:00:00Z"],
        ),
        (
            {"starts_at": "2027-10-31T02:30:00", "fold": "both"},
            ["2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"],
        ),
    ],
    ids=str,
)
def test_line_is_answered_exactly(change, occurrences):
    found = answered({**LINE, **change})
    assert (found["occurrences"], found["exhausted"]) == (occurrences, True)


WRONG_TIMES = [
    "",
    "tomorrow",
    "2026-11-23",
    "2026-11-23 18:00:00",
    "2026-11-23T18",
    "2026-11-23T18:00:00.5",
    "2026-11-23T18:00:00 ",
    "2026-11-23T18:00:00\n",
    "2026-11-23T18:00:00\0",
    "2026-11-23T18:00:00x",
    "2026-11-23T18:00:00+24:00",
    "2026-11-23T18:00:00+01:60",
    "2026-11-23T24:00:00",
    "2026-11-23T18:60:00",
    "2026-11-23T18:00:60",
    "2026-02-29T18:00:00",
    "2026-13-01T18:00:00",
    "0000-01-01T00:00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1899-12-31T23:59:59",
    "3000-01-01T00:00:00",
    "20261123T180000",
    "2026-W48-1T18:00:00",
    "\u0662\u0660\u0662\u0666-11-23T18:00:00",
    "2026-11-23T18:00:00\u200b",
    "\ud800",
    "x" * 10_000,
    20261123,
    1.5,
    True,
    [],
    {},
    ["2026-11-23T18:00:00"],
]
WRONG = [
    *[("starts_at", value) for value in (None, *WRONG_TIMES)],
    *[("exdates", [value]) for value in WRONG_TIMES],
    *[("rdates", [value]) for value in (None, *WRONG_TIMES)],
    *[("exdates", value) for value in ("2026-11-23T18:00:00", 1, True, {}, {"a": 1})],
    *[("rdates", value) for value in ("2026-11-23T18:00:00", 1, False, {}, [None])],
    ("exdates", ["2026-11-23T18:00:00"]),
    ("rdates", [f"2027-{m:02}-{d:02}T{h:02}:00" for m in (1, 3) for d in range(1, 32)
                for h in range(20)]),
    *[("timezone", value) for value in (None, "", "Mars/Olympus", "europe/berlin", " UTC", "UTC\0",
                                        "../../etc/passwd", "x" * 10_000, "\ud800", 1, True, [],
                                        {}, "+01:00", "CEST")],
    *[("recurrence", value) for value in (
        1, True, [], {}, ["FREQ=DAILY"], "every monday", "FREQ=SECONDLY", "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;INTERVAL=1000000000", "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=2;UNTIL=20270101T000000", "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;;",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;UNTIL=20270101", "FREQ=DAILY;UNTIL=20200101T000000", "INTERVAL=2", "FREQ=",
        "DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "FREQ=DAILY\0", "FREQ=DAILY;COUNT=\u0663",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=10", "61 * * * *", "* * * *", "0 0 30 2 *", "@reboot",
        "0 0 * * MON-XYZ", "* * * * * *", "FREQ=DAILY;BYDAY=" + "MO," * 1000, "x" * 100_000,
        "\ud800", "FREQ=DAILY;X-FOO=1", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=DAILY;BYSETPOS=1",
    )],
    *[("gap", value) for value in ("", "never", "AFTER", 1, True, [], {}, "after\0")],
    *[("fold", value) for value in ("", "third", "FIRST", 0, False, [], {}, "first ")],
    *[("after", value) for value in WRONG_TIMES if value not in [
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]],
    *[("after", value) for value in ("2026-11-23T18:00:00", "2026-11-23T18:00:00.Z", 0, 1e9, True,
                                     [], {}, "2026-02-30T00:00:00Z", "2026-11-23T18:00:00z")],
    *[("count", value) for value in (0, -1, 1001, 10**30, 1.0, 2.5, "10", "", True, [], {})],
    *[("id", value) for value in (1.5, True, [], {}, [[]])],
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: repr(value)[:40])
def test_wrong_value_is_an_error_that_names_the_field(field, value):
    found = answered({**LINE, field: value})
    assert found["error"]["field"] == field
    assert found["error"]["message"]
    assert found["id"] == (None if field == "id" else "a")


@pytest.mark.parametrize("field", ["starts_at", "timezone"])
def test_missing_field_is_named(field):
    found = answered({name: value for name, value in LINE.items() if name != field})
    assert found == {"id": "a", "error": {"field": field, "message": "is required"}}


NO_LINES = [
    b"",
    b" ",
    b"{",
    b"}",
    b"nonsense",
    b"null",
    b"true",
    b"1",
    b'"x"',
    b"[]",
    b"[{}]",
    b"{}{}",
    b'{"id": 1,}',
    b"{'id': 1}",
    b'{"id": NaN}',
    b'{"id": -Infinity}',
    b'{"id": ' + b"9" * 5_000 + b"}",
    b'{"id": "a\x00"}',
    b"\x00" * 100,
    b"\xff\xfe",
    b'{"id": "\xc3"}',
    b'{"id": "\xed\xa0\x80"}',
    b"\xef\xbb\xbf[]",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"x" * (MAX_LINE + 1),
    b'{"id": "' + b"x" * MAX_LINE + b'"}',
]


@pytest.mark.parametrize("line", NO_LINES, ids=lambda line: repr(line)[:30])
def test_line_that_is_no_object_is_an_error_without_id(line):
    found = answered(line)
    assert (found["id"], found["error"]["field"]) == (None, None)


@pytest.mark.parametrize("asked_by", ["", "ü\n\u2028", "\ud800", 0, -1, 10**4000, None])
def test_id_comes_back_as_it_was(asked_by):
    assert answered({**LINE, "id": asked_by})["id"] == asked_by


def test_what_the_validator_refuses_is_refused_with_its_field():
    """Random rules: the line and the validator agree on each."""
    dice = random.Random(5545)
    parts = ["FREQ=DAILY", "FREQ=YEARLY", "FREQ=HOURLY", "COUNT=3", "INTERVAL=7", "BYMONTH=2",
             "BYMONTHDAY=30", "BYDAY=MO,-1FR", "BYHOUR=3", "BYSETPOS=2", "UNTIL=20270101T000000",
             "BYWEEKNO=53", "BYYEARDAY=366", "0 9 * * 1", "X"]  # fmt: skip
    start = datetime(2026, 11, 23, 18, 0)
    refused = 0
    for _ in range(500):
        rule = ";".join(dice.sample(parts, dice.randint(1, 4)))
        try:
            told = {"text": schedule(rule, starts_at=start).text}
        except RecurrenceError as error:
            told = {"error": {"field": error.field, "message": error.message}}
        refused += "error" in told
        assert told.items() <= answered({**LINE, "recurrence": rule}).items()
    assert 100 < refused < 500


def test_bug_of_ours_stops_no_other_line(monkeypatch, caplog):
    def broken(*args):
        raise ZeroDivisionError

    monkeypatch.setattr("reminders.management.commands.preview.next_due_instants", broken)
    assert answered(LINE)["error"]["message"] == "a bug of FOAM: ZeroDivisionError"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_lines_are_whole_however_they_come_in(size):
    lines = [b"one", b"", b"three" * 5, b"last"]

    class Trickle(io.BytesIO):
        def read1(self, _=-1):
            return super().read1(size)

    found = [line for batch in batches(Trickle(b"\n".join(lines))) for line in batch]
    assert found == lines


def test_overlong_line_is_held_only_in_part():
    stream = io.BytesIO(b"x" * (5 * MAX_LINE) + b"\nnext\n")
    long, after = [line for batch in batches(stream) for line in batch]
    assert MAX_LINE < len(long) < 2 * MAX_LINE
    assert after == b"next"


def test_every_line_in_is_a_line_out(monkeypatch):
    hostile = [json.dumps({**LINE, field: value}).encode() for field, value in WRONG] + NO_LINES
    random.Random(1).shuffle(hostile)
    stream = io.BytesIO(b"".join(line + b"\n" for line in [*hostile, json.dumps(LINE).encode()]))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    *errors, last = map(json.loads, run("--stdin").splitlines())
    assert len(errors) == len(hostile) > 200
    assert all("error" in each for each in errors)
    assert last["occurrences"] == ["2026-11-23T17:00:00Z"]


def command(*arguments, stdin=subprocess.PIPE):
    """The command as a process, with a database that does not answer."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "preview", *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": "postgres://x@127.0.0.1:1/x"},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_command_needs_no_database():
    with command("--stdin") as process:
        out, err = process.communicate(json.dumps(LINE).encode() + b"\n\xff")
    assert (process.returncode, err) == (0, b"")
    assert len(out.splitlines()) == 2


def test_lines_are_answered_as_they_come():
    with command("--stdin") as process:
        for _ in range(2):
            process.stdin.write(json.dumps(LINE).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == "a"
        process.stdin.close()
    assert process.returncode == 0


def test_command_is_quiet_when_nobody_reads_on(tmp_path):
    lines = tmp_path / "lines"
    line = json.dumps({**LINE, "recurrence": "FREQ=DAILY", "count": 1000})
    lines.write_text(f"{line}\n" * 50)
    with lines.open() as stdin, command("--stdin", stdin=stdin) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_refusal_ends_the_command_with_one_line_and_status_1():
    with command("FREQ=SECONDLY", "--starts-at", "2026-11-23T18:00") as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.decode().startswith("CommandError: recurrence: FREQ=SECONDLY")
    assert len(err.splitlines()) == 1
