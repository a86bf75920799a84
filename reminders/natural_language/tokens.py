"""The tokens of a sentence: words, numbers, times and dates."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NoReturn

from .errors import ambiguous, refuse
from .lexicon import MONTHS


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day as written; `is_sure` if it can be only one hour of the 24."""

    hour: int
    minute: int = 0
    second: int = 0
    is_sure: bool = True
    # One of 7 to 11 without am or pm: read as the morning.
    is_plain: bool = False
    # Written with am or pm.
    is_half: bool = False

    @property
    def time(self) -> time:
        return time(self.hour, self.minute, self.second)


@dataclass(frozen=True, slots=True)
class NamedDate:
    """A date whose month is written as a name, in one piece: Dec24."""

    month: int
    day: int
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is in lower case; `start` and `end` say where it stands in the sentence."""

    kind: str
    text: str
    start: int
    end: int
    value: object = None


_WEEKDAY = "(?i:mon|tues?|wed|wednes|thur?s?|fri|sat|satur|sun)(?i:day)?"
_MONTH = "(?i:" + "|".join(sorted(MONTHS, key=len, reverse=True)) + ")"
_NTH = "[0-9]{1,2}(?i:st|nd|rd|th)?"
_SPAN_UNIT = "(?i:days?|d|hours?|hrs?|h|minutes?|mins?|m|weeks?|wks?|w)"
_PATTERNS = {
    "rule": r"(?i:(?:RRULE:)?FREQ=[A-Z0-9=;,+\-]+(?:(?<=;)[ ]+[A-Z]+=[A-Z0-9=;,+\-]+)*)",
    "cron": r"(?=[^\"]*\*)(?<!\S)(?:[0-9*][0-9*,/\-]*[ ]+){2}(?:[0-9*][0-9*,/\-LW]*|LW?|\?)[ ]+"
    r"[0-9*A-Z][0-9*,/\-A-Z]*[ ]+(?:[0-9*A-Z][0-9*,/\-A-Z#]*|\?)(?!\S)",
    "quoted": r'"[^"]*"|“[^”]*”|„[^“”]*[“”]|«[^»]*»',
    "moment": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?"
    r"(?:Z|[+\-][0-9]{2}:[0-9]{2})?(?!\w|:\w)",
    "date": r"(?<!\w)[0-9]{4}(?:-[0-9]{1,2}-|/[0-9]{1,2}/|\.[0-9]{1,2}\.)[0-9]{1,2}(?![\w/\-]|:\w)",
    "day_first": r"(?<![\w\-])[0-9]{1,2}(?:-[0-9]{1,2}-|/[0-9]{1,2}/|\.[0-9]{1,2}\.)[0-9]{4}"
    r"(?![\w/\-]|:\w)",
    "named_date": rf"(?<!\w){_NTH}[\-/.]?{_MONTH}(?:[\-/.]?[0-9]{{4}})?(?![\w/])"
    rf"|(?<!\w){_MONTH}[\-/.]?{_NTH}(?:[\-/.,][0-9]{{4}})?(?![\w/])",
    "clock": r"[0-9]{1,2}(?:[:.][0-9]{2}){0,2}[ ]?(?i:[ap]\.?m\b\.?)"
    r"|[0-9]{1,2}(?::[0-9]{2})?(?i:[ap])(?![\w'’\-])"
    r"|[0-9]{1,2}(?::[0-9]{2}){1,2}(?:(?i:h)(?!\w)|(?=Z(?!\w))|(?!\w|:\w))",
    "decimal": rf"[0-9]{{1,4}}\.[0-9]{{1,2}}(?=[ ]?{_SPAN_UNIT}\b)",
    "slashed": r"[0-9]{1,4}[/.][0-9]{1,2}(?:[/.][0-9]{1,4})?(?!\w|:\w)"
    r"|(?<![\w\-])[0-9]{1,2}-[0-9]{1,2}-[0-9]{1,4}(?![\w:\-])",
    "ordinal": r"[0-9]{1,3}(?i:st|nd|rd|th)(?!\w)",
    "hours": r"[0-9]{1,2}h[0-9]{2}(?!\w)",
    "span": rf"(?:[0-9]{{1,5}}{_SPAN_UNIT}(?![A-Za-z])){{1,3}}(?!\w)",
    # Digits with letters: 3x, 7-Eleven, 0900Z.
    "mixed": r"[0-9]+(?:[^\W\d_]|-[^\W\d_])\w*(?:[\-'’./:]\w+)*",
    "number": r"[0-9]+(?!\w)",
    "tag": r"(?<!\S)\#(?=[^\s,;()#\"]*[^\W\d_])[^\s,;()#\"]+",
    "zone": rf"(?!{_WEEKDAY}s?/{_WEEKDAY}s?\b)[A-Za-z]+(?:/[A-Za-z_+\-0-9]+){{1,2}}",
    "urgent": r"(?<!\S)!+(?!\S)",
    # Of Mon-Fri and Sat/Sun two; of stand-up one.
    "word": rf"{_WEEKDAY}s?(?=[\-/]{_WEEKDAY}s?\b)|[^\W\d_](?:[\w'’.\-]*\w)?|\S",
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{text})" for kind, text in _PATTERNS.items()))
_SPAN = re.compile(r"([0-9]+)([a-z])[a-z]*")
_SPAN_UNITS = {"d": "days", "h": "hours", "m": "minutes", "w": "weeks"}
_MARK = re.compile(r"[^\w]+")
# Characters that keyboards, phones and word processors write in place of an ASCII character.
_TYPOGRAPHY = {
    **dict.fromkeys("\t\u00a0\u1680\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
    **dict.fromkeys("\u2002\u2003\u2004\u2005\u2006", " "),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u2018\u2019\u02bc", "'"),
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
}
_PLAIN = str.maketrans(_TYPOGRAPHY)


def plain(text: str) -> str:
    """Return the sentence with its blanks, dashes and wide characters as in ASCII.

    Each character stays where it is, so that positions are those of the sentence itself.
    """
    return text.translate(_PLAIN)


def tokenize(sentence: str) -> list[Token]:
    """Return the tokens of a sentence; raises Misunderstood for an impossible time or date."""
    return [_token(match) for match in _TOKEN.finditer(plain(sentence))]


def _token(match: re.Match[str]) -> Token:
    kind, text = match.lastgroup or "word", match[0]
    value: object = None
    if kind in _READERS:
        value = _READERS[kind](text)
    elif kind == "word" and _MARK.fullmatch(text):
        kind = "mark"
    return Token(kind, text.lower(), match.start(), match.end(), value)


def _clock(text: str) -> Clock:
    written = text.lower().replace(" ", "").removesuffix("h")
    half = ""
    if match := re.search(r"([ap])\.?m?\.?$", written):
        half, written = match[1], written[: match.start()]
    fields = [int(part) for part in re.split("[:.]", written)]
    hour, minute, second = (*fields, 0, 0)[:3]
    most = (12, 59, 59) if half else (23, 59, 59)
    if hour > most[0] or minute > 59 or second > 59 or (half and not hour):
        refuse(f"“{text}” is no time of day: write 18:30 or 6:30pm.")
    if half:
        return Clock(hour % 12 + 12 * (half == "p"), minute, second, is_half=True)
    return Clock(hour, minute, second, is_sure=is_sure(written))


def is_sure(written: str) -> bool:
    """Whether an hour without am or pm counts as one of 24: 00, 06, 18, and 7 to 12."""
    digits = written.split(":", maxsplit=1)[0]
    return len(digits) == 2 or not 1 <= int(digits) <= 6


def is_plain(written: str) -> bool:
    return written.split(":", maxsplit=1)[0] in {"7", "8", "9", "10", "11"} and ":" not in written


def _date(text: str) -> date:
    return _calendar_date(text, *map(int, re.split("[-/.]", text)))


def _calendar_date(text: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        refuse(f"“{text}” is no date of the calendar.")


def _day_first(text: str) -> date:
    """Read 27/01/2027 and 01/27/2027, of which one order only makes a date."""
    first, second, year = map(int, re.split("[-/.]", text))
    if first != second and first <= 12 and second <= 12:
        _slashed(text)
    day, month = (first, second) if second <= 12 else (second, first)
    return _calendar_date(text, year, month, day)


def _named_date(text: str) -> NamedDate:
    """Read Dec24, 24/Dec/2026."""
    month = re.search(_MONTH, text)
    assert month is not None  # noqa: S101  for the type checker
    numbers = [int(number) for number in re.findall("[0-9]+", text)]
    year = numbers[1] if len(numbers) > 1 else None
    return NamedDate(MONTHS[month[0].lower()], numbers[0], year)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        refuse(f"“{text}” is no date and time.")


def _slashed(text: str) -> NoReturn:
    ambiguous(
        f"“{text}” may be a day and a month in either order, or a number: write 5 June, Jun 5 or "
        "2027-06-05, or put the title in quotes."
    )


def _span(text: str) -> timedelta:
    parts = _SPAN.findall(text.lower())
    return sum((timedelta(**{_SPAN_UNITS[unit]: int(n)}) for n, unit in parts), timedelta())


def _hours(text: str) -> Clock:
    hour, minute = map(int, text.split("h"))
    return Clock(hour, minute, is_sure=is_sure(text.split("h", maxsplit=1)[0]))


_READERS: dict[str, Callable[[str], object]] = {
    "clock": _clock,
    "date": _date,
    "day_first": _day_first,
    "named_date": _named_date,
    "moment": _moment,
    "slashed": _slashed,
    "span": _span,
    "hours": _hours,
    "decimal": float,
    "ordinal": lambda text: int(text[:-2]),
    "number": lambda text: int(text[:9]),
    "tag": str,
    "rule": str,
    "cron": str,
}
