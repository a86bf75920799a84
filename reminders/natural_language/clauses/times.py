"""Times of the day: at 18:00, at 8 and 20, at noon, in the morning, between 9 and 17."""

from datetime import time, timedelta

from reminders.natural_language.cursor import ClauseValues, Cursor
from reminders.natural_language.errors import ambiguous, refuse
from reminders.natural_language.lexicon import DIGITS, PARTS, UNIT_NAMES
from reminders.natural_language.names import is_counted
from reminders.natural_language.tokens import Clock, Token, is_plain, is_sure

# A bare number before these words is no time of day.
_COUNTED = {*UNIT_NAMES, "times", "time", "%", "x", "days'"}

_MOVED = {
    **dict.fromkeys(("half past", "half-past"), 30),
    **{f"{a}quarter {joint}": 15 for a in ("", "a ") for joint in ("past", "after")},
    **{f"{a}quarter {joint}": -15 for a in ("", "a ") for joint in ("to", "till")},
}
# Words without a meaning after a time.
_EXACTLY = ("sharp", "on the dot", "prompt", "promptly", "exactly", "my time", "local time")
_HALVES = {"am": 0, "a.m": 0, "pm": 12, "p.m": 12}


def times_of_day(c: Cursor) -> ClauseValues:
    """Read the times of a day, and the part of the day after them."""
    c.word("exactly")
    preposition = c.phrase("at exactly", "at", "@", "by", "around")
    is_at = preposition not in (None, "by", "around")
    clocks = c.several(lambda: clock(c, is_expected=preposition is not None, is_at=is_at))
    if not clocks:
        return None
    values: dict[str, object] = {"times": clocks}
    if part_name := part(c):
        values["part"] = part_name
    c.phrase(*_EXACTLY)
    return values


def clock(c: Cursor, *, is_expected: bool, is_at: bool = False) -> Clock | None:
    """Read one time; a bare number is one only where it `is_expected` that a time comes.

    Four digits are a time after "at" (`is_at`); after "by" they may be a year.
    """
    if c.word("noon", "midday"):
        return Clock(12)
    if c.word("midnight"):
        return Clock(0)
    if phrase := c.phrase(*_MOVED):
        return _read_moved(c, _MOVED[phrase])
    _refuse_half(c)
    reading = c.value("clock") or c.value("hours")
    if isinstance(reading, Clock):
        return reading
    for read in (_counted_minutes, _digits, _in_words, _bare):
        reading = c.attempt(lambda read=read: read(c, is_expected, is_at))  # type: ignore[misc]
        if isinstance(reading, Clock):
            return reading
    return None


def _refuse_half(c: Cursor) -> None:
    """Refuse "half 9", which is half past 9 in England and half past 8 elsewhere."""
    begin = c.at
    hour = c.number() if c.word("half") else None
    if hour is not None and 1 <= hour <= 12 and not c.ahead(_COUNTED):
        ambiguous(
            f"“half {hour}” may be {hour}:30 or {(hour - 2) % 12 + 1}:30: write one of them, or "
            f"“half past {hour}”."
        )
    c.at = begin


def _counted_minutes(c: Cursor, is_expected: bool, is_at: bool) -> Clock | None:
    """Read 20 past 8, at ten to nine, 10 minutes to 9."""
    token, minutes = c.token, c.number()
    if token is None or minutes is None or not 1 <= minutes <= 59:
        return None
    has_unit = c.word("minutes", "mins", "min") is not None
    joint = c.word("past", "after", "to", "till")
    if joint is None or not (has_unit or joint == "past" or (is_at and joint == "to")):
        return None
    at = c.attempt(lambda: clock(c, is_expected=True))
    if at is None or at.minute:
        return None
    if joint == "to" and token.kind == "number" and not has_unit:
        ambiguous(
            f"“{minutes} to …” may be {minutes} minutes before it, or from {minutes} on: write "
            f"“{minutes} minutes to …”, or a time such as 8:50."
        )
    return _shift(at, -minutes if joint in ("to", "till") else minutes)


_AHEAD = {"before", "beforehand", "ahead", "earlier", "early", "prior"}


def _digits(c: Cursor, is_expected: bool, is_at: bool) -> Clock | None:
    """Read 0900 and 18h after "at", and 0900 hours; 2h is a length."""
    token = c.token
    if token is None:
        return None
    c.at += 1
    hours = token.text.removesuffix("h")
    if token.kind == "span" and is_expected and hours.isdigit() and len(hours) == 2:
        # 24h before is a length, also after a comma.
        return None if c.ahead(_AHEAD) else _of_day(token.text, hours, 0)
    if token.kind != "number" or len(token.text) != 4:
        return None
    has_hours = c.word("hours", "hrs", "h") is not None
    if not (is_at or (has_hours and (is_expected or token.text[0] == "0"))):
        return None
    return _of_day(token.text, token.text[:2], int(token.text[2:]))


def _of_day(text: str, hour: str, minute: int) -> Clock:
    if int(hour) > 23 or minute > 59:
        refuse(f"“{text}” is no time of day: write 18:00 or 6pm.")
    return Clock(int(hour), minute, is_sure=is_sure(hour))


def _in_words(c: Cursor, is_expected: bool, is_at: bool) -> Clock | None:
    """Read ten thirty and seven pm; and 7 in the morning, where no word of a title is before it."""
    is_first = c.is_after_clause or c.at == 0
    hour = c.number()
    if hour is None:
        return None
    minute = c.attempt(lambda: _minute_word(c)) if is_expected else None
    half = c.one_of(_HALVES)
    if hour > 23 and (minute is not None or half is not None):
        refuse(f"{hour} is no hour of the day: write 18:30 or 6:30pm.")
    if half is not None:
        if not 1 <= hour <= 12:
            refuse(f"{hour} is no hour of 12: write 18:30 or 6:30pm.")
        return Clock(hour % 12 + half, minute or 0, is_half=True)
    if minute is not None or (is_first and not is_expected and hour <= 23 and _is_before_part(c)):
        return Clock(hour, minute or 0, is_sure=is_sure(str(hour)))
    return None


