"""The entries of one UID: a series, and what differs from it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reminders.exchange.drafts import Draft
from reminders.exchange.icalendar.event import (
    Reader,
    Source,
    draft_of,
    external_id,
    timing_of,
    where_of,
)
from reminders.exchange.icalendar.ignored_properties import is_gone, refuse_gone
from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import BadValue, Moment, text, utc_text
from reminders.exchange.icalendar.timing import Timing
from reminders.exchange.icalendar.versions import Rank, content_of, is_older_than, newest

ONE, FOLLOWING = "RECURRENCE-ID", "THISANDFUTURE"


@dataclass(frozen=True, slots=True)
class Entry:
    """A VEVENT or VTODO, and what reads the calendar that it stands in."""

    component: Component
    reader: Reader


@dataclass(slots=True)
class Series:
    """A series whose time has been taken; `id` is the first part of the ids of what it yields."""

    entry: Entry
    source: Source
    reader: Reader
    timing: Timing
    id: str
    # What it leaves out by itself.
    exdates: frozenset[datetime]


def read_series(entries: Sequence[Entry], account: Account) -> list[Draft]:
    """Return the drafts of what has one UID: of a series, and of each that differs from it."""
    masters = [entry for entry in entries if ONE not in entry.component.left]
    changes = [entry for entry in entries if ONE in entry.component.left]
    if not masters:
        return _read_changes(changes, None, account)
    heads = _heads(masters, account)
    opened = [_opened(head, len(heads) > 1, changes, account) for head in heads]
    all_series = [series for series in opened if series]
    drafts: list[Draft] = []
    for series in all_series:
        of_series = changes
        if len(heads) > 1:
            of_series = [change for change in changes if _owner(change, all_series) is series]
        drafts += _finished(series, of_series, account)
    return drafts


def _heads(masters: list[Entry], account: Account) -> list[Entry]:
    """Return the newest version of a series; several where they are different events.

    Some programs give many events one UID. Where nothing tells which one is newer, all are
    imported; where one is, RFC 5546 has it that the others are older versions of it.
    """
    if len(masters) == 1:
        return masters
    components = [entry.component for entry in masters]
    best = newest(components)
    rank = Rank.of(best[0])
    cancelled = {start for each in best if is_gone(each) for start in _starts(each)}
    heads: list[Entry] = []
    newest_ones, contents = {id(component) for component in best}, set()
    for entry in masters:
        component = entry.component
        content = content_of(component)
        if id(component) not in newest_ones:
            uid = text(component.left["UID"][0])[:60]
            account.lose(
                where_of(component),
                f"is not imported: {where_of(best[0])} has the same UID {uid!r} and "
                f"{rank.reason(Rank.of(component))}, and so counts as its newest version",
            )
        elif _starts(component) & cancelled and not is_gone(component):
            account.lose(where_of(component), "is not imported: it is cancelled")
        elif content in contents:
            account.lose(where_of(component), "stands in this file twice, and is imported once")
        else:
            heads.append(entry)
            contents.add(content)
    if len(heads) > 1:
        uid = text(heads[0].component.left["UID"][0])[:60]
        account.lose(
            where_of(heads[0].component),
            f"{len(heads)} that differ have the UID {uid!r}, and nothing tells which one is "
            "newer: each is imported, under an id of its own",
        )
    return heads


def _opened(
    head: Entry, is_one_of_several: bool, changes: Sequence[Entry], account: Account
) -> Series | None:
    """Take when a series is; None for one that is not imported, which is told."""
    source, reader = Source.of(head.component), head.reader.with_account()
    try:
        refuse_gone(head.component)
        content = _digest(head.component) if is_one_of_several else ""
        uid = text(head.component.take_one("UID"))
        timing = timing_of(source, reader)
    except BadValue as error:
        others = f"; nor are {len(changes)} that differ from it" if changes else ""
        account.lose(source.where, f"is not imported: {error}{others}")
        return None
    name = f"{uid}#{content}" if content else uid
    return Series(head, source, reader, timing, name, frozenset(timing.exdates))


def _finished(series: Series, changes: Sequence[Entry], account: Account) -> list[Draft]:
    """Take the rest of a series, without what differs from it, and return all drafts."""
    drafts = _read_changes(changes, series, account)
    component = series.entry.component
    try:
        drafts.insert(0, draft_of(series.source, series.timing, series.id, series.reader))
    except BadValue as error:
        account.lose(series.source.where, f"is not imported: {error}")
        return drafts
    series.reader.account.close(component)
    account.merge(series.reader.account)
    return drafts


def _read_changes(changes: Sequence[Entry], series: Series | None, account: Account) -> list[Draft]:
    """Return a draft of the newest version of each one that differs, in the order of the file."""
    versions: dict[datetime, list[tuple[Entry, Moment]]] = {}
    for entry in changes:
        timing = series.timing if series else None
        try:
            at = entry.reader.times.occurrence(entry.component.left[ONE][0], timing)
        except BadValue as error:
            account.lose(where_of(entry.component), f"is not imported: {error}")
            continue
        versions.setdefault(at.instant(), []).append((entry, at))
    return [
        draft
        for same in versions.values()
        for draft in _read_change(*_newest_change(same, account), series, account)
    ]


def _newest_change(versions: list[tuple[Entry, Moment]], account: Account) -> tuple[Entry, Moment]:
    """Return the newest version of one that differs; of equals the last in the file."""
    if len(versions) == 1:
        return versions[0]
    best = newest([entry.component for entry, _ in versions])[-1]
    rank = Rank.of(best)
    counting = next(version for version in versions if version[0].component is best)
    for entry, _ in versions:
        component = entry.component
        if component is best:
            continue
        if Rank.of(component) != rank:
            what = f"is not imported: another version of it has {rank.reason(Rank.of(component))}"
        elif content_of(component) == content_of(best):
            what = "stands in this file twice, and is imported once"
        else:
            what = "is not imported: another version of it, as old, comes later in the file"
        account.lose(where_of(component), what)
    return counting


def _read_change(entry: Entry, at: Moment, series: Series | None, account: Account) -> list[Draft]:
    """Return the draft of one that differs from its series, and take it out of that."""
    component = entry.component
    source, reader = Source.of(component), entry.reader.with_account()
    identity = component.take_one(ONE)
    assert identity is not None  # noqa: S101  for the type checker
    if series is not None:
        is_left_out = at.wall in series.exdates or at.wall.date() in series.timing.days_out
        series.timing.exdates.add(at.wall)
        if is_left_out and is_older_than(component, series.entry.component):
            what = "is not imported: its series, which was changed later, leaves it out (EXDATE)"
            account.lose(source.where, what)
            return []
    if identity.params.get("RANGE", "").upper() == FOLLOWING:
        what = "it changes all that follow as well: only this one is changed, those stay"
        reader.account.lose(source.where, what)
    try:
        refuse_gone(component)
        uid = text(component.take_one("UID"))
        of_dates = series is not None and series.timing.is_date
        timing = timing_of(source, reader, of_dates=of_dates)
        timing.recurrence = ""
        base = series.id if series else uid
        name = external_id(base, utc_text(at.instant())) if base else ""
        draft = draft_of(source, timing, name, reader)
    except BadValue as error:
        account.lose(source.where, f"is not imported: {error}")
        return []
    reader.account.close(component)
    account.merge(reader.account)
    return [draft]


def _owner(change: Entry, all_series: Sequence[Series]) -> Series:
    """Return the series of a UID that a change belongs to: the first with a date there."""
    for series in all_series:
        try:
            at = change.reader.times.occurrence(change.component.left[ONE][0], series.timing)
        except BadValue:
            continue
        if at.wall in series.timing.times_on(at.wall.date()):
            return series
    return all_series[0]


def _starts(component: Component) -> set[str]:
    return {prop.value.strip() for prop in component.left.get("DTSTART", [])}


def _digest(component: Component) -> str:
    """Return what tells apart events that have one UID, the same in each reading of the file."""
    values = [
        prop.value.strip()
        for name in ("DTSTART", "DUE", "RRULE", "SUMMARY")
        for prop in component.left.get(name, [])
    ]
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:16]
