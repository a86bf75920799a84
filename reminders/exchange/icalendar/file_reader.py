"""Reads an iCalendar file (RFC 5545) into drafts of reminders."""

from collections.abc import Iterable
from datetime import time

from accounts import timezones
from reminders.exchange.drafts import FileContent
from reminders.exchange.icalendar.entry import Entry, ImportedCalendar, title_of
from reminders.exchange.icalendar.foam_properties import seal_of
from reminders.exchange.icalendar.losses import Losses
from reminders.exchange.icalendar.series import read_series
from reminders.exchange.icalendar.syntax.parser import Component, tree
from reminders.exchange.icalendar.syntax.values import text
from reminders.exchange.icalendar.tzid.zones import Zones
from reminders.exchange.icalendar.vcalendar import floating_zone, is_version_1, modernize
from reminders.exchange.limits import WEB, Limits, check_time, time_limit
from reminders.recurrence import RecurrenceError

ALL_DAY_AT = time(9)
ENTRIES = ("VEVENT", "VTODO")


def read(
    content: bytes, timezone: str, limits: Limits = WEB, *, all_day_at: time = ALL_DAY_AT
) -> FileContent:
    """Return the reminders of an iCalendar file, and its losses.

    Times without a zone are in that of their calendar, else in `timezone`, an IANA name; an all-day
    entry is due at `all_day_at` of its day. Properties that no reader takes are among the losses,
    unless they are BOOKKEEPING. Raises Unreadable if it is no calendar, or too large.
    """
    timezones.zone(timezone)
    with time_limit(limits.seconds):
        return _read(content, timezone, limits, all_day_at)


def _read(content: bytes, timezone: str, limits: Limits, all_day_at: time) -> FileContent:
    result = FileContent(limits)
    losses = Losses()
    root = tree(content, limits)
    components = root.take_children("VCALENDAR")
    calendars = [_calendar(component, timezone, all_day_at, losses) for component in components]
    entries = [
        entry
        for component, calendar in zip(components, calendars, strict=True)
        for entry in _entries(component, calendar, losses)
    ]
    for series in _by_uid(entries):
        try:
            drafts = read_series(series, losses)
        except OverflowError:
            losses.add("is not imported: one of its times is out of range", series[0].where)
            drafts = []
        except RecurrenceError as error:
            losses.add(f"is not imported: {error.field} {error.message}", series[0].where)
            drafts = []
        for draft in drafts:
            result.add(draft)
        check_time()
    _report_legacy_lines(root, losses)
    for component, calendar in zip(components, calendars, strict=True):
        _report_zones(calendar, losses)
        losses.count_unread(component)
    losses.count_unread(root)
    losses.put_into(result.loss_list)
    return result


def _calendar(
    component: Component, timezone: str, all_day_at: time, losses: Losses
) -> ImportedCalendar:
    """Take the time zones of a VCALENDAR."""
    definitions = component.take_children("VTIMEZONE")
    floating = floating_zone(component, definitions, timezone, losses)
    zones = Zones(definitions, [*([floating] if floating != timezone else []), timezone])
    return ImportedCalendar(timezone, floating, zones, all_day_at)


def _entries(calendar: Component, settings: ImportedCalendar, losses: Losses) -> list[Entry]:
    components = [entry for name in ENTRIES for entry in calendar.take_children(name)]
    scale = text(calendar.first("CALSCALE"))
    if scale.upper() not in {"", "GREGORIAN"}:
        what = f"all {len(components)} entries: the calendar {scale[:40]} is not read"
        losses.add(what, "VCALENDAR")
        return []
    for component in components:
        if text(calendar.first("METHOD")).upper() == "CANCEL":
            # It cancels entries of another part of the file.
            component.put("STATUS", "CANCELLED")
        if is_version_1(calendar):
            modernize(component)
    return [
        Entry(component, settings, Losses(title_of(component)), seal_of(component))
        for component in components
    ]


def _by_uid(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Return the entries grouped by UID, in the order of the file."""
    groups: dict[object, list[Entry]] = {}
    for entry in entries:
        component = entry.component
        uid = component.first("UID")
        key = (component.name, text(uid)) if uid else id(component)
        groups.setdefault(key, []).append(entry)
    return list(groups.values())


def _report_legacy_lines(root: Component, losses: Losses) -> None:
    if root.legacy_lines:
        first, count = root.legacy_lines[0], len(root.legacy_lines)
        lines = f"line {first} is" if count == 1 else f"{count} lines from line {first} on are"
        losses.add(f"{lines} not UTF-8, and read as Windows-1252")


def _report_zones(calendar: ImportedCalendar, losses: Losses) -> None:
    if calendar.used_floating and calendar.floating != calendar.home:
        what = f"times without a zone are read in {calendar.floating}, as it says"
        losses.add(what, "VCALENDAR")
    for remark in calendar.zones.remarks:
        losses.add(remark.what, remark.where)