def _minute_word(c: Cursor) -> int | None:
    if c.word("oh", "o"):
        minute = c.one_of(DIGITS)
    else:
        minute = c.number_word()
        minute = minute if minute is not None and 10 <= minute <= 59 else None
    return None if c.ahead(_COUNTED) else minute


def _is_before_part(c: Cursor) -> bool:
    begin = c.at
    part_name = part(c)
    c.at = begin
    return part_name is not None


def _bare(c: Cursor, is_expected: bool, is_at: bool) -> Clock | None:
    token, hour = c.token, c.number()
    if token is None or hour is None:
        return None
    if not (c.word("o'clock", "oclock") or is_expected) or c.ahead(_COUNTED):
        return None
    if hour > 23:
        refuse(f"“{token.text}” is no hour of the day: write 18:00 or 6pm.")
    if c.at > 1 and c.tokens[c.at - 2].text in (",", "and", "&") and _counts(c.token):
        return None
    written = token.text if token.kind == "number" else str(hour)
    return Clock(hour, is_sure=is_sure(written), is_plain=is_plain(written))


def _counts(token: Token | None) -> bool:
    """Whether the number before this word counts it: 5 of "every day at 9, 5 pushups"."""
    return token is not None and token.kind == "word" and is_counted(token.text)


def _read_moved(c: Cursor, minutes: int) -> Clock | None:
    at = clock(c, is_expected=True)
    return None if at is None or at.minute else _shift(at, minutes)


def _shift(at: Clock, minutes: int) -> Clock:
    moved = timedelta(hours=at.hour, minutes=minutes) % timedelta(days=1)
    hours, seconds = divmod(moved.seconds, 3600)
    return Clock(hours, seconds // 60, is_sure=at.is_sure, is_half=at.is_half)


def part(c: Cursor) -> str | None:
    """Read a part of the day: "in the morning", "at night"."""
    if c.phrase("at night"):
        return "night"
    return c.attempt(lambda: c.word(*PARTS) if c.phrase("in the", "this") else None)


def window(c: Cursor) -> ClauseValues:
    """Read a span of hours: "between 9 and 17", "from 3pm to 4pm", "3pm-4pm"."""
    word = c.word("between", "from")
    joints = ("and",) if word == "between" else ("until", "till", "through")
    first = clock(c, is_expected=True) if word else c.value("clock")
    if first is None or not c.word(*joints, "to", "-"):
        return None
    last = clock(c, is_expected=True) if word else c.value("clock")
    if last is None:
        return None
    c.phrase(*_EXACTLY)
    return {"window": (first, last), **({} if word == "between" else {"is_event": True})}


def hours(c: Cursor) -> ClauseValues:
    """Read "in the hours 9 to 11 and 15", as a schedule in words has it."""
    if not c.phrase("in the hours", "in the hour"):
        return None
    return _numbers(c, "hours")


def minutes(c: Cursor) -> ClauseValues:
    if c.phrase("on the hour"):
        return {"minutes": [0]}
    return _numbers(c, "minutes") if c.phrase("at minutes", "at minute") else None


def _numbers(c: Cursor, name: str) -> ClauseValues:
    spans = c.several(lambda: _span(c))
    numbers = sorted({number for span in spans for number in span})
    return {name: numbers} if numbers and numbers[-1] <= (23 if name == "hours" else 59) else None


def _span(c: Cursor) -> range | None:
    first = c.value("number")
    if first is None:
        return None
    last = c.attempt(lambda: c.value("number") if c.word("to") else None)
    return range(first, min(first if last is None else last, 60) + 1)


def settle(clocks: list[Clock], part: str | None) -> list[time]:
    """Return the times of day of clocks, in order.

    Raises Misunderstood if a clock could be one of two times.
    """
    if part is not None:
        return sorted({_in_part(clock, part) for clock in clocks})
    # One hour after 12 proves that the others count to 24, too.
    is_24 = any((clock.hour > 12 or clock.hour == 0) and not clock.is_half for clock in clocks)
    _refuse_one_half(clocks)
    for clock in clocks:
        if not clock.is_sure and not is_24:
            early, late = time(clock.hour, clock.minute), time(clock.hour + 12, clock.minute)
            written = f"{clock.hour}:{clock.minute:02}" if clock.minute else str(clock.hour)
            ambiguous(
                f"“{written}” may be {early:%H:%M} or {late:%H:%M}: write {written}am, "
                f"{written}pm or {late:%H:%M}."
            )
    return sorted({clock.time for clock in clocks})


def _refuse_one_half(clocks: list[Clock]) -> None:
    """Refuse "at 8 and 9pm": the pm may be that of both."""
    halves = [clock for clock in clocks if clock.is_half]
    for clock in clocks:
        if halves and clock.is_plain:
            ambiguous(
                f"“{clock.hour}” may be {clock.hour}am or {clock.hour}pm beside "
                f"{halves[0].time:%H:%M}: write am or pm with each."
            )


def _in_part(clock: Clock, part: str) -> time:
    _, first, last = PARTS[part]
    if part in ("night", "tonight") and clock.is_sure and clock.hour < 6:
        return clock.time
    for hour in (clock.hour, clock.hour + 12):
        if first <= hour <= last:
            return time(hour, clock.minute, clock.second)
    where = part if part == "tonight" else f"in the {part}"
    refuse(f"{clock.time:%H:%M} is not {where}.", "contradiction")
