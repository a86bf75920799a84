"""What a reader of files or an answer refuses before it costs anything."""

import pytest
from django.db import connection

from foam.api import outage
from reminders.exchange import crontab, formats, importer, jsonl
from reminders.exchange.icalendar import file_reader
from reminders.exchange.importer import ImportOutcome
from reminders.exchange.limits import MAX_LOSSES, WEB, TooMany, Unreadable
from reminders.models import Reminder

HEADER = b'{"type":"foam","version":1}\n'
LINE = b'{"type":"reminder","title":"Tea","starts_at":"2090-01-01T09:00:00"}\n'


def calendar(*entries: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{entry}\nEND:VEVENT\n" for entry in entries)
    return f"BEGIN:VCALENDAR\n{body}END:VCALENDAR\n".encode()


def test_losses_are_listed_up_to_a_thousand_and_counted():
    losses = crontab.read(b"A=1\n" * 5_000, "UTC").losses
    assert len(losses) == MAX_LOSSES + 1
    assert losses[-1].what == "and 4,000 more like these"


def test_loss_repeats_a_part_of_the_file_only():
    [loss] = crontab.read(b"A=" + b"b" * 100_000, "UTC").losses
    assert len(loss.what) < 600


@pytest.mark.parametrize("format", formats.FORMATS)
def test_more_lines_than_are_read_are_refused_in_every_format(format):
    with pytest.raises(Unreadable, match="more than 300000 lines"):
        formats.read(b"\n" * 300_001, formats.FORMATS[format], "UTC")


@pytest.mark.parametrize("format", formats.FORMATS)
def test_more_bytes_than_are_read_are_refused_in_every_format(format):
    with pytest.raises(Unreadable, match="larger than 10 MiB"):
        formats.read(b"a" * (10 * 1024 * 1024 + 1), formats.FORMATS[format], "UTC")


def test_reading_ends_at_the_first_item_too_many():
    limits = WEB._replace(items=3)
    with pytest.raises(TooMany, match="up to 3 reminders"):
        jsonl.read(HEADER + LINE * 4 + b"no JSON at all", "UTC", limits)


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("crontab", b"0 9 * * * tea\n" * 9),
        ("jsonl", HEADER + LINE),
        ("icalendar", calendar("DTSTART:20300101T090000Z")),
    ],
)
def test_reading_ends_when_its_time_is_over(format, content):
    with pytest.raises(Unreadable, match="takes longer than -1 s"):
        formats.read(content, formats.FORMATS[format], "UTC", WEB._replace(seconds=-1))


def test_line_of_many_lists_is_refused():
    with pytest.raises(Unreadable, match="Line 2: it holds more than 50 lists"):
        jsonl.read(HEADER + b'{"type":"reminder","tags":[' + b"[]," * 99 + b"[]]}", "UTC")


@pytest.mark.parametrize(
    "entry",
    [
        "DTSTART:99991231T235959Z\nRRULE:FREQ=DAILY;UNTIL=99991231T235959Z",
        "DTSTART;VALUE=DATE:99991231\nRRULE:FREQ=DAILY;UNTIL=99991231T235959Z",
        "DTSTART;TZID=Asia/Tokyo:00010101T000000\nRDATE;TZID=America/Los_Angeles:99991231T235959",
        "DTSTART:20300101T090000Z\nRRULE:FREQ=YEARLY;UNTIL=00010101T000000Z",
        f"DTSTART:00040101T090000\nRRULE:FREQ=DAILY;COUNT={'9' * 5_000}",
        f"DTSTART:20300101T090000\nRRULE:MP1 {'1+ ' * 999}{'MO TU ' * 999}#0",
    ],
)
def test_entry_that_no_calendar_can_show_is_one_loss(entry):
    result = file_reader.read(calendar(entry, "DTSTART:20300101T090000Z"), "UTC")
    assert len(result.drafts) in {1, 2}


def test_two_events_of_one_uid_have_their_own_changes():
    series = [
        f"UID:a\nSUMMARY:{title}\nDTSTART:203001{day}T090000Z\nRRULE:FREQ=WEEKLY"
        for title, day in (("Tea", "01"), ("Milk", "02"))
    ]
    change = "UID:a\nSUMMARY:Late\nRECURRENCE-ID:20300109T090000Z\nDTSTART:20300109T110000Z"
    titles = {
        draft.fields["title"] for draft in file_reader.read(calendar(*series, change), "UTC").drafts
    }
    assert titles == {"Tea", "Milk", "Late"}


@pytest.mark.django_db
@pytest.mark.usefixtures("woken")
def test_import_refuses_what_it_does_not_reach_in_its_time(user, now):
    content = jsonl.read(HEADER + LINE * 3, "UTC", WEB._replace(import_seconds=-1))
    report = importer.take(user, content, now)
    assert {row.result for row in report.reminders} == {ImportOutcome.REFUSED}
    assert {error["code"] for row in report.reminders for error in row.errors} == {"unreached"}
    assert not Reminder.objects.exists()
    assert importer.take(user, jsonl.read(HEADER + LINE * 3, "UTC"), now).counts["created"] == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", ["exdates__in=a", "tags__exact={", "leads__in=P1D", "created_at__year=-1"]
)
def test_list_of_the_admin_whose_filter_cannot_be_used_is_shown_whole(client, staff, query):
    client.force_login(staff)
    answer = client.get(f"/admin/reminders/reminder/?{query}")
    assert answer.status_code in {200, 302}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["accounts/pause/add/", "reminders/reminder/import/"])
def test_form_of_the_admin_that_chooses_no_id_is_a_400(client, staff, path):
    client.force_login(staff)
    assert client.post(f"/admin/{path}", {"owner": "nobody"}).status_code == 400


@pytest.mark.django_db
def test_statement_that_took_too_long_is_a_503_with_a_sentence(api, monkeypatch):
    def slow(*args, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 10")
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr("accounts.api.views.MeView.get_object", slow)
    api.raise_request_exception = False
    answer = api.get("/api/v1/me/")
    assert (answer.status_code, answer.json()["detail"]) == (503, outage.SLOW)


@pytest.mark.django_db
def test_recursion_without_end_is_a_400(api, monkeypatch):
    def deep(*args, **kwargs):
        raise RecursionError

    monkeypatch.setattr("accounts.api.views.MeView.get_object", deep)
    api.raise_request_exception = False
    assert api.get("/api/v1/me/").status_code == 400
