"""The newest of several versions of one event or of one change (RFC 5546 2.1.5)."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from reminders.exchange.icalendar.syntax.parser import Component

_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z?")
# Components of one version are equal if these properties are.
_CONTENT = ("DTSTART", "DUE", "DURATION", "RRULE", "RDATE", "EXDATE", "SUMMARY", "STATUS")


class Rank(NamedTuple):
    """The order of versions: a missing value comes first."""

    sequence: int
    stamp: str
    modified: str

    @classmethod
    def of(cls, component: Component) -> "Rank":
        return cls(
            _number(component), _stamp(component, "DTSTAMP"), _stamp(component, "LAST-MODIFIED")
        )

    def reason(self, older: "Rank") -> str:
        """Return the property by which this version is newer."""
        if self.sequence != older.sequence:
            return f"a later SEQUENCE ({self.sequence}, not {older.sequence})"
        return "a later DTSTAMP" if self.stamp != older.stamp else "a later LAST-MODIFIED"


def newest(versions: Sequence[Component]) -> list[Component]:
    """Return the newest version, or several if no property tells which is newer."""
    ranks = [Rank.of(version) for version in versions]
    best = max(ranks)
    return [version for version, rank in zip(versions, ranks, strict=True) if rank == best]


def is_older_than(change: Component, series: Component) -> bool:
    """Return whether a series was changed after `change` was; False if no property tells."""
    rank, series_rank = Rank.of(change), Rank.of(series)
    if rank.sequence != series_rank.sequence:
        return rank.sequence < series_rank.sequence
    return bool(rank.stamp and series_rank.stamp) and rank < series_rank


def content_of(component: Component) -> tuple[tuple[str, str, str], ...]:
    """Return the properties that are equal in components for the same reminder."""
    return tuple(
        sorted(
            (prop.name, prop.params.get("TZID", ""), prop.value.strip())
            for name in _CONTENT
            for prop in component.all(name)
        )
    )


def _number(component: Component) -> int:
    value = component.value("SEQUENCE")
    return int(value[:9]) if value.isascii() and value[:9].isdecimal() else 0


def _stamp(component: Component, name: str) -> str:
    value = component.value(name).upper()
    return value.rstrip("Z") if _STAMP.fullmatch(value) else ""
