"""A calendar's file read into drafts of reminders."""

from datetime import time
from time import thread_time

from accounts import timezones
from reminders.exchange.calendar.account import Account
from reminders.exchange.calendar.entry import (
    Reader,
    Source,
    draft_of,
    external_id,
    timing_of,
    where_of,
)
from reminders.exchange.calendar.timing import Timing, one_of
from reminders.exchange.calendar.tree import Component, tree
from reminders.exchange.calendar.values import BadValue, text, utc_text
from reminders.exchange.calendar.zones import Zones, known_name
from reminders.exchange.reading import Draft, Reading, Unreadable

ALL_DAY_AT = time(9)
# Seconds of work, whatever else the machine does: ten thousand series that mean well take five.
LONGEST = 10
READ = ("VEVENT", "VTODO")
ONE, FOLLOWING = "RECURRENCE-ID", "THISANDFUTURE"
GONE = {"CANCELLED": "it is cancelled", "COMPLETED": "it is completed"}


def read(content: bytes, timezone: str, *, all_day_at: time = ALL_DAY_AT) -> Reading:
    """Return the reminders that an iCalendar file asks for, and what of it is not carried.

    Times without a zone are in `timezone`, an IANA name; what is all day is due at `all_day_at` of
    its day. Whatever no part of this reads, and that a reminder could have meant, is among the
    losses. Raises Unreadable for what is no calendar, or too large.
    """
    timezones.zone(timezone)
    account, drafts = Account(), []
    root = tree(content)
    for calendar in root.take_children("VCALENDAR"):
        drafts += _calendar(calendar, timezone, all_day_at, account)
    account.close(root)
    return Reading(drafts, account.losses())


def _calendar(
    calendar: Component, timezone: str, all_day_at: time, account: Account
) -> list[Draft]:
    named = known_name(text(calendar.take_one("X-WR-TIMEZONE")))
    definitions = calendar.take_children("VTIMEZONE")
    zones = Zones(definitions, [*([named] if named else []), timezone])
    reader = Reader(timezone, zones, all_day_at, account)
    scale = text(calendar.left["CALSCALE"][0]) if "CALSCALE" in calendar.left else ""
    entries = [each for name in READ for each in calendar.take_children(name)]
    drafts: list[Draft] = []
    if scale.upper() not in {"", "GREGORIAN"}:
        account.lose(
            "VCALENDAR", f"all {len(entries)} entries: the calendar {scale[:40]} is not read"
        )
    elif text(calendar.left["METHOD"][0] if "METHOD" in calendar.left else None) == "CANCEL":
        account.lose("VCALENDAR", f"all {len(entries)} entries: this file cancels them")
    else:
        end = thread_time() + LONGEST
        for each in _series(entries):
            drafts += _read_series(each, reader)
            if thread_time() > end:
                raise Unreadable(f"It takes longer than {LONGEST} s to read. Import it in parts.")
    for tzid, name in zones.alike.items():
        what = f"its own definition is read as {name}, which has the same offsets in these years"
        account.lose(f'VTIMEZONE "{tzid[:60]}"', what)
    account.close(calendar)
    return drafts


def _series(entries: list[Component]) -> list[list[Component]]:
    """Put together what has the same UID, in the order of the file."""
    groups: dict[object, list[Component]] = {}
    for entry in entries:
        uid = entry.left.get("UID")
        groups.setdefault((entry.name, uid[0].value) if uid else id(entry), []).append(entry)
    return list(groups.values())


def _read_series(entries: list[Component], reader: Reader) -> list[Draft]:
    """Return the drafts of a series: of itself, and of each that differs from it."""
    account = reader.account
    masters = [each for each in entries if ONE not in each.left]
    changed = [each for each in entries if ONE in each.left]
    master = max(masters, key=_sequence, default=None)
    for other in masters:
        if other is not master:
            account.lose(where_of(other), "another of the same UID is newer, and counts")
    if master is None:
        return [draft for each in changed for draft in _one_of(each, None, reader)]
    source, drafts = Source.of(master), []
    try:
        _refuse_gone(master)
        uid, found = text(master.take_one("UID")), timing_of(source, reader)
    except BadValue as error:
        account.lose(source.where, f"is not imported: {error}{_with(changed)}")
        return []
    for each in changed:
        drafts += _one_of(each, found, reader)
    try:
        drafts.insert(0, draft_of(source, found, uid, reader))
    except BadValue as error:
        account.lose(source.where, f"is not imported: {error}")
    account.close(master)
    return drafts


def _one_of(entry: Component, series: Timing | None, reader: Reader) -> list[Draft]:
    """Return the draft of one that differs from its series, and take it out of that."""
    source = Source.of(entry)
    try:
        identity = entry.take_one(ONE)
        assert identity is not None
        at = one_of(identity, series, reader.zones)
        if series is not None:
            series.exdates.add(at.wall)
        if identity.params.get("RANGE", "").upper() == FOLLOWING:
            what = "it changes all that follow as well: only this one is changed, those stay"
            reader.account.lose(source.where, what)
        _refuse_gone(entry)
        uid = text(entry.take_one("UID"))
        found = timing_of(source, reader)
        found.recurrence = ""
        name = external_id(uid, utc_text(at.instant())) if uid else ""
        drafts = [draft_of(source, found, name, reader)]
    except BadValue as error:
        reader.account.lose(source.where, f"is not imported: {error}")
        return []
    reader.account.close(entry)
    return drafts


def _with(changed: list[Component]) -> str:
    return f"; nor are {len(changed)} that differ from it" if changed else ""


def _refuse_gone(entry: Component) -> None:
    status = text(entry.left["STATUS"][0]).upper() if "STATUS" in entry.left else ""
    if status in GONE:
        raise BadValue(GONE[status])
    if entry.name == "VTODO" and "COMPLETED" in entry.left:
        raise BadValue(GONE["COMPLETED"])


def _sequence(entry: Component) -> int:
    found = entry.left.get("SEQUENCE")
    value = found[0].value.strip() if found else ""
    return int(value[:9]) if value.isascii() and value[:9].isdecimal() else 0
