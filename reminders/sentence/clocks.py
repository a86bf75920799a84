"""Times of the day: at 18:00, at 8 and 20, at noon, in the morning, between 9 and 17."""

from datetime import time, timedelta

from .cursor import Cursor, Found
from .errors import ambiguous, refuse
from .lexicon import PARTS, UNIT_NAMES
from .tokens import Clock, is_plain, is_sure

# After a bare number these say that it is no time.
_COUNTED = {*UNIT_NAMES, "times", "time", "%", "x", "days'"}

_MOVED = {
    **{"half past": 30, "quarter past": 15, "a quarter past": 15},
    **{"quarter to": -15, "a quarter to": -15},
}


def times(c: Cursor) -> Found:
    """Read the times of a day, each with what part of the day it was said to be in."""
    has_at = c.phrase("at", "@", "by", "around") is not None
    clocks = c.several(lambda: clock(c, is_told=has_at))
    if not clocks:
        return None
    found: dict[str, object] = {"times": clocks}
    if named := part(c):
        found["part"] = named
    return found


def clock(c: Cursor, *, is_told: bool) -> Clock | None:
    """Read one time; a bare number is one only where it `is_told` that a time comes."""
    if c.word("noon", "midday"):
        return Clock(12)
    if c.word("midnight"):
        return Clock(0)
    if phrase := c.phrase(*_MOVED):
        return _moved(c, _MOVED[phrase])
    found = c.value("clock")
    if isinstance(found, Clock):
        return found
    return c.attempt(lambda: _bare(c, is_told=is_told))


def _bare(c: Cursor, *, is_told: bool) -> Clock | None:
    token, hour = c.token, c.number()
    if token is None or hour is None:
        return None
    if not (c.word("o'clock", "oclock") or is_told) or c.ahead(_COUNTED):
        return None
    if hour > 23:
        refuse(f"“{token.text}” is no hour of the day: write 18:00 or 6pm.")
    written = token.text if token.kind == "number" else str(hour)
    return Clock(hour, is_sure=is_sure(written), is_plain=is_plain(written))


def _moved(c: Cursor, minutes: int) -> Clock | None:
    at = clock(c, is_told=True)
    if at is None or at.minute:
        return None
    moved = timedelta(hours=at.hour, minutes=minutes) % timedelta(days=1)
    hours, seconds = divmod(moved.seconds, 3600)
    return Clock(hours, seconds // 60, is_sure=at.is_sure)


def part(c: Cursor) -> str | None:
    """Read which part of the day is meant: "in the morning", "at night"."""
    if c.phrase("at night"):
        return "night"
    return c.attempt(lambda: c.word(*PARTS) if c.phrase("in the", "this") else None)


def window(c: Cursor) -> Found:
    """Read between which times of the day."""
    word = c.word("between", "from")
    if word is None:
        return None
    joints = ("and",) if word == "between" else ("until", "till", "through")
    first = clock(c, is_told=True)
    if first is None or not c.word(*joints, "to", "-", "–"):
        return None
    last = clock(c, is_told=True)
    return None if last is None else {"window": (first, last)}


def hours(c: Cursor) -> Found:
    """Read "in the hours 9 to 11 and 15", as a schedule in words has it."""
    if not c.phrase("in the hours", "in the hour"):
        return None
    return _numbers(c, "hours")


def minutes(c: Cursor) -> Found:
    if c.phrase("on the hour"):
        return {"minutes": [0]}
    return _numbers(c, "minutes") if c.phrase("at minutes", "at minute") else None


def _numbers(c: Cursor, name: str) -> Found:
    spans = c.several(lambda: _span(c))
    found = sorted({number for span in spans for number in span})
    return {name: found} if found and found[-1] <= (23 if name == "hours" else 59) else None


def _span(c: Cursor) -> range | None:
    first = c.value("number")
    if first is None:
        return None
    last = c.attempt(lambda: c.value("number") if c.word("to") else None)
    return range(first, min(first if last is None else last, 60) + 1)


def settle(clocks: list[Clock], part: str | None) -> list[time]:
    """Return which times are meant; raises Misunderstood where each could be one of two."""
    if part is not None:
        return sorted({_in_part(each, part) for each in clocks})
    # One hour that can only be of 24 tells how the others are counted.
    is_24 = any(each.hour > 12 or each.hour == 0 for each in clocks)
    for each in clocks:
        if not each.is_sure and not is_24:
            early, late = time(each.hour, each.minute), time(each.hour + 12, each.minute)
            written = f"{each.hour}:{each.minute:02}" if each.minute else str(each.hour)
            ambiguous(
                f"“{written}” may be {early:%H:%M} or {late:%H:%M}: write {written}am, "
                f"{written}pm or {late:%H:%M}."
            )
    return sorted({each.time for each in clocks})


def _in_part(each: Clock, part: str) -> time:
    _, first, last = PARTS[part]
    if part in ("night", "tonight") and each.is_sure and each.hour < 6:
        return each.time
    for hour in (each.hour, each.hour + 12):
        if first <= hour <= last:
            return time(hour, each.minute, each.second)
    where = part if part == "tonight" else f"in the {part}"
    refuse(f"{each.time:%H:%M} is not {where}.", "contradiction")
