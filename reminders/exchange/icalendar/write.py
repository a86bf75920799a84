"""Reminders written as a calendar, one after the other."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from reminders.exchange.icalendar import foam_properties
from reminders.exchange.icalendar.schedule_dates import Shown, shown
from reminders.exchange.icalendar.syntax.parser import Property
from reminders.exchange.icalendar.syntax.values import UTC_NAME, plain
from reminders.exchange.icalendar.text import literal, one_line
from reminders.exchange.icalendar.text import shown as shown_words
from reminders.exchange.icalendar.vtimezone import vtimezone
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

    What has a rule is written with it; what no rule can say, instant by instant from `now` on.
    `whole` adds what `read` makes the very same reminders of, `alarms` when they speak, `head` are
    further lines of the calendar. `skipped` are due instants to leave out, by the reminder's id.
    """
    yield _lines([*HEAD, *head])
    zones = {UTC_NAME}
    for reminder in reminders:
        try:
            found = shown(reminder.schedule, now, (skipped or {}).get(reminder.pk, ()))
        except RecurrenceError as error:
            # Stored before it was refused: it is told, and stops none of the others.
            yield _lines([f"COMMENT:{escaped(f'Reminder {reminder.pk}: {error}')}"])
            continue
        if found is None:
            continue
        if reminder.timezone not in zones:
            zones.add(reminder.timezone)
            yield _lines(vtimezone(reminder.timezone))
        yield _lines(_event(reminder, found, alarms=alarms, whole=whole))
    yield _lines(["END:VCALENDAR"])


def uid_of(reminder: Reminder) -> str:
    """Return the UID: the external_id, else one that is the same in each export of this FOAM."""
    return reminder.external_id or f"reminder-{reminder.pk}@{_host()}"


def id_of(uid: object) -> int | None:
    """Return of which reminder, if it is still there, `uid_of` has made this UID."""
    found = re.fullmatch(rf"reminder-([1-9]\d{{0,17}})@{re.escape(_host())}", str(uid))
    return int(found[1]) if found else None


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
    pieces: list[str] = []
    piece: list[str] = []
    size = 0
    for character in line:
        length = len(character.encode())
        if size + length > LONGEST_LINE:
            pieces.append("".join(piece))
            # The space that continues it is one of the octets.
            piece, size = [], 1
        piece.append(character)
        size += length
    return "\r\n ".join([*pieces, "".join(piece)])


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{folded(line)}\r\n" for line in lines)


def _event(reminder: Reminder, found: Shown, *, alarms: bool, whole: bool) -> Iterator[str]:
    properties = [*_times(reminder.timezone, found), *_words(reminder)]
    triggers = [_trigger(reminder, Lead.of(lead)) for lead in reminder.leads] if alarms else []
    is_paused = reminder.status == Reminder.Status.PAUSED
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(uid_of(reminder))}"
    # Without a METHOD that is when it was last changed (RFC 5545 3.8.7.2).
    yield f"DTSTAMP:{_utc(reminder.updated_at)}"
    yield f"CREATED:{_utc(reminder.created_at)}"
    yield f"LAST-MODIFIED:{_utc(reminder.updated_at)}"
    yield f"SEQUENCE:{reminder.version}"
    yield f"STATUS:{'TENTATIVE' if is_paused else 'CONFIRMED'}"
    yield "TRANSP:TRANSPARENT"
    yield from map(_line, properties)
    if is_paused:
        yield f"{foam_properties.STATUS}:{foam_properties.PAUSED}"
    if whole:
        fields = escaped(foam_properties.dumped(_whole(reminder)))
        seal = foam_properties.seal(properties, (trigger.value for trigger in triggers))
        yield f"{foam_properties.NAME};{foam_properties.SEAL}={seal}:{fields}"
    for trigger in triggers:
        yield from _alarm(trigger, reminder)
    yield "END:VEVENT"


def _alarm(trigger: Property, reminder: Reminder) -> Iterator[str]:
    yield "BEGIN:VALARM"
    yield "ACTION:DISPLAY"
    yield f"DESCRIPTION:{escaped(one_line(shown_words(reminder.title)))}"
    yield _line(trigger)
    yield "END:VALARM"


def _trigger(reminder: Reminder, lead: Lead) -> Property:
    """Return when a lead fires: days are nominal, and time is exact, in both (RFC 5545 3.3.6).

    There is no duration of days less some hours: that is a moment of a one-off, and for a series
    it is as long as on most days.
    """
    if lead.seconds >= 0:
        return Property("TRIGGER", {}, f"-{lead}" if lead else str(lead))
    due_at = None if reminder.recurrence or reminder.rdates else reminder.schedule.last()
    if due_at is None:
        return Property("TRIGGER", {}, f"-{Lead(seconds=lead.length)}")
    fire_at = reminder.schedule.fire(due_at, lead).fire_at
    return Property("TRIGGER", {"VALUE": "DATE-TIME"}, _utc(fire_at))


def _times(timezone: str, found: Shown) -> Iterator[Property]:
    yield _dates("DTSTART", [found.start], timezone)
    if found.rule:
        yield Property("RRULE", {}, found.rule)
    for name, dates in (("EXDATE", found.exdates), ("RDATE", found.rdates)):
        for is_utc in (False, True):
            same = [each for each in dates if (each.tzinfo is not None) is is_utc]
            for begin in range(0, len(same), DATES_A_LINE):
                yield _dates(name, same[begin : begin + DATES_A_LINE], timezone)


def _dates(name: str, dates: list[datetime], timezone: str) -> Property:
    """All of these are of one kind: of the zone, or in UTC."""
    if dates[0].tzinfo is None and timezone != UTC_NAME:
        walls = ",".join(f"{each:%Y%m%dT%H%M%S}" for each in dates)
        return Property(name, {"TZID": timezone}, walls)
    return Property(name, {}, ",".join(f"{each:%Y%m%dT%H%M%S}Z" for each in dates))


def _words(reminder: Reminder) -> Iterator[Property]:
    yield Property("SUMMARY", {}, escaped(one_line(shown_words(reminder.title))))
    if reminder.body:
        yield Property("DESCRIPTION", {}, escaped(shown_words(reminder.body)))
    if reminder.tags:
        yield Property("CATEGORIES", {}, ",".join(map(escaped, reminder.tags)))


def _whole(reminder: Reminder) -> dict[str, Any]:
    """Return what an event cannot say, or not for sure, as the API has it."""
    schedule = {
        name: getattr(reminder, name)
        for name in foam_properties.SAID
        if name not in {"title", "body"}
    }
    behaviour = {name: getattr(reminder, name) for name in foam_properties.BEHAVIOUR}
    as_read = {
        "title": literal(one_line(plain(shown_words(reminder.title)))),
        "body": literal(plain(shown_words(reminder.body))),
    }
    words = {name: getattr(reminder, name) for name, read in as_read.items()}
    words = {name: stored for name, stored in words.items() if stored != as_read[name]}
    return {**words, **schedule, **behaviour}


def _line(found: Property) -> str:
    params = "".join(f";{name}={value}" for name, value in found.params.items())
    return f"{found.name}{params}:{found.value}"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
