"""Of several versions of one event or of one change the newest (RFC 5546 2.1.5)."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from reminders.exchange.icalendar.syntax.parser import Component

_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z?")
# What makes two components of one version say the same.
_CONTENT = ("DTSTART", "DUE", "DURATION", "RRULE", "RDATE", "EXDATE", "SUMMARY", "STATUS")


class Rank(NamedTuple):
    """Orders versions: what is not given comes before all that is."""

    sequence: int
    stamp: str
    modified: str

    @classmethod
    def of(cls, component: Component) -> "Rank":
        return cls(
            _number(component), _stamp(component, "DTSTAMP"), _stamp(component, "LAST-MODIFIED")
        )

    def reason(self, older: "Rank") -> str:
        """Say by which property this one is newer."""
        if self.sequence != older.sequence:
            return f"a later SEQUENCE ({self.sequence}, not {older.sequence})"
        return "a later DTSTAMP" if self.stamp != older.stamp else "a later LAST-MODIFIED"


def newest(versions: Sequence[Component]) -> list[Component]:
    """Return the version that counts; several where nothing tells which one is newer."""
    ranks = [Rank.of(version) for version in versions]
    best = max(ranks)
    return [version for version, rank in zip(versions, ranks, strict=True) if rank == best]


def is_older_than(change: Component, series: Component) -> bool:
    """Return whether a series was changed after one of its changes; not where that is not known."""
    one, other = Rank.of(change), Rank.of(series)
    if one.sequence != other.sequence:
        return one.sequence < other.sequence
    return bool(one.stamp) and bool(other.stamp) and one < other


def content_of(component: Component) -> tuple[tuple[str, str, str], ...]:
    """Return what is equal for components that ask for the same reminder."""
    return tuple(
        sorted(
            (prop.name, prop.params.get("TZID", ""), prop.value.strip())
            for name in _CONTENT
            for prop in component.left.get(name, [])
        )
    )


def _number(component: Component) -> int:
    found = component.left.get("SEQUENCE")
    value = found[0].value.strip() if found else ""
    return int(value[:9]) if value.isascii() and value[:9].isdecimal() else 0


def _stamp(component: Component, name: str) -> str:
    found = component.left.get(name)
    value = found[0].value.strip().upper() if found else ""
    return value.rstrip("Z") if _STAMP.fullmatch(value) else ""
