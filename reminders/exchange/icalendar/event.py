"""The draft of a reminder, from one VEVENT or VTODO."""

import hashlib
from datetime import timedelta

from reminders.exchange.drafts import PAUSED, Draft
from reminders.exchange.icalendar import foam_properties
from reminders.exchange.icalendar.alarms import EventSpan, leads, take_alarms
from reminders.exchange.icalendar.entry import Entry
from reminders.exchange.icalendar.ignored_properties import drop_unreadable_end, take_status
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import UTC_NAME, Moment, duration, moment
from reminders.exchange.icalendar.text import take_text
from reminders.exchange.icalendar.timing import Timing, read_timing
from reminders.exchange.icalendar.todo import move_to_due
from reminders.exchange.icalendar.vcalendar import add_alarms
from reminders.recurrence import Lead, to_utc

LONGEST_ID = 200
DAY = timedelta(days=1)


def external_id(*parts: str) -> str:
    """Return an id that is the same whenever the file is read; a long one is hashed."""
    whole = "#".join(parts)
    if len(whole) <= LONGEST_ID:
        return whole
    return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"


def timing_of(entry: Entry, *, of_dates: bool = False) -> Timing:
    """Take the schedule of an entry. A to-do with an alarm and no date is due at the alarm.

    `of_dates` tells that the entry is a change of an all-day series.
    """
    component = entry.component
    if component.name == "VTODO" and not {"DTSTART", "DUE"} & component.properties.keys():
        _start_at_alarm(component)
    later = move_to_due(entry)
    drop_unreadable_end(entry)
    timing = read_timing(entry, of_dates=of_dates)
    timing.later = later
    add_alarms(entry, Moment(timing.start, timing.zone))
    return timing


def draft_of(entry: Entry, timing: Timing, identity: str) -> Draft:
    """Take the other properties, and return the draft. Raises BadValue if FOAM lacks support."""
    span = _span(entry, timing)
    alarms = take_alarms(entry, span)
    if timing.is_date:
        timing.move_into_day(_due_of_day(alarms, entry))
        entry.lose(f"it is all day: it is due at {timing.starts_at:%H:%M} of the day")
    foam_fields, is_whole = foam_properties.take_fields(entry)
    draft = Draft(
        entry.where,
        {
            **take_text(entry),
            **({} if is_whole else timing.fields()),
            "leads": leads(alarms, span, timing.due, entry.losses),
            **({"external_id": external_id(identity)} if identity else {}),
            **foam_fields,
        },
        PAUSED if foam_properties.is_paused(entry.component) else None,
    )
    take_status(entry)
    return draft


def _due_of_day(alarms: list[Lead], entry: Entry) -> timedelta:
    """Return the due time of an all-day entry: the usual, or that of a later alarm of the day."""
    at = entry.calendar.all_day_at
    usual = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)
    late = (-lead.nominal for lead in alarms)
    return max([usual, *(after for after in late if after < DAY)])


def _span(entry: Entry, timing: Timing) -> EventSpan:
    """Return start and length. The end stays in the component: its loss is reported."""
    component = entry.component
    length = DAY if timing.is_date else timedelta(0)
    for name in ("DTEND", "DUE"):
        if prop := component.first(name):
            end = entry.zones.moment(prop).wall_in(timing.zone)
            length = end - timing.start
            if not timing.is_date:
                length = to_utc(end, timing.zone)[0] - to_utc(timing.start, timing.zone)[0]
    if prop := component.first("DURATION"):
        length = duration(prop.value)
    is_series = bool(timing.recurrence or timing.rdates)
    return EventSpan(timing.start, length, timing.zone, timing.is_date, is_series)


def _start_at_alarm(component: Component) -> None:
    alarms = (child for child in component.children if child.name == "VALARM")
    for trigger in (trigger for alarm in alarms for trigger in alarm.all("TRIGGER")):
        value = trigger.value.strip()
        # Apple writes 1976 where there is no alarm.
        if value[:1].isdecimal() and not value.startswith("1976"):
            component.put("DTSTART", f"{moment(value, UTC_NAME).wall:%Y%m%dT%H%M%S}Z")
            return
