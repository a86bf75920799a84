"""RFC 5545 recurrence rules (3.3.10): grammar and canonical text."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from functools import cached_property

from .errors import RecurrenceError, clip


class Freq(IntEnum):
    MINUTELY = 1
    HOURLY = 2
    DAILY = 3
    WEEKLY = 4
    MONTHLY = 5
    YEARLY = 6


WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MAX_COUNT = 100_000
# An UNTIL in this year means no end.
ENDLESS_YEAR = 9999
# About a thousand years each.
MAX_INTERVAL = {
    Freq.MINUTELY: 525_600_000,
    Freq.HOURLY: 8_760_000,
    Freq.DAILY: 365_000,
    Freq.WEEKLY: 52_000,
    Freq.MONTHLY: 12_000,
    Freq.YEARLY: 1_000,
}
# More would be a schedule by the second.
MAX_TIMES = 1_440


# Compared by identity: equal texts are parsed once, and tables are cached per rule.
@dataclass(frozen=True, eq=False)
class Rule:
    """A parsed rule; the lists are sorted and without duplicates."""

    freq: Freq
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    by_month: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    by_hour: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_second: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0

    @property
    def has_ordinals(self) -> bool:
        """Whether BYDAY counts weekdays, as in the last Friday."""
        return any(ordinal for _, ordinal in self.by_day)

    @cached_property
    def text(self) -> str:
        """The rule in canonical form."""
        parts = [f"FREQ={self.freq.name}"]
        if self.interval != 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if self.until is not None:
            parts.append(f"UNTIL={self.until_text}")
        for name, attribute in BY_PARTS.items():
            values = getattr(self, attribute)
            if values:
                parts.append(f"{name}={','.join(map(_value_text, values))}")
        if self.week_start and self._week_matters:
            parts.append(f"WKST={WEEKDAYS[self.week_start]}")
        return ";".join(parts)

    @property
    def until_text(self) -> str:
        if self.until is None:
            return ""
        return self.until.strftime("%Y%m%dT%H%M%S").zfill(15) + ("Z" if self.until.tzinfo else "")

    @property
    def _week_matters(self) -> bool:
        if self.freq is Freq.WEEKLY:
            return self.interval > 1 or bool(self.by_set_pos)
        return bool(self.by_week_no)


BY_PARTS = {
    "BYMONTH": "by_month",
    "BYWEEKNO": "by_week_no",
    "BYYEARDAY": "by_year_day",
    "BYMONTHDAY": "by_month_day",
    "BYDAY": "by_day",
    "BYHOUR": "by_hour",
    "BYMINUTE": "by_minute",
    "BYSECOND": "by_second",
    "BYSETPOS": "by_set_pos",
}
# lowest, highest, and whether -highest to -1 count from the end
_RANGES = {
    "BYMONTH": (1, 12, False),
    "BYWEEKNO": (1, 53, True),
    "BYYEARDAY": (1, 366, True),
    "BYMONTHDAY": (1, 31, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSECOND": (0, 59, False),
    "BYSETPOS": (1, 366, True),
}
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", *BY_PARTS, "WKST")
_NUMBER = re.compile(r"[0-9]{1,9}")
_BY_DAY = re.compile(r"([-+]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"([0-9]{8})T([0-9]{6})(Z?)")
_HINTS = {"WEEKDAY": "BYDAY", "BYWEEKDAY": "BYDAY", "BYEASTER": "BYMONTH and BYMONTHDAY"}


def _error(message: str) -> RecurrenceError:
    return RecurrenceError("recurrence", message)


def parse(text: str) -> Rule:
    """Parse the text after `RRULE:`, in capitals. Raises RecurrenceError."""
    parts = _split(text)
    freq = _freq(parts)
    fields = {
        attribute: _list(name, parts[name]) for name, attribute in BY_PARTS.items() if name in parts
    }
    rule = Rule(
        freq=freq,
        interval=_interval(parts.get("INTERVAL"), freq),
        count=_count(parts["COUNT"]) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        week_start=_weekday(parts["WKST"]) if "WKST" in parts else 0,
        **fields,  # type: ignore[arg-type]
    )
    _refuse_forbidden(rule)
    _refuse_floods(rule)
    return rule


def _split(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise _error(f"{clip(part)!r} is not a part; write NAME=VALUE;NAME=VALUE")
        if name not in _PARTS:
            hint = f" (use {_HINTS[name]})" if name in _HINTS else ""
            raise _error(f"{clip(name)!r} is not a part{hint}; known are {', '.join(_PARTS)}")
        if name in parts:
            raise _error(f"{name} is given twice; each part may be given once")
        parts[name] = value
    return parts


def _freq(parts: dict[str, str]) -> Freq:
    allowed = ", ".join(freq.name for freq in reversed(Freq))
    if "FREQ" not in parts:
        raise _error(f"FREQ is missing; it must be one of {allowed}")
    if parts["FREQ"] == "SECONDLY":
        raise _error(f"FREQ=SECONDLY is not supported; FREQ must be one of {allowed}")
    if parts["FREQ"] not in Freq.__members__:
        raise _error(f"FREQ={clip(parts['FREQ'])} is unknown; it must be one of {allowed}")
    return Freq[parts["FREQ"]]


def _interval(value: str | None, freq: Freq) -> int:
    if value is None:
        return 1
    highest = MAX_INTERVAL[freq]
    if not _NUMBER.fullmatch(value) or not 1 <= int(value) <= highest:
        raise _error(f"INTERVAL={clip(value)} must be 1 to {highest} for {freq.name}")
    return int(value)


def _count(value: str) -> int:
    if not _NUMBER.fullmatch(value) or not 1 <= int(value) <= MAX_COUNT:
        raise _error(f"COUNT={clip(value)} must be 1 to {MAX_COUNT}; or use UNTIL")
    return int(value)


def _until(value: str) -> datetime:
    match = _UNTIL.fullmatch(value)
    if match is None:
        if re.fullmatch(r"[0-9]{8}", value):
            raise _error(
                f"UNTIL={value} is a date only; give the time too, as in {value}T235959 "
                f"(local to the time zone) or {value}T235959Z (UTC)"
            )
        raise _error(f"UNTIL={clip(value)} must be YYYYMMDDTHHMMSS (local), then Z for UTC")
    day, time, utc = match.groups()
    try:
        until = datetime.strptime(day + time, "%Y%m%d%H%M%S")
    except ValueError:
        raise _error(f"UNTIL={value} is not a date and time of the calendar") from None
    return until.replace(tzinfo=UTC) if utc else until


def _weekday(value: str) -> int:
    if value not in WEEKDAYS:
        raise _error(f"WKST={clip(value)} must be one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(value)


def _list(name: str, value: str) -> tuple[object, ...]:
    items = value.split(",")
    if name == "BYDAY":
        return tuple(sorted({_by_day(item) for item in items}, key=_day_order))
    numbers = {_number(name, item) for item in items}
    return tuple(sorted(number for number in numbers if number >= 0)) + tuple(
        sorted(number for number in numbers if number < 0)
    )


def _number(name: str, item: str) -> int:
    lowest, highest, signed = _RANGES[name]
    pattern = r"[-+]?[0-9]{1,3}" if signed else r"[0-9]{1,2}"
    if re.fullmatch(pattern, item):
        number = int(item)
        if lowest <= number <= highest or (signed and lowest <= -number <= highest):
            return number
    negative = f" or -{highest} to -{lowest}" if signed else ""
    leap = "; leap seconds are not supported" if (name, item) == ("BYSECOND", "60") else ""
    raise _error(f"{name}={clip(item) or '(empty)'} must be {lowest} to {highest}{negative}{leap}")


def _by_day(item: str) -> tuple[int, int]:
    match = _BY_DAY.fullmatch(item)
    ordinal = int(match[1]) if match and match[1] else 0
    if match is None or (match[1] and not 1 <= abs(ordinal) <= 53):
        raise _error(
            f"BYDAY={clip(item) or '(empty)'} must be one of {', '.join(WEEKDAYS)}; in MONTHLY "
            "and YEARLY rules an ordinal, 1 to 53 or -53 to -1, may stand before it, as in -1FR"
        )
    return WEEKDAYS.index(match[2]), ordinal


def _day_order(day: tuple[int, int]) -> tuple[int, bool, int]:
    weekday, ordinal = day
    return weekday, ordinal < 0, ordinal


def _value_text(value: int | tuple[int, int]) -> str:
    if isinstance(value, int):
        return str(value)
    weekday, ordinal = value
    return f"{ordinal or ''}{WEEKDAYS[weekday]}"


def _refuse_forbidden(rule: Rule) -> None:
    """Refuse the combinations that RFC 5545 3.3.10 forbids."""
    freq = rule.freq
    if rule.count is not None and rule.until is not None:
        raise _error("COUNT and UNTIL exclude each other; give one of them")
    if rule.by_week_no and freq is not Freq.YEARLY:
        raise _error("BYWEEKNO is allowed with FREQ=YEARLY only")
    if rule.by_year_day and freq in (Freq.DAILY, Freq.WEEKLY, Freq.MONTHLY):
        raise _error(f"BYYEARDAY is not allowed with FREQ={freq.name}; use YEARLY")
    if rule.by_month_day and freq is Freq.WEEKLY:
        raise _error("BYMONTHDAY is not allowed with FREQ=WEEKLY; use MONTHLY")
    if rule.has_ordinals:
        _refuse_ordinals(rule)
    if rule.by_set_pos and not any(
        getattr(rule, attribute) for attribute in BY_PARTS.values() if attribute != "by_set_pos"
    ):
        raise _error("BYSETPOS needs another BY part to choose from, such as BYDAY")


def _refuse_ordinals(rule: Rule) -> None:
    if rule.freq not in (Freq.MONTHLY, Freq.YEARLY):
        raise _error(
            "BYDAY with an ordinal (as in 2MO) is allowed with FREQ=MONTHLY or YEARLY only"
        )
    if rule.by_week_no:
        raise _error("BYDAY with an ordinal (as in 2MO) is not allowed together with BYWEEKNO")
    highest = max(abs(ordinal) for _, ordinal in rule.by_day)
    if highest > 5 and (rule.freq is Freq.MONTHLY or rule.by_month):
        raise _error(f"BYDAY counts within a month here: {highest} must be 1 to 5 or -5 to -1")


def _refuse_floods(rule: Rule) -> None:
    times = max(len(rule.by_second), 1)
    if rule.freq > Freq.MINUTELY:
        times *= max(len(rule.by_minute), 1)
    if rule.freq > Freq.HOURLY:
        times *= max(len(rule.by_hour), 1)
    if times > MAX_TIMES:
        raise _error(
            f"BYHOUR, BYMINUTE and BYSECOND make {times} times a period; {MAX_TIMES} are allowed"
        )
