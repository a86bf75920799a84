"""The schedule fields of a repeat: its rule with times of day, start, end and exceptions."""

from datetime import date, datetime, time, timedelta
from itertools import product
from typing import Any

from reminders.recurrence import Schedule, canonical, local_time, to_utc

from .clauses.bounds import Until
from .clauses.days import Day, months_later
from .clauses.frequency import Repeat
from .clauses.times import settle
from .context import Context
from .errors import refuse
from .rrule_text import WITHIN_A_DAY, join_values, text_of
from .tokens import Clock

_MINUTE, _DAY, _SECOND = timedelta(minutes=1), timedelta(days=1), timedelta(seconds=1)


def fields_of_repeat(context: Context) -> dict[str, Any]:
    """Return starts_at, recurrence, exdates and rdates of a repeat."""
    values = context.values
    for name in ("day", "delay", "moment", "once", "is_bare"):
        if name in values and (name != "is_bare" or "repeat" in values):
            refuse(
                "One day and a repeat do not go together: for the first time write “starting "
                "tomorrow”, for the days of a repeat “on Monday”. What belongs to the title can "
                "be put in quotes.",
                "contradiction",
            )
    if "period" in values:
        _limit_to_period(context)
    repeat: Repeat = values.get("repeat") or values["implied"]
    rule = text_of(values)
    if _is_event(values, repeat):
        times = [event_start(context)]
    elif "window" in values or repeat.freq in WITHIN_A_DAY:
        rule, times = _within_a_day(context, repeat, rule)
    else:
        times = _clock_list(context)
        rule += _clock_parts(times)
        _check_so_often(values, times)
    once_each = canonical(_without_interval(rule) if times and _is_anchored(rule) else rule)
    fields = start_fields(context, once_each, rule, times[0] if times else None)
    start: datetime = fields["starts_at"]
    fields["recurrence"] = canonical(rule + _end(context, start, repeat))
    fields |= _dates_around(context, start, times)
    if repeat.freq in ("WEEKLY", "MONTHLY", "YEARLY") and "BY" not in text_of(values):
        context.assumed.append(f"No day was said: that of {start.day} {start:%B %Y, a %A}.")
    if any(day > 28 for day in values.get("month_days", ())):
        context.assumed.append("Months without such a day are left out.")
    return fields


def _is_event(values: dict[str, Any], repeat: Repeat) -> bool:
    """Whether "from 3pm to 4pm" is one event; with "every day" it may be a span of hours."""
    return "is_event" in values and repeat.freq not in (*WITHIN_A_DAY, "DAILY")


def event_start(context: Context) -> time:
    """Return the first time of "from 3pm to 4pm"; a reminder has no end."""
    if any(name in context.values for name in ("times", "hours", "minutes", "so_often")):
        refuse("Times of day are said in two ways.", "contradiction")
    begin, end = (time(*divmod(minute, 60)) for minute in span_of(context.values["window"]))
    context.assumed.append(f"It ends at {end:%H:%M}, which is not kept: a reminder has no end.")
    return begin


def _limit_to_period(context: Context) -> None:
    """Begin and end the repeat with "this week" or "next month"."""
    if any(name in context.values for name in ("start", "until", "count")):
        refuse("A start or an end is said in two ways.", "contradiction")
    unit, offset = context.values["period"]
    begin, end = _days_of(unit, context.today)
    for _ in range(offset):
        begin, end = _days_of(unit, end + _DAY)
    begin = max(begin, context.today)
    context.values["start"] = Day(lambda today: begin)
    context.values["until"] = Until(Day(lambda today: end))


def _days_of(unit: str, day: date) -> tuple[date, date]:
    """Return the first and the last day of the week, month or year that a day is in."""
    if unit == "week":
        begin = day - day.weekday() * _DAY
        return begin, begin + 6 * _DAY
    begin = day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)
    return begin, months_later(begin, 1 if unit == "month" else 12) - _DAY


def _clock_list(context: Context) -> list[time]:
    if "hours" in context.values or "minutes" in context.values:
        if "times" in context.values or "part" in context.values:
            refuse("Times of day are said in two ways.", "contradiction")
        return _grid(context.values)
    return context.times_or_default()


def _grid(values: dict[str, Any]) -> list[time]:
    if "hours" not in values:
        refuse("Minutes alone are no time of day: say the hours, or write 18:30.")
    return [time(h, m) for h, m in product(values["hours"], values.get("minutes", [0]))]


