"""Writes reminders as an iCalendar file (RFC 5545), one after the other."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from icalendar.parser import Contentline

from reminders.exchange.icalendar import foam_properties, vtimezone
from reminders.exchange.icalendar.schedule_dates import CalendarDates, calendar_dates
from reminders.exchange.icalendar.syntax.parser import Property
from reminders.exchange.icalendar.syntax.values import UTC_NAME, plain, utc_text
from reminders.exchange.plain import escape_braces, one_line, unescape_braces
from reminders.models import Reminder
from reminders.recurrence import Lead, RecurrenceError

HEAD = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//FOAM//Reminders//EN", "CALSCALE:GREGORIAN")
LONGEST_LINE = 75
DATES_A_LINE = 50
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def write(
    reminders: Iterable[Reminder],
    now: datetime,
    *,
    head: Iterable[str] = (),
    skipped: Mapping[int, Collection[datetime]] | None = None,
    alarms: bool = True,
    whole: bool = True,
) -> Iterator[str]:
    """Yield a VCALENDAR with a VEVENT for each reminder, in pieces; lines end in CRLF.

    A schedule without an RRULE is written out, instant by instant from `now` on. `whole` adds the
    X-FOAM properties, from which `read` makes the very same reminders; `alarms` adds the leads.
    `head` are further lines of the calendar, `skipped` due instants to leave out, by reminder id.
    """
    yield _lines([*HEAD, *head])
    zones = {UTC_NAME}
    for reminder in reminders:
        try:
            dates = calendar_dates(reminder.schedule, now, (skipped or {}).get(reminder.pk, ()))
        except RecurrenceError as error:
            # An older FOAM has stored it. A comment reports it, and the other reminders follow.
            yield _lines([f"COMMENT:{escaped(f'Reminder {reminder.pk}: {error}')}"])
            continue
        if dates is None:
            continue
        if reminder.timezone not in zones:
            zones.add(reminder.timezone)
            yield _lines(vtimezone.content_lines(reminder.timezone))
        yield _lines(_event(reminder, dates, alarms=alarms, whole=whole))
    yield _lines(["END:VCALENDAR"])


def uid_of(reminder: Reminder) -> str:
    """Return the UID: the external_id, or a UID that is the same in each export of this FOAM."""
    return reminder.external_id or f"reminder-{reminder.pk}@{_host()}"


def id_of(uid: object) -> int | None:
    """Return the id of the reminder of which `uid_of` has made this UID, or None."""
    match = re.fullmatch(rf"reminder-([1-9]\d{{0,17}})@{re.escape(_host())}", str(uid))
    return int(match[1]) if match else None


def _host() -> str:
    return urlsplit(settings.FOAM_BASE_URL).hostname or ""


def escaped(text: str) -> str:
    """Return a TEXT (RFC 5545 3.3.11)."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\\", "\\\\")
    text = text.replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    return _CONTROL.sub("", text)


def folded(line: str) -> str:
    """Break a line after 75 octets at most, and never within a character (RFC 5545 3.1)."""
    if len(line) <= LONGEST_LINE and line.isascii():
        return line
    return Contentline(line).to_ical().decode()  # type: ignore[no-untyped-call]


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{folded(line)}\r\n" for line in lines)


def _event(reminder: Reminder, dates: CalendarDates, *, alarms: bool, whole: bool) -> Iterator[str]:
    properties = [*_times(reminder.timezone, dates), *_text(reminder)]
    triggers = [_trigger(reminder, Lead.of(lead)) for lead in reminder.leads] if alarms else []
    is_paused = reminder.status == Reminder.Status.PAUSED
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(uid_of(reminder))}"
    # Without a METHOD it is the time of the last change (RFC 5545 3.8.7.2).
    yield f"DTSTAMP:{utc_text(reminder.updated_at)}"
    yield f"CREATED:{utc_text(reminder.created_at)}"
    yield f"LAST-MODIFIED:{utc_text(reminder.updated_at)}"
    yield f"SEQUENCE:{reminder.version}"
    yield f"STATUS:{'TENTATIVE' if is_paused else 'CONFIRMED'}"
    yield "TRANSP:TRANSPARENT"
    yield from map(_line, properties)
    if is_paused:
        yield f"{foam_properties.STATUS}:{foam_properties.PAUSED}"
    if whole:
        fields = escaped(foam_properties.as_json(_foam_fields(reminder)))
        seal = foam_properties.seal(properties, triggers)
        yield f"{foam_properties.NAME};{foam_properties.SEAL}={seal}:{fields}"
    for trigger in triggers:
        yield from _alarm(trigger, reminder)
    yield "END:VEVENT"


