"""The entries of one UID: a series, and the changes of single occurrences."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reminders.exchange.drafts import Draft
from reminders.exchange.icalendar.entry import Entry
from reminders.exchange.icalendar.event import draft_of, external_id, timing_of
from reminders.exchange.icalendar.ignored_properties import is_cancelled, refuse_cancelled
from reminders.exchange.icalendar.losses import Losses
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import BadValue, Moment, text, utc_text
from reminders.exchange.icalendar.timing import Timing, read_recurrence_id
from reminders.exchange.icalendar.versions import Rank, content_of, is_older_than, newest
from reminders.exchange.limits import check_time

TWICE = "stands in this file twice, and is imported once"


@dataclass(slots=True)
class Series:
    """A series whose schedule has been taken; `id` begins the external ids of its drafts."""

    entry: Entry
    timing: Timing
    id: str
    # From the series itself, without its changes.
    exdates: frozenset[datetime]


def read_series(entries: Sequence[Entry], losses: Losses) -> list[Draft]:
    """Return the drafts of all entries with one UID: of a series, and of each of its changes."""
    masters = [entry for entry in entries if entry.component.first("RECURRENCE-ID") is None]
    changes = [entry for entry in entries if entry.component.first("RECURRENCE-ID")]
    if not masters:
        return _read_changes(changes, None, losses)
    heads = _heads(masters, losses)
    opened = [_open(head, len(heads) > 1, changes, losses) for head in heads]
    all_series = [series for series in opened if series]
    changes_of: dict[int, list[Entry]] = {id(series): [] for series in all_series}
    if all_series:
        for change in changes:
            owner = _owner(change, all_series) if len(heads) > 1 else all_series[0]
            changes_of[id(owner)].append(change)
    drafts: list[Draft] = []
    for series in all_series:
        drafts += _read_opened(series, changes_of[id(series)], losses)
    return drafts


def _heads(masters: list[Entry], losses: Losses) -> list[Entry]:
    """Return the newest version of a series; several if they are different events.

    Some programs give many events one UID. If no property tells which one is newer, all are
    imported; otherwise the others are older versions (RFC 5546).
    """
    if len(masters) == 1:
        return masters
    uid = text(masters[0].component.first("UID"))[:60]
    best = newest([entry.component for entry in masters])
    newest_ids = {id(component) for component in best}
    best_entry = next(entry for entry in masters if entry.component is best[0])
    rank = Rank.of(best[0])
    cancelled = {start for version in best if is_cancelled(version) for start in _starts(version)}
    heads: list[Entry] = []
    contents = set()
    for entry in masters:
        component, content = entry.component, content_of(entry.component)
        if id(component) not in newest_ids:
            reason = rank.reason(Rank.of(component))
            losses.add(
                f"is not imported: {best_entry.where} has the same UID {uid!r} and {reason}, and "
                "so counts as its newest version",
                entry.where,
            )
        elif _starts(component) & cancelled and not is_cancelled(component):
            losses.add("is not imported: it is cancelled", entry.where)
        elif content in contents:
            losses.add(TWICE, entry.where)
        else:
            heads.append(entry)
            contents.add(content)
    if len(heads) > 1:
        losses.add(
            f"{len(heads)} that differ have the UID {uid!r}, and nothing tells which one is "
            "newer: each is imported, under an id of its own",
            heads[0].where,
        )
    return heads


def _open(
    head: Entry, is_one_of_several: bool, changes: Sequence[Entry], losses: Losses
) -> Series | None:
    """Take the schedule of a series; None if the series is not imported, which is reported."""
    check_time()
    component = head.component
    try:
        refuse_cancelled(component)
        digest = _digest(component) if is_one_of_several else ""
        uid = text(component.take_one("UID"))
        timing = timing_of(head)
    except BadValue as error:
        of_changes = f"; nor are {len(changes)} that differ from it" if changes else ""
        losses.add(f"is not imported: {error}{of_changes}", head.where)
        return None
    return Series(head, timing, f"{uid}#{digest}" if digest else uid, frozenset(timing.exdates))


def _read_opened(series: Series, changes: Sequence[Entry], losses: Losses) -> list[Draft]:
    """Return the drafts of a series and of its changes, which the series leaves out."""
    drafts = _read_changes(changes, series, losses)
    return [*_read_draft(series.entry, series.timing, series.id, losses), *drafts]


def _read_draft(entry: Entry, timing: Timing, identity: str, losses: Losses) -> list[Draft]:
    """Return the draft of an entry, and count its losses; report it if it is not imported."""
    check_time()
    try:
        draft = draft_of(entry, timing, identity)
    except BadValue as error:
        losses.add(f"is not imported: {error}", entry.where)
        return []
    entry.losses.count_unread(entry.component)
    losses.merge(entry.losses)
    return [draft]


def _read_changes(changes: Sequence[Entry], series: Series | None, losses: Losses) -> list[Draft]:
    """Return a draft of the newest version of each change, in the order of the file."""
    versions: dict[datetime, list[tuple[Entry, Moment]]] = {}
    for entry in changes:
        try:
            at = _occurrence(entry, series)
        except BadValue as error:
            losses.add(f"is not imported: {error}", entry.where)
            continue
        versions.setdefault(at.instant(), []).append((entry, at))
    return [
        draft
        for same in versions.values()
        for draft in _read_change(*_newest_change(same, losses), series, losses)
    ]


def _occurrence(change: Entry, series: Series | None) -> Moment:
    """Return the occurrence that an entry changes. Raises BadValue."""
    prop = change.component.properties["RECURRENCE-ID"][0]
    return read_recurrence_id(prop, change.calendar, series.timing if series else None)


def _newest_change(versions: list[tuple[Entry, Moment]], losses: Losses) -> tuple[Entry, Moment]:
    """Return the newest version of a change; of equals the last in the file."""
    best = newest([entry.component for entry, _ in versions])[-1]
    rank = Rank.of(best)
    for entry, _ in versions:
        component = entry.component
        if component is best:
            continue
        if Rank.of(component) != rank:
            what = f"is not imported: another version of it has {rank.reason(Rank.of(component))}"
        elif content_of(component) == content_of(best):
            what = TWICE
        else:
            what = "is not imported: another version of it, as old, comes later in the file"
        losses.add(what, entry.where)
    return next(version for version in versions if version[0].component is best)


def _read_change(entry: Entry, at: Moment, series: Series | None, losses: Losses) -> list[Draft]:
    """Return the draft of a changed occurrence, and leave the occurrence out of its series."""
    component = entry.component
    identity = component.take_one("RECURRENCE-ID")
    assert identity is not None  # noqa: S101  for the type checker
    if series is not None:
        is_left_out = at.wall in series.exdates or at.wall.date() in series.timing.days_out
        series.timing.exdates.add(at.wall)
        if is_left_out and is_older_than(component, series.entry.component):
            what = "is not imported: its series, which was changed later, leaves it out (EXDATE)"
            losses.add(what, entry.where)
            return []
    if identity.params.get("RANGE", "").upper() == "THISANDFUTURE":
        entry.lose("it changes all that follow as well: only this one is changed, those stay")
    try:
        refuse_cancelled(component)
        uid = text(component.take_one("UID"))
        timing = timing_of(entry, of_dates=series is not None and series.timing.is_date)
    except BadValue as error:
        losses.add(f"is not imported: {error}", entry.where)
        return []
    timing.recurrence = ""
    series_id = series.id if series else uid
    name = external_id(series_id, utc_text(at.instant())) if series_id else ""
    return _read_draft(entry, timing, name, losses)


def _owner(change: Entry, all_series: Sequence[Series]) -> Series:
    """Return the series of a UID that a change belongs to: the first with a date there."""
    for series in all_series:
        check_time()
        try:
            at = _occurrence(change, series)
        except BadValue:
            continue
        if at.wall in series.timing.times_on(at.wall.date()):
            return series
    return all_series[0]


def _starts(component: Component) -> set[str]:
    return {prop.value.strip() for prop in component.all("DTSTART")}


def _digest(component: Component) -> str:
    """Return a text that tells events with one UID apart, the same in each reading of the file."""
    names = ("DTSTART", "DUE", "RRULE", "SUMMARY")
    values = [prop.value.strip() for name in names for prop in component.all(name)]
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:16]