def _clock_parts(times: list[time]) -> str:
    """Return BYHOUR and BYMINUTE for several times a day; one is that of the start."""
    if len(times) == 1:
        return ""
    hours, minutes = (sorted({getattr(t, name) for t in times}) for name in ("hour", "minute"))
    if len(hours) * len(minutes) != len(times) or any(t.second for t in times):
        texts = " and ".join(f"{t:%H:%M}" for t in times)
        refuse(f"{texts} do not fit into one rule: write one sentence for each.")
    parts = f";BYHOUR={join_values(hours)}"
    return f"{parts};BYMINUTE={join_values(minutes)}" if minutes != [times[0].minute] else parts


def _check_so_often(values: dict[str, Any], times: list[time]) -> None:
    number, unit = values.get("so_often", (1, ""))
    days = sum(len(values.get(name, ())) for name in ("weekdays", "month_days", "ordinals"))
    counted = {"day": len(times), "week": days, "month": days}.get(unit, 0)
    if number > 1 and counted != number:
        if unit not in _EXAMPLES:
            refuse(f"{number} times in one {unit}: say how far apart: “every 30 minutes”.")
        what = "times" if unit == "day" else "days"
        refuse(f"{number} times a {unit} needs {number} {what}, such as “{_EXAMPLES[unit]}”.")


_EXAMPLES = {
    "day": "twice a day at 8 and 20",
    "week": "twice a week on Mon and Thu at 9",
    "month": "twice a month on the 1st and 15th",
}


def _within_a_day(context: Context, repeat: Repeat, rule: str) -> tuple[str, list[time]]:
    """Return the rule of "every 20 minutes" or "every 2 hours", and its times if it has some."""
    values = context.values
    if repeat.freq not in WITHIN_A_DAY:
        refuse("Say how often between these: “every 30 minutes between 9 and 17”.")
    if "so_often" in values:
        _check_so_often(values, [])
    if "times" in values or "part" in values:
        if any(name in values for name in ("window", "hours", "minutes")):
            refuse("Times of day are said in two ways.", "contradiction")
        return rule, [_start_time(context)]
    if "window" in values:
        if "hours" in values or "minutes" in values:
            refuse("Times of day are said in two ways.", "contradiction")
        return _window_rule(values, repeat, rule)
    for name, part in (("hours", "BYHOUR"), ("minutes", "BYMINUTE")):
        if name in values:
            rule += f";{part}={join_values(values[name])}"
    return rule, []


def _start_time(context: Context) -> time:
    times = context.times()
    if len(times) != 1 or "start" not in context.values:
        refuse(
            "Every so many minutes or hours has no time of day: write “starting today at 9am”, or "
            "“between 9 and 17”.",
            "contradiction",
        )
    return times[0]


def _window_rule(values: dict[str, Any], repeat: Repeat, rule: str) -> tuple[str, list[time]]:
    """Return the rule of steps in minutes or hours between two times of day, and the times."""
    begin, end = span_of(values["window"])
    step = repeat.interval * (60 if repeat.freq == "HOURLY" else 1)
    if step % 60 and (60 % step or begin % 60 or end % 60):
        return _stepped_rule(rule, range(begin, end, step))
    # With whole hours the end is one of the times.
    minutes = range(begin, end + 1 if step % 60 == 0 else end, step)
    times = [time(*divmod(minute, 60)) for minute in minutes]
    daily = _daily(rule, times)
    within = sorted({at.minute for at in times})
    return (daily if len(within) == 1 else f"{daily};BYMINUTE={join_values(within)}"), times


def _daily(rule: str, times: list[time]) -> str:
    days = [part for part in rule.split(";")[1:] if not part.startswith("INTERVAL")]
    hours = join_values(sorted({at.hour for at in times}))
    return ";".join(["FREQ=DAILY", *days, f"BYHOUR={hours}"])


def _stepped_rule(rule: str, minutes: range) -> tuple[str, list[time]]:
    """Return the rule of steps such as 50 minutes: BYSETPOS picks them from a grid of hours."""
    times = [time(*divmod(minute, 60)) for minute in minutes]
    within = sorted({at.minute for at in times})
    grid = [time(h, m) for h in sorted({at.hour for at in times}) for m in within]
    places = [place for place, at in enumerate(grid, start=1) if at in times]
    if "BYSETPOS" in rule or places[-1] > _LAST_PLACE:
        refuse(
            "These steps do not fit into one rule: write steps of 5, 10, 15, 20 or 30 minutes, or "
            "whole hours."
        )
    rule = f"{_daily(rule, times)};BYMINUTE={join_values(within)}"
    return f"{rule};BYSETPOS={join_values(places)}" if len(places) < len(grid) else rule, times


# BYSETPOS counts to 366.
_LAST_PLACE = 366