def _alarm(trigger: Property, reminder: Reminder) -> Iterator[str]:
    yield "BEGIN:VALARM"
    yield "ACTION:DISPLAY"
    yield f"DESCRIPTION:{escaped(one_line(unescape_braces(reminder.title)))}"
    yield _line(trigger)
    yield "END:VALARM"


def _trigger(reminder: Reminder, lead: Lead) -> Property:
    """Return the TRIGGER of a lead: days are nominal, time is exact in both (RFC 5545 3.3.6).

    No duration has positive days and negative hours. Such a lead is written as an instant for a
    one-off, and for a series by its length on most days.
    """
    if lead.seconds >= 0:
        return Property("TRIGGER", {}, f"-{lead}" if lead else str(lead))
    due_at = None if reminder.recurrence or reminder.rdates else reminder.schedule.last()
    if due_at is None:
        return Property("TRIGGER", {}, f"-{Lead(seconds=lead.length)}")
    fire_at = reminder.schedule.fire(due_at, lead).fire_at
    return Property("TRIGGER", {"VALUE": "DATE-TIME"}, utc_text(fire_at))


def _times(timezone: str, dates: CalendarDates) -> Iterator[Property]:
    yield _dates("DTSTART", [dates.start], timezone)
    if dates.rule:
        yield Property("RRULE", {}, dates.rule)
    for name, times in (("EXDATE", dates.exdates), ("RDATE", dates.rdates)):
        for is_utc in (False, True):
            same = [time for time in times if (time.tzinfo is not None) is is_utc]
            for begin in range(0, len(same), DATES_A_LINE):
                yield _dates(name, same[begin : begin + DATES_A_LINE], timezone)


def _dates(name: str, dates: list[datetime], timezone: str) -> Property:
    """Return the property of dates that are either all in the zone, or all in UTC."""
    if dates[0].tzinfo is None and timezone != UTC_NAME:
        walls = ",".join(f"{wall:%Y%m%dT%H%M%S}" for wall in dates)
        return Property(name, {"TZID": timezone}, walls)
    return Property(name, {}, ",".join(f"{instant:%Y%m%dT%H%M%S}Z" for instant in dates))


def _text(reminder: Reminder) -> Iterator[Property]:
    yield Property("SUMMARY", {}, escaped(one_line(unescape_braces(reminder.title))))
    if reminder.body:
        yield Property("DESCRIPTION", {}, escaped(unescape_braces(reminder.body)))
    if reminder.tags:
        yield Property("CATEGORIES", {}, ",".join(map(escaped, reminder.tags)))


def _foam_fields(reminder: Reminder) -> dict[str, Any]:
    """Return the fields that an event cannot express, or not for sure, as the API has them."""
    as_read = {
        "title": escape_braces(one_line(plain(unescape_braces(reminder.title)))),
        "body": escape_braces(plain(unescape_braces(reminder.body))),
    }
    names = [name for name, text in as_read.items() if text != getattr(reminder, name)]
    names += [*foam_properties.SCHEDULE_FIELDS, *foam_properties.BEHAVIOUR_FIELDS]
    return {name: getattr(reminder, name) for name in names}


def _line(prop: Property) -> str:
    params = "".join(f";{name}={value}" for name, value in prop.params.items())
    return f"{prop.name}{params}:{prop.value}"
