"""A lead of days through every door: the same time on the day before; hours are exact."""

import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.urls import reverse
from icalendar import Calendar

from notifications.models import Delivery
from reminders.engine import replan, tick
from reminders.explain.explanation import explain
from reminders.models import Occurrence, Plan, Reminder
from reminders.recurrence import Lead
from reminders.tests.engine.tz_rules import update_rules
from reminders.tests.exchange.calendars import alarm, calendar, event

__all__ = ["update_rules"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
# 9:00 on the first day of summer time, and a day before it by the clock on the wall.
SUMMER = datetime(2027, 3, 28, 9)
BEFORE = datetime(2027, 3, 27, 8, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
PARTY = {"title": "Party", "starts_at": f"{SUMMER:%Y-%m-%dT%H:%M:%S}", "timezone": BERLIN}


def fires_at(reminder_id=None):
    reminders = Reminder.objects.filter(pk=reminder_id) if reminder_id else Reminder.objects
    return reminders.get().next_fire_at


@pytest.mark.parametrize(
    ("fields", "fire_at"),
    [
        ({"leads": ["P1D"]}, BEFORE),
        ({"leads": ["PT24H"]}, BEFORE - HOUR),
        ({"leads": ["P1DT2H"]}, BEFORE - 2 * HOUR),
        ({"leads": ["P1W"]}, datetime(2027, 3, 21, 8, tzinfo=UTC)),
        (
            {"leads": ["P1D"], "starts_at": "2027-03-14T09:00:00", "timezone": NEW_YORK},
            datetime(2027, 3, 13, 14, tzinfo=UTC),
        ),
        (
            {"leads": ["PT24H"], "starts_at": "2027-03-14T09:00:00", "timezone": NEW_YORK},
            datetime(2027, 3, 13, 13, tzinfo=UTC),
        ),
    ],
)
def test_lead_of_the_api_fires_then(api, fields, fire_at):
    answer = api.post(URL, {**PARTY, **fields})
    assert answer.status_code == 201, answer.json()
    assert fires_at(answer.json()["id"]) == fire_at


@pytest.mark.parametrize(("given", "shown"), [("P1D", "P1D"), ("PT24H", "PT24H"), ("P1W", "P7D")])
def test_lead_is_answered_as_it_was_given(api, given, shown):
    created = api.post(URL, {**PARTY, "leads": [given, "PT0S"]}).json()
    assert created["leads"] == ["PT0S", shown]
    assert api.get(f"{URL}{created['id']}/").json()["leads"] == ["PT0S", shown]


def test_edit_of_a_day_to_24_hours_plans_anew_and_is_told(api):
    created = api.post(URL, {**PARTY, "leads": ["P1D"]}).json()
    api.patch(f"{URL}{created['id']}/", {"leads": ["PT24H"]})
    assert fires_at(created["id"]) == BEFORE - HOUR
    change = Reminder.objects.get().changes.get(verb="edited")
    assert change.diff == {"leads": ['["P1D"]', '["PT24H"]']}


def test_leads_of_one_length_are_refused(api):
    answer = api.post(URL, {**PARTY, "leads": ["P1D", "PT24H"]})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == "leads"
    assert "PT24H and P1D are of one length" in error["detail"]


@pytest.mark.parametrize(
    ("words", "fire_at"),
    [
        ("a day before", BEFORE),
        ("1d before", BEFORE),
        ("24 hours before", BEFORE - HOUR),
        ("24h before", BEFORE - HOUR),
        ("a week before", datetime(2027, 3, 21, 8, tzinfo=UTC)),
    ],
)
def test_lead_of_a_sentence_fires_then(api, words, fire_at):
    text = f"Party on 28 March 2027 at 9:00, {words}"
    draft = api.post(f"{URL}parse/", {"text": text, "timezone": BERLIN}).json()["reminder"]
    api.post(URL, draft)
    assert fires_at() == fire_at


@pytest.mark.parametrize(
    ("lines", "fire_at"),
    [
        (["DTSTART;TZID=Europe/Berlin:20270328T090000", alarm("TRIGGER:-P1D")], BEFORE),
        (["DTSTART;TZID=Europe/Berlin:20270328T090000", alarm("TRIGGER:-PT24H")], BEFORE - HOUR),
        (
            ["DTSTART;TZID=Europe/Berlin:20270328T090000", alarm("TRIGGER:-P1DT2H")],
            BEFORE - 2 * HOUR,
        ),
        (
            [
                "DTSTART;TZID=Europe/Berlin:20270328T090000",
                "DTEND;TZID=Europe/Berlin:20270328T100000",
                alarm("TRIGGER;RELATED=END:-P1D"),
            ],
            BEFORE + HOUR,
        ),
        # All day: 9:00 and 18:00 on the day before, and its midnight.
        (["DTSTART;VALUE=DATE:20270328", alarm("TRIGGER:-PT15H")], BEFORE),
        (["DTSTART;VALUE=DATE:20270328", alarm("TRIGGER:-PT6H")], BEFORE + 9 * HOUR),
        (["DTSTART;VALUE=DATE:20270328", alarm("TRIGGER:PT0S")], BEFORE + 15 * HOUR),
        (["DTSTART;VALUE=DATE:20270329", alarm("TRIGGER:-P1D")], BEFORE + 15 * HOUR),
        (
            ["DTSTART;VALUE=DATE:20270321", "RRULE:FREQ=WEEKLY", alarm("TRIGGER:-PT6H")],
            datetime(2027, 3, 20, 17, tzinfo=UTC),
        ),
    ],
)
def test_alarm_of_a_calendar_fires_then(api, lines, fire_at):
    file = calendar(event("UID:1", *lines))
    answer = api.generic("POST", f"{URL}import/?timezone={BERLIN}", file, "text/calendar")
    assert answer.json()["counts"]["created"] == 1, answer.json()
    assert fires_at() == fire_at


def test_evening_before_each_of_an_all_day_series_stays_the_evening(api):
    lines = ["DTSTART;VALUE=DATE:20270321", "RRULE:FREQ=WEEKLY", alarm("TRIGGER:-PT6H")]
    file = calendar(event("UID:1", *lines))
    api.generic("POST", f"{URL}import/?timezone={BERLIN}", file, "text/calendar")
    schedule = Reminder.objects.get().schedule
    fire = schedule.next_fire(datetime(2027, 3, 1, tzinfo=UTC))
    local = set()
    for _ in range(60):
        local.add(f"{fire.fire_at.astimezone(ZoneInfo(BERLIN)):%a %H:%M}")
        fire = schedule.next_fire(*fire.order)
    assert local == {"Sat 18:00"}


@pytest.mark.parametrize("lead", ["P1D", "1 00:00:00"])
def test_lead_of_the_admin_fires_then_and_is_shown_as_iso(client, staff, user, channel, lead):
    client.force_login(staff)
    form = {
        **{"owner": user.pk, "title": "Party", "channels": channel.pk, "timezone": BERLIN},
        **{"starts_at": "2027-03-28 09:00:00", "leads": lead, "gap": "after", "fold": "first"},
        **{"misfire": "latest", "grace": "PT5M", "nag_max": "3"},
    }
    answer = client.post(reverse("admin:reminders_reminder_add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    assert fires_at() == BEFORE
    page = client.get(reverse("admin:reminders_reminder_change", args=[Reminder.objects.get().pk]))
    assert 'value="P1D"' in page.content.decode()
    assert 'value="PT5M"' in page.content.decode()


def test_admin_refuses_what_is_no_duration(client, staff):
    client.force_login(staff)
    form = {"starts_at": "2027-03-28 09:00", "timezone": BERLIN, "leads": "1:30"}
    shown = client.post(reverse("admin:reminders_reminder_preview"), form).json()
    assert "PT5M" in shown["errors"]["leads"]


def test_lead_of_a_file_that_a_command_imports_fires_then(tmp_path, user):
    file = tmp_path / "party.ics"
    start = f"DTSTART;TZID={BERLIN}:20270328T090000"
    file.write_bytes(calendar(event("UID:1", start, alarm("TRIGGER:-P1D"))))
    call_command("import_reminders", str(file), owner=user, stdout=io.StringIO())
    assert fires_at() == BEFORE


LEADS = [Lead(), Lead(1, -32_400), Lead(seconds=86_399), Lead(1), Lead(7), Lead(8, 60)]


@pytest.mark.parametrize("kind", ["jsonl", "icalendar"])
def test_exported_leads_come_back_the_same(api, make_reminder, kind):
    make_reminder(starts_at=SUMMER, timezone=BERLIN, recurrence="FREQ=DAILY", leads=LEADS)
    content = b"".join(api.get(f"{URL}export/", {"format": kind}).streaming_content)
    Reminder.objects.get().close(datetime(2026, 11, 23, tzinfo=UTC))
    kinds = {"jsonl": "application/x-ndjson", "icalendar": "text/calendar"}
    answer = api.generic("POST", f"{URL}import/", content, kinds[kind])
    assert answer.json()["counts"]["created"] == 1, answer.json()
    again = Reminder.objects.get(deleted_at=None)
    assert again.leads == sorted(LEADS)
    if kind == "jsonl":
        assert b"".join(api.get(f"{URL}export/", {"format": kind}).streaming_content) == content


@pytest.mark.parametrize(
    ("lead", "trigger"),
    [(Lead(1), "-P1D"), (Lead(seconds=86_400), "-PT24H"), (Lead(1, 7200), "-P1DT2H")],
)
def test_exported_alarm_fires_when_foam_does(api, make_reminder, lead, trigger):
    reminder = make_reminder(starts_at=SUMMER, timezone=BERLIN, leads=[lead])
    content = b"".join(api.get(f"{URL}export/", {"format": "icalendar"}).streaming_content)
    (found,) = Calendar.from_ical(content).walk("VEVENT")
    assert f"TRIGGER:{trigger}".encode() in content
    if lead.days:
        (time,) = found.alarms.times
        assert time.trigger.astimezone(UTC) == reminder.next_fire_at


def test_exported_alarm_of_a_one_off_in_the_evening_is_its_moment(api, make_reminder):
    reminder = make_reminder(starts_at=SUMMER, timezone=BERLIN, leads=[Lead(1, -32_400)])
    content = b"".join(api.get(f"{URL}export/", {"format": "icalendar"}).streaming_content)
    assert b"TRIGGER;VALUE=DATE-TIME:20270327T170000Z" in content
    assert reminder.next_fire_at == datetime(2027, 3, 27, 17, tzinfo=UTC)


def test_own_export_tells_leads_as_the_api_does(api, make_reminder):
    make_reminder(starts_at=SUMMER, timezone=BERLIN, leads=[Lead(1), Lead(seconds=90_000)])
    rows = map(json.loads, b"".join(api.get("/api/v1/me/export/").streaming_content).splitlines())
    (row,) = (row for row in rows if row["type"] == "reminder")
    assert row["leads"] == ["P1D", "PT25H"]


def test_tick_fires_a_day_before_on_time_and_says_so(make_reminder):
    reminder = make_reminder(starts_at=SUMMER, timezone=BERLIN, leads=[Lead(), Lead(1)])
    assert tick.run(BEFORE - SECOND) == 0
    assert tick.run(BEFORE) == 1
    delivery = Delivery.objects.get()
    assert "Due in 1 d, on Sunday 28 March 2027 at 09:00" in delivery.body
    assert (delivery.data["lead_seconds"], delivery.data["late_seconds"]) == (86_400, 0)
    reminder.refresh_from_db()
    assert reminder.next_fire_at == datetime(2027, 3, 28, 7, tzinfo=UTC)
    assert tick.run(reminder.next_fire_at) == 1
    assert set(Occurrence.objects.values_list("lead", flat=True)) == {Lead(), Lead(1)}


def test_shorter_lead_that_a_clock_change_puts_first_is_skipped_with_the_other(make_reminder, now):
    """23 h 30 min before 9:00 is 8:30 on the day before, so half an hour before P1D."""
    leads = [Lead(), Lead(seconds=84_600), Lead(1)]
    reminder = make_reminder(starts_at=SUMMER, timezone=BERLIN, leads=leads)
    assert reminder.next_lead == Lead(seconds=84_600)
    assert [each.lead for each in reminder.skip(now)] == [Lead(1), Lead(seconds=84_600), Lead()]


def test_explanation_of_the_time_it_speaks_finds_a_day_before(make_reminder):
    reminder = make_reminder(starts_at=SUMMER, timezone=BERLIN, leads=[Lead(1)])
    tick.run(BEFORE)
    found = explain(reminder, BEFORE + HOUR, "2027-03-27T09:00")
    assert "1 d before" in found.conclusion
    assert "it fired on time" in found.conclusion


@pytest.fixture
def autumn(make_reminder, update_rules):
    """Due in winter and announced in summer, planned by rules without summer time."""
    update_rules(BERLIN, "Etc/GMT-1")
    reminder = make_reminder(
        starts_at=datetime(2027, 11, 15, 9),
        timezone=BERLIN,
        recurrence="FREQ=YEARLY",
        leads=[Lead(30)],
        misfire="none",
    )
    assert reminder.next_fire_at == datetime(2027, 10, 16, 8, tzinfo=UTC)
    update_rules(BERLIN, BERLIN)
    return reminder


def test_replan_moves_a_lead_whose_day_alone_has_new_rules(autumn, now):
    batch = replan.apply([autumn.pk], now)
    assert list(map(str, batch.moves)) == ["P30D before: 2027-10-16 08:00:00 UTC -> 07:00:00 UTC"]
    autumn.refresh_from_db()
    assert autumn.next_fire_at == datetime(2027, 10, 16, 7, tzinfo=UTC)
    assert replan.find_moves(now).moves == []


def test_tick_fires_a_lead_that_nobody_replanned_once_by_its_old_plan(autumn):
    assert tick.run(datetime(2027, 10, 16, 7, tzinfo=UTC)) == 0
    assert tick.run(datetime(2027, 10, 16, 8, tzinfo=UTC)) == 1
    autumn.refresh_from_db()
    assert autumn.next_fire_at == datetime(2028, 10, 16, 7, tzinfo=UTC)


def test_plan_of_before_the_leads_had_days_fires_once_then_goes_on_by_the_wall(make_reminder):
    """It was planned 24 hours ahead."""
    reminder = make_reminder(
        starts_at=SUMMER, timezone=BERLIN, recurrence="FREQ=YEARLY", leads=[Lead(1)], misfire="none"
    )
    Plan.objects.filter(pk=reminder.pk).update(next_fire_at=BEFORE - HOUR)
    assert tick.run(BEFORE - HOUR) == 1
    reminder.refresh_from_db()
    assert reminder.next_fire_at == datetime(2028, 3, 27, 7, tzinfo=UTC)
