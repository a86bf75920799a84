"""Clock changes of a zone, read from its TZif file (RFC 9636)."""

import re
import struct
from datetime import date
from typing import NamedTuple

DAY = 86_400
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

# The Gregorian calendar repeats, weekdays included, every 400 years.
CYCLE = 146_097 * DAY
# No offset, no clock change and no distance of two offsets of a zone is larger (Manila 1844, Apia
# 2011: a whole day).
MAX_SHIFT = 2 * DAY
# The tables of tzdata end before this year; from here on only the rule in the footer applies.
FIRST_RULE_YEAR = 2100
RULES_FROM = (date(FIRST_RULE_YEAR, 1, 1).toordinal() - EPOCH_ORDINAL) * DAY

_HEADER = struct.Struct(">4sc15x6l")
_TYPE = struct.Struct(">lBB")
_FOOTER = re.compile(
    r"(?:<[^>]+>|[A-Za-z]+)(?P<std>[-+]?[0-9:]+)"
    r"(?:(?:<[^>]+>|[A-Za-z]+)(?P<dst>[-+]?[0-9:]+)?,(?P<begin>[^,]+),(?P<end>[^,]+))?"
)
_CHANGE = re.compile(r"M([0-9]+)\.([0-9])\.([0-6])(?:/([-+]?[0-9:]+))?")


class Changes(NamedTuple):
    """UTC offsets of a zone: `offsets[i]` holds before `at[i]`, `offsets[i + 1]` from it on.

    In seconds. With `repeats`, an instant from RULES_FROM + CYCLE on has the offset of the instant
    whole cycles earlier.
    """

    at: tuple[int, ...]
    offsets: tuple[int, ...]
    repeats: bool


def read(content: bytes) -> Changes:
    start = _end_of_block(content, 0, time_size=4)
    _, _, _, _, _, changes, types, _ = _HEADER.unpack_from(content, start)
    end = _end_of_block(content, start, time_size=8)
    body = start + _HEADER.size
    at = struct.unpack_from(f">{changes}q", content, body)
    kinds = content[body + 8 * changes : body + 9 * changes]
    offsets = [
        _TYPE.unpack_from(content, body + 9 * changes + _TYPE.size * i)[0] for i in range(types)
    ]
    footer = content[end:].decode("ascii").strip()
    timeline = [(t, offsets[kind]) for t, kind in zip(at, kinds, strict=True)]
    rules = _rule_changes(footer, since=at[-1] if at else -(1 << 60))
    return _without_idle_changes(offsets[0], timeline + rules, repeats=bool(rules))


def _end_of_block(content: bytes, start: int, time_size: int) -> int:
    magic, _, is_ut, is_std, leaps, changes, types, characters = _HEADER.unpack_from(content, start)
    if magic != b"TZif":
        raise ValueError("not a TZif file")
    return int(
        start
        + _HEADER.size
        + changes * (time_size + 1)
        + types * _TYPE.size
        + characters
        + leaps * (time_size + 4)
        + is_std
        + is_ut
    )


def _without_idle_changes(first: int, timeline: list[tuple[int, int]], repeats: bool) -> Changes:
    """Drop changes that do not move the clock, such as a new name of the zone."""
    at, offsets = [], [first]
    for t, offset in timeline:
        if offset != offsets[-1]:
            at.append(t)
            offsets.append(offset)
    return Changes(tuple(at), tuple(offsets), repeats)


def _rule_changes(footer: str, since: int) -> list[tuple[int, int]]:
    """Return the changes after `since` by the POSIX TZ rule in the footer, for one cycle."""
    match = _FOOTER.fullmatch(footer)
    if match is None:
        raise ValueError(f"cannot read the TZ rule {footer!r}")
    if match["begin"] is None:
        return []
    standard = -_seconds(match["std"])
    daylight = -_seconds(match["dst"]) if match["dst"] else standard + 3600
    first_year = max(1970 + since // (366 * DAY), 1900)
    changes = []
    for year in range(first_year, FIRST_RULE_YEAR + 402):
        changes.append((_change(match["begin"], year) - standard, daylight))
        changes.append((_change(match["end"], year) - daylight, standard))
    return sorted(change for change in changes if change[0] > since)


def _change(rule: str, year: int) -> int:
    """Return the seconds since 1970 of a change, on the wall clock before it."""
    match = _CHANGE.fullmatch(rule)
    if match is None:
        raise ValueError(f"cannot read the TZ change {rule!r}")
    month, week, weekday = int(match[1]), int(match[2]), int(match[3])
    first = date(year, month, 1).toordinal()
    day = first + (weekday - first) % 7 + 7 * (week - 1)
    following = date(year + month // 12, month % 12 + 1, 1).toordinal()
    while day >= following:
        day -= 7
    return (day - EPOCH_ORDINAL) * DAY + (_seconds(match[4]) if match[4] else 7200)


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = [*map(int, text.lstrip("+-").split(":")), 0, 0][:3]
    return sign * (hours * 3600 + minutes * 60 + seconds)