def span_of(window: tuple[Clock, Clock]) -> tuple[int, int]:
    """Return both ends in minutes of the day."""
    start_fields, last = window
    # "Between 9 and 5pm" begins in the morning: 21:00 would be after its end.
    is_morning = start_fields.is_plain and last.is_half and start_fields.hour + 12 >= last.hour
    settle([last] if is_morning else [start_fields, last], None)
    begin, end = (clock.hour * 60 + clock.minute for clock in window)
    if begin >= end:
        refuse("A span of hours begins before it ends: write “between 9 and 17”.", "contradiction")
    return begin, end


def _without_interval(rule: str) -> str:
    """Return a rule without its interval: the first time may be in this week or month."""
    return ";".join(part for part in rule.split(";") if not part.startswith("INTERVAL"))


def _is_anchored(rule: str) -> bool:
    """Whether the rule names days, or is daily; else its days follow from the start."""
    return "BY" in rule or "DAILY" in rule


def start_fields(context: Context, recurrence: str, rule: str, at: time | None) -> dict[str, Any]:
    """Return `starts_at` with the canonical recurrence.

    It starts with the first time after now, or after the start that the sentence names.
    """
    start = context.get("start")
    day = start.find(context.today) if start else context.today
    if day < context.today:
        refuse(f"{day.day} {day:%B %Y} is over: a start lies ahead.", "past")
    if at is None:
        begin = _on_the_minute(context.local)
        if start and day > context.today:
            refuse("Say at what time it starts: “starting tomorrow at 9am”.")
        if "INTERVAL" in rule or "MINUTELY" in rule or "HOURLY" in rule:
            begin += _step(rule)
        after = context.now
    else:
        begin = datetime.combine(day, at)
        after = max(
            context.now, min(to_utc(datetime.combine(day, time()), context.timezone)) - _SECOND
        )
    due = Schedule(starts_at=begin, timezone=context.timezone, recurrence=recurrence).after(after)
    if due is None:
        refuse("This has no time left in the future.", "past")
    wall = local_time(due, context.timezone)
    # A clock that skips this time today has moved it today only.
    starts_at = wall if at is None or "BYHOUR" in rule else datetime.combine(wall.date(), at)
    return {"starts_at": starts_at, "recurrence": canonical(rule)}


def _on_the_minute(local: datetime) -> datetime:
    floor = local.replace(second=0, microsecond=0)
    return floor if floor == local else floor + _MINUTE


def _step(rule: str) -> timedelta:
    if "BYMINUTE" in rule or "BYHOUR" in rule:
        return timedelta()
    parts = dict(part.split("=") for part in rule.split(";"))
    minutes = int(parts.get("INTERVAL", "1")) * (60 if parts["FREQ"] == "HOURLY" else 1)
    return minutes * _MINUTE if parts["FREQ"] in WITHIN_A_DAY else timedelta()


def _end(context: Context, start: datetime, repeat: Repeat) -> str:
    until: Until | None = context.get("until")
    count = context.get("count")
    if until is not None and count is not None:
        refuse("An end and a number of times do not go together.", "contradiction")
    if count is not None:
        return f";COUNT={count}"
    if until is None:
        return ""
    end = _until(until, start, repeat)
    if end < start:
        refuse(f"The end, {end.day} {end:%B %Y}, is before the first time.", "contradiction")
    return f";UNTIL={end:%Y%m%dT%H%M%S}"


def _until(until: Until, start: datetime, repeat: Repeat) -> datetime:
    end_of_day = time(23, 59, 59)
    if until.day is not None:
        at = settle([until.clock], None)[0] if until.clock else end_of_day
        return datetime.combine(until.day.find(start.date()), at)
    length = until.length
    assert length is not None  # noqa: S101  for the type checker
    if length.span is not None and (length.is_exact or repeat.freq in WITHIN_A_DAY):
        return start + length.span - _SECOND
    months = {"month": 1, "quarter": 3, "year": 12}.get(length.unit)
    day: date = start.date()
    day = months_later(day, int(length.number * months)) if months else day + (length.span or _DAY)
    return datetime.combine(day - _DAY, end_of_day)


def _dates_around(context: Context, start: datetime, times: list[time]) -> dict[str, Any]:
    """Return exdates for all times of day, and rdates for the first time."""
    fields: dict[str, Any] = {}
    for name, values in (("exdates", "but"), ("rdates", "also")):
        days = [day.find(start.date()) for day in context.values.get(values, ())]
        if days and not times:
            refuse("A date to leave out or add goes with times of day: write “at 9”.")
        day_times = times if name == "exdates" else times[:1]
        fields[name] = sorted(datetime.combine(day, at) for day in days for at in day_times)
    return fields
