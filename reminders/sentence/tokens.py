"""From a sentence to its words, numbers, times and dates."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from .errors import refuse


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day as it was written; `is_sure` when it can be only one of the 24 hours'."""

    hour: int
    minute: int = 0
    second: int = 0
    is_sure: bool = True
    # One of 7 to 11 without am or pm: read as the morning.
    is_plain: bool = False

    @property
    def time(self) -> time:
        return time(self.hour, self.minute, self.second)


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is in lower case; `start` and `end` say where it stands in the sentence."""

    kind: str
    text: str
    start: int
    end: int
    value: object = None


_WEEKDAY = "(?i:mon|tues?|wed|wednes|thur?s?|fri|sat|satur|sun)(?i:day)?"
_PATTERNS = {
    "rule": r"(?i:(?:RRULE:)?FREQ=[A-Z0-9=;,+\-]+)",
    "cron": r"(?=[^\"]*\*)(?<!\S)(?:[0-9*][0-9*,/\-]*[ ]+){2}(?:[0-9*][0-9*,/\-LW]*|LW?)[ ]+"
    r"[0-9*A-Z][0-9*,/\-A-Z]*[ ]+[0-9*A-Z][0-9*,/\-A-Z#]*(?!\S)",
    "quoted": r'"[^"]*"|“[^”]*”',
    "moment": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?"
    r"(?:Z|[+\-][0-9]{2}:[0-9]{2})?(?![\w:])",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![\w:])",
    "slashed": r"[0-9]{1,4}[/.][0-9]{1,2}(?:[/.][0-9]{1,4})?(?![\w:])",
    "clock": r"[0-9]{1,2}(?::[0-9]{2}){0,2}[ ]?(?i:[ap]\.?m\b\.?)"
    r"|[0-9]{1,2}(?::[0-9]{2}){1,2}(?![\w:])",
    "ordinal": r"[0-9]{1,3}(?i:st|nd|rd|th)(?!\w)",
    "span": r"(?:[0-9]{1,5}(?:d|h|min|m)(?![A-Za-z])){1,3}",
    "number": r"[0-9]+(?!\w)",
    "tag": r"(?<!\S)\#[^\s,;()#\"]+",
    "zone": r"[A-Za-z]+(?:/[A-Za-z_+\-0-9]+){1,2}",
    "urgent": r"(?<!\S)!+(?!\S)",
    # Of Mon-Fri two; of stand-up one.
    "word": rf"{_WEEKDAY}(?=-{_WEEKDAY}\b)|[^\W\d_](?:[\w'’.\-]*\w)?|\S",
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{text})" for kind, text in _PATTERNS.items()))
_SPAN = re.compile(r"([0-9]+)(d|h|min|m)")
_SPAN_UNITS = {"d": "days", "h": "hours", "min": "minutes", "m": "minutes"}
_MARK = re.compile(r"[^\w]+")


def tokens(sentence: str) -> list[Token]:
    """Cut a sentence up; raises Misunderstood where a time or a date is written that is none."""
    return [_token(found) for found in _TOKEN.finditer(sentence)]


def _token(found: re.Match[str]) -> Token:
    kind, text = found.lastgroup or "word", found[0]
    value: object = None
    if kind in _READERS:
        value = _READERS[kind](text)
    elif kind == "word" and _MARK.fullmatch(text):
        kind = "mark"
    return Token(kind, text.lower().replace("’", "'"), found.start(), found.end(), value)


def _clock(text: str) -> Clock:
    plain = text.lower().replace(".", "").replace(" ", "")
    half = plain[-2:] if plain.endswith("m") else ""
    fields = [int(part) for part in plain.removesuffix(half).split(":")]
    hour, minute, second = (*fields, 0, 0)[:3]
    most = (12, 59, 59) if half else (23, 59, 59)
    if hour > most[0] or minute > 59 or second > 59 or (half and not hour):
        refuse(f"“{text}” is no time of day: write 18:30 or 6:30pm.")
    if half:
        return Clock(hour % 12 + 12 * (half == "pm"), minute, second)
    return Clock(hour, minute, second, is_sure=is_sure(plain))


def is_sure(written: str) -> bool:
    """Whether an hour without am or pm is one of 24: 00, 06, 18, and 7 to 12, which are so read."""
    digits = written.split(":", maxsplit=1)[0]
    return len(digits) == 2 or not 1 <= int(digits) <= 6


def is_plain(written: str) -> bool:
    return written.split(":", maxsplit=1)[0] in {"7", "8", "9", "10", "11"} and ":" not in written


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        refuse(f"“{text}” is no date of the calendar.")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        refuse(f"“{text}” is no date and time.")


def _slashed(text: str) -> None:
    refuse(
        f"“{text}” may be a day and a month in either order, or a number: write 5 June, Jun 5 or "
        "2027-06-05, or put the title in quotes.",
        "ambiguous",
    )


def _span(text: str) -> timedelta:
    return sum(
        (timedelta(**{_SPAN_UNITS[unit]: int(n)}) for n, unit in _SPAN.findall(text)), timedelta()
    )


_READERS: dict[str, Callable[[str], object]] = {
    "clock": _clock,
    "date": _date,
    "moment": _moment,
    "slashed": _slashed,
    "span": _span,
    "ordinal": lambda text: int(text[:-2]),
    "number": lambda text: int(text[:9]),
    "tag": str,
    "rule": str,
    "cron": str,
}
