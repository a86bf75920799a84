"""Schedules in English words."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from .cron import LAST, Cron
from .grammar import Recurrence
from .rrule import Freq, Rule
from .zone import local_time

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = {
    Freq.MINUTELY: "minute",
    Freq.HOURLY: "hour",
    Freq.DAILY: "day",
    Freq.WEEKLY: "week",
    Freq.MONTHLY: "month",
    Freq.YEARLY: "year",
}
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
# Longer lists of times are told by hours and minutes, longer lists of dates by their number.
_MOST_TIMES = 6
_MOST_DATES = 3


def describe(
    recurrence: Recurrence,
    starts_at: datetime,
    timezone: str,
    exdates: Sequence[datetime],
    rdates: Sequence[datetime],
) -> str:
    """Say when a schedule is due, in local times."""
    if recurrence is None:
        text = f"once on {_date(starts_at)} at {_time(starts_at)} ({timezone})"
    elif isinstance(recurrence, Rule):
        text = f"{_rule(recurrence, starts_at)} ({timezone})"
        text += _end(recurrence, starts_at, timezone)
    else:
        text = f"{_cron(recurrence)} ({timezone})"
    if exdates:
        text += f", except on {_dates(exdates)}"
    if rdates:
        text += f", also on {_dates(rdates)}"
    return text


def _rule(rule: Rule, start: datetime) -> str:
    unit = _UNITS[rule.freq]
    words = [f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"]
    words += _days(rule, start)
    if rule.freq <= Freq.HOURLY:
        words += _within_day(rule, start)
    else:
        words.append(_times(*_times_of_day(rule, start)))
    return " ".join(words)


def _end(rule: Rule, start: datetime, timezone: str) -> str:
    if rule.count is not None:
        return f", {rule.count} time{'s' if rule.count > 1 else ''}"
    if rule.until is None:
        return ""
    until = local_time(rule.until, timezone) if rule.until.tzinfo else rule.until
    hours, minutes, _ = _times_of_day(rule, start)
    latest = 1439 if rule.freq <= Freq.HOURLY else max(hours) * 60 + max(minutes)
    if until.hour * 60 + until.minute >= latest:
        return f", until {_date(until)}"
    return f", until {_date(until)} at {_time(until)}"


def _days(rule: Rule, start: datetime) -> list[str]:
    """The parts that choose days, or what the start stands in for."""
    if not (rule.by_week_no or rule.by_year_day or rule.by_month_day or rule.by_day):
        return _default_days(rule, start)
    if _is_one_date(rule):
        return [f"on {rule.by_month_day[0]} {MONTHS[rule.by_month[0] - 1]}"]
    words = []
    if rule.by_month:
        words.append(f"in {_list(MONTHS[month - 1] for month in rule.by_month)}")
    if rule.by_week_no:
        words.append(f"in {_list(_nth(week, 'week') for week in rule.by_week_no)} of the year")
    if rule.by_year_day:
        words.append(f"on {_list(_nth(day, 'day') for day in rule.by_year_day)} of the year")
    if rule.by_month_day:
        words.append(f"on {_list(_nth_day(day) for day in rule.by_month_day)}")
    if rule.by_day:
        words.append(_by_day(rule))
    elif rule.by_week_no and not (rule.by_year_day or rule.by_month_day):
        words.append(f"on {WEEKDAYS[start.weekday()]}")
    return words + _positions(rule)


def _is_one_date(rule: Rule) -> bool:
    """Whether the rule names one date of the year, such as 24 December."""
    only = not (rule.by_week_no or rule.by_year_day or rule.by_day or rule.by_set_pos)
    return only and len(rule.by_month) == len(rule.by_month_day) == 1 and rule.by_month_day[0] > 0


def _default_days(rule: Rule, start: datetime) -> list[str]:
    months = [f"in {_list(MONTHS[month - 1] for month in rule.by_month)}"] if rule.by_month else []
    if rule.freq is Freq.YEARLY and not rule.by_month:
        days = [f"on {start.day} {MONTHS[start.month - 1]}"]
    elif rule.freq in (Freq.YEARLY, Freq.MONTHLY):
        days = [f"on the {_ordinal(start.day)}"]
    elif rule.freq is Freq.WEEKLY:
        days = [f"on {WEEKDAYS[start.weekday()]}"]
    else:
        days = []
    return months + days + _positions(rule)


def _by_day(rule: Rule) -> str:
    if rule.by_month_day or rule.by_year_day:
        return f"if it is {_list(_nth_weekday(*day) for day in rule.by_day)}"
    if not rule.has_ordinals:
        return f"on {_weekday_list([day for day, _ in rule.by_day])}"
    text = f"on {_list(_nth_weekday(*day) for day in rule.by_day)}"
    return text + (" of the year" if rule.freq is Freq.YEARLY and not rule.by_month else "")


def _positions(rule: Rule) -> list[str]:
    if not rule.by_set_pos:
        return []
    return [f"(only {_list(_nth(position, '') for position in rule.by_set_pos)} of these)"]


def _within_day(rule: Rule, start: datetime) -> list[str]:
    words = []
    if rule.by_hour:
        words.append(_hours(rule.by_hour))
    if rule.by_minute:
        words.append(_minutes(rule.by_minute))
    elif rule.freq is Freq.HOURLY:
        words.append(_minutes([start.minute]))
    seconds = rule.by_second or ([start.second] if start.second else [])
    if seconds:
        words.append(f"and second{'s' if len(seconds) > 1 else ''} {_list(map(str, seconds))}")
    return words


def _times_of_day(
    rule: Rule, start: datetime
) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    return (
        rule.by_hour or (start.hour,),
        rule.by_minute or (start.minute,),
        rule.by_second or (start.second,),
    )


def _times(hours: Iterable[int], minutes: Iterable[int], seconds: Sequence[int] = (0,)) -> str:
    hours, minutes = sorted(hours), sorted(minutes)
    if len(hours) * len(minutes) * len(seconds) <= _MOST_TIMES:
        end = [f":{second:02}" if any(seconds) else "" for second in seconds]
        times = [f"{h:02}:{m:02}{s}" for h in hours for m in minutes for s in end]
        return f"at {_list(times)}"
    text = f"{_minutes(minutes)} {_hours(hours)}"
    return text + (f" and seconds {_list(map(str, seconds))}" if any(seconds) else "")


def _hours(hours: Iterable[int]) -> str:
    spans = _spans(sorted(hours))
    single = len(spans) == 1 and spans[0][0] == spans[0][1]
    return f"in the hour{'' if single else 's'} {_span_list(spans)}"


def _minutes(minutes: Iterable[int]) -> str:
    spans = _spans(sorted(minutes))
    single = len(spans) == 1 and spans[0][0] == spans[0][1]
    return f"at minute{'' if single else 's'} {_span_list(spans)}"


def _cron(cron: Cron) -> str:
    days, months = _cron_days(cron), sorted(cron.months)
    words = [_cron_times(cron)]
    if days:
        words.insert(0, days)
    elif words[0].startswith("at "):
        words.insert(0, "every day")
    if len(months) < 12:
        words.append(f"in {_list(MONTHS[month - 1] for month in months)}")
    return " ".join(words)


def _cron_times(cron: Cron) -> str:
    minutes, every_hour = sorted(cron.minutes), len(cron.hours) == 24
    if len(minutes) * len(cron.hours) <= _MOST_TIMES:
        return _times(cron.hours, minutes)
    minute_pace, hour_pace = _pace(minutes, 60, "minute"), _pace(sorted(cron.hours), 24, "hour")
    if minute_pace:
        return minute_pace if every_hour else f"{minute_pace} {_hours(cron.hours)}"
    if hour_pace:
        return f"{hour_pace} {_minutes(minutes)}"
    return f"{_minutes(minutes)} {_hours(cron.hours)}"


def _pace(values: list[int], size: int, unit: str) -> str:
    """Every so many minutes or hours, where that holds across the end of the hour or day."""
    step = size // len(values)
    if step == size or values != list(range(0, size, step)):
        return ""
    return f"every {unit}" if step == 1 else f"every {step} {unit}s"


def _cron_days(cron: Cron) -> str:
    dates = "" if cron.any_day else f"on {_list(_cron_dates(cron))}"
    weekdays = "" if cron.any_weekday else _cron_weekdays(cron)
    if not cron.both_days:
        return f"{dates} or on {weekdays}" if dates and weekdays else ""
    if dates and weekdays:
        return f"{dates} if it is {weekdays}"
    return dates or (f"on {weekdays}" if weekdays else "")


def _cron_dates(cron: Cron) -> list[str]:
    dates = [f"the {_ordinal(day)}" for day in sorted(cron.days)]
    dates += [f"the weekday nearest the {_ordinal(day)}" for day in sorted(cron.nearest_weekdays)]
    dates += ["the last day of the month"] * cron.last_day
    return dates + ["the last weekday of the month"] * cron.last_weekday


def _cron_weekdays(cron: Cron) -> str:
    plain = sorted((day - 1) % 7 for day in cron.weekdays)
    names = [_weekday_list(plain)] if plain else []
    names += [
        _nth_weekday((day - 1) % 7, -1 if n == LAST else n) for day, n in sorted(cron.ordinals)
    ]
    return _list(names)


def _weekday_list(days: list[int]) -> str:
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{WEEKDAYS[days[0]]} to {WEEKDAYS[days[-1]]}"
    return _list(WEEKDAYS[day] for day in days)


def _nth_weekday(weekday: int, ordinal: int) -> str:
    return _nth(ordinal, WEEKDAYS[weekday]) if ordinal else WEEKDAYS[weekday]


def _nth_day(day: int) -> str:
    return f"the {_ordinal(day)}" if day > 0 else _nth(day, "day of the month")


def _nth(number: int, noun: str) -> str:
    if number > 0:
        text = f"the {_ordinal(number)}"
    elif number == -1:
        text = "the last"
    else:
        text = f"the {_ordinal(-number)} to last"
    return f"{text} {noun}".rstrip()


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{_ENDINGS.get(number % 10, 'th')}"


def _spans(values: list[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for value in values:
        if spans and spans[-1][1] == value - 1:
            spans[-1] = spans[-1][0], value
        else:
            spans.append((value, value))
    return spans


def _span_list(spans: list[tuple[int, int]]) -> str:
    return _list(str(a) if a == b else f"{a} to {b}" for a, b in spans)


def _list(items: Iterable[str]) -> str:
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def _dates(walls: Sequence[datetime]) -> str:
    if len(walls) > _MOST_DATES:
        return f"{len(walls)} dates"
    return _list(_date(wall) for wall in walls)


def _date(wall: date) -> str:
    return f"{wall.day} {MONTHS[wall.month - 1]} {wall.year}"


def _time(wall: datetime) -> str:
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"
