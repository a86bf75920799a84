"""A calendar's file read into drafts of reminders."""

from collections.abc import Iterable
from datetime import time
from time import thread_time

from accounts import timezones
from reminders.exchange.drafts import Draft, Reading, Unreadable
from reminders.exchange.icalendar.event import Reader
from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.series import Entry, read_series
from reminders.exchange.icalendar.syntax.limits import WEB, Limits
from reminders.exchange.icalendar.syntax.parser import Component, tree
from reminders.exchange.icalendar.syntax.values import text
from reminders.exchange.icalendar.timing import TimeReader
from reminders.exchange.icalendar.tzid.zones import Zones
from reminders.exchange.icalendar.vcalendar import is_version_1, modernize, own_zone

ALL_DAY_AT = time(9)
READ = ("VEVENT", "VTODO")


def read(
    content: bytes, timezone: str, *, all_day_at: time = ALL_DAY_AT, limits: Limits = WEB
) -> Reading:
    """Return the reminders that an iCalendar file asks for, and what of it is not carried.

    Times without a zone are in that of their calendar, else in `timezone`, an IANA name; what is
    all day is due at `all_day_at` of its day. Whatever no part of this reads, and that a reminder
    could have meant, is among the losses. Raises Unreadable for what is no calendar, or too large.
    """
    timezones.zone(timezone)
    end = thread_time() + limits.seconds
    account = Account()
    root = tree(content, limits)
    calendars = root.take_children("VCALENDAR")
    readers = [_reader(calendar, timezone, all_day_at, account) for calendar in calendars]
    entries = [
        entry
        for calendar, reader in zip(calendars, readers, strict=True)
        for entry in _entries(calendar, reader, account)
    ]
    drafts: list[Draft] = []
    for series in _series(entries):
        drafts += read_series(series, account)
        if thread_time() > end:
            raise Unreadable(
                f"It takes longer than {limits.seconds} s to read. Import it in parts."
            )
    _close(root, calendars, readers, account)
    return Reading(drafts, account.losses())


def _reader(calendar: Component, timezone: str, all_day_at: time, account: Account) -> Reader:
    """Take the time zones of a calendar."""
    definitions = calendar.take_children("VTIMEZONE")
    floating = own_zone(calendar, definitions, timezone, account)
    zones = Zones(definitions, [*([floating] if floating != timezone else []), timezone])
    return Reader(TimeReader(timezone, floating, zones), all_day_at, account)


def _entries(calendar: Component, reader: Reader, account: Account) -> list[Entry]:
    components = [each for name in READ for each in calendar.take_children(name)]
    scale = text(calendar.left["CALSCALE"][0]) if "CALSCALE" in calendar.left else ""
    if scale.upper() not in {"", "GREGORIAN"}:
        what = f"all {len(components)} entries: the calendar {scale[:40]} is not read"
        account.lose("VCALENDAR", what)
        return []
    method = text(calendar.left["METHOD"][0]) if "METHOD" in calendar.left else ""
    for component in components:
        if method.upper() == "CANCEL":
            # It cancels what another part of the file may ask for.
            component.put("STATUS", "CANCELLED")
        if is_version_1(calendar):
            modernize(component)
    return [Entry(component, reader) for component in components]


def _series(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Put together what has the same UID, in the order of the file."""
    groups: dict[object, list[Entry]] = {}
    for entry in entries:
        component = entry.component
        uid = component.left.get("UID")
        key = (component.name, text(uid[0])) if uid else id(component)
        groups.setdefault(key, []).append(entry)
    return list(groups.values())


def _close(
    root: Component, calendars: list[Component], readers: list[Reader], account: Account
) -> None:
    """Tell what concerns the file as a whole, and what is left of it."""
    if root.legacy:
        first, count = root.legacy[0], len(root.legacy)
        lines = f"line {first} is" if count == 1 else f"{count} lines from line {first} on are"
        account.lose("the file", f"{lines} not UTF-8, and read as Windows-1252")
    for calendar, reader in zip(calendars, readers, strict=True):
        times = reader.times
        if times.used_floating and times.floating != times.home:
            account.lose(
                "VCALENDAR", f"times without a zone are read in {times.floating}, as it says"
            )
        for remark in times.zones.remarks:
            account.lose(remark.where, remark.what)
        account.close(calendar)
    account.close(root)
