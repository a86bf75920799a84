"""When a repeat is due on its days: times of day, the first time, the end, what is left out."""

from datetime import date, datetime, time, timedelta
from itertools import product
from typing import Any

from reminders.recurrence import Schedule, canonical, local_time, to_utc

from .clauses.bounds import Until
from .clauses.days import Day
from .clauses.frequency import Repeat
from .clauses.times import settle
from .context import Told
from .dates import months_later
from .errors import refuse
from .rrule_text import WITHIN_A_DAY, listed, text_of
from .tokens import Clock

_MINUTE, _DAY, _SECOND = timedelta(minutes=1), timedelta(days=1), timedelta(seconds=1)


def repeating(told: Told) -> dict[str, Any]:
    """Return starts_at, recurrence, exdates and rdates of what repeats."""
    said = told.said
    for name in ("day", "delay", "moment", "once", "is_bare"):
        if name in said and (name != "is_bare" or "repeat" in said):
            refuse(
                "One day and a repeat do not go together: for the first time write “starting "
                "tomorrow”, for the days of a repeat “on Monday”. What belongs to the title can "
                "be put in quotes.",
                "contradiction",
            )
    if "period" in said:
        _bound(told)
    repeat: Repeat = said.get("repeat") or said["implied"]
    rule = text_of(said)
    if _is_event(said, repeat):
        times = [event_start(told)]
    elif "window" in said or repeat.freq in WITHIN_A_DAY:
        rule, times = _within_a_day(told, repeat, rule)
    else:
        times = _clock_list(told)
        rule += _clock_parts(times)
        _check_so_often(said, times)
    once_each = canonical(_without_interval(rule) if times and _is_anchored(rule) else rule)
    fields = first(told, once_each, rule, times[0] if times else None)
    start: datetime = fields["starts_at"]
    fields["recurrence"] = canonical(rule + _end(told, start, repeat))
    fields |= _dates_around(told, start, times)
    if repeat.freq in ("WEEKLY", "MONTHLY", "YEARLY") and "BY" not in text_of(said):
        told.assumed.append(f"No day was said: that of {start.day} {start:%B %Y, a %A}.")
    if any(day > 28 for day in said.get("month_days", ())):
        told.assumed.append("Months without such a day are left out.")
    return fields


def _is_event(said: dict[str, Any], repeat: Repeat) -> bool:
    """Whether "from 3pm to 4pm" is that of one event: of every day it may be a span of hours."""
    return "is_event" in said and repeat.freq not in (*WITHIN_A_DAY, "DAILY")


def event_start(told: Told) -> time:
    """Return the first time of "from 3pm to 4pm"; a reminder has no end."""
    if any(name in told.said for name in ("times", "hours", "minutes", "so_often")):
        refuse("Times of day are said in two ways.", "contradiction")
    begin, end = (time(*divmod(minute, 60)) for minute in span_of(told.said["window"]))
    told.assumed.append(f"It ends at {end:%H:%M}, which is not kept: a reminder has no end.")
    return begin


def _bound(told: Told) -> None:
    """Begin and end the repeat with "this week" or "next month"."""
    if any(name in told.said for name in ("start", "until", "count")):
        refuse("A start or an end is said in two ways.", "contradiction")
    unit, offset = told.said["period"]
    begin, end = _days_of(unit, told.today)
    for _ in range(offset):
        begin, end = _days_of(unit, end + _DAY)
    begin = max(begin, told.today)
    told.said["start"] = Day(lambda today: begin)
    told.said["until"] = Until(Day(lambda today: end))


def _days_of(unit: str, day: date) -> tuple[date, date]:
    """Return the first and the last day of the week, month or year that a day is in."""
    if unit == "week":
        begin = day - day.weekday() * _DAY
        return begin, begin + 6 * _DAY
    begin = day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)
    return begin, months_later(begin, 1 if unit == "month" else 12) - _DAY


def _clock_list(told: Told) -> list[time]:
    if "hours" in told.said or "minutes" in told.said:
        if "times" in told.said or "part" in told.said:
            refuse("Times of day are said in two ways.", "contradiction")
        return _grid(told.said)
    return told.times_or_default()


def _grid(said: dict[str, Any]) -> list[time]:
    if "hours" not in said:
        refuse("Minutes alone are no time of day: say the hours, or write 18:30.")
    return [time(h, m) for h, m in product(said["hours"], said.get("minutes", [0]))]


def _clock_parts(times: list[time]) -> str:
    """Return BYHOUR and BYMINUTE for several times a day; one is that of the start."""
    if len(times) == 1:
        return ""
    hours, minutes = (sorted({getattr(t, name) for t in times}) for name in ("hour", "minute"))
    if len(hours) * len(minutes) != len(times) or any(t.second for t in times):
        shown = " and ".join(f"{t:%H:%M}" for t in times)
        refuse(f"{shown} do not fit into one rule: write one sentence for each.")
    parts = f";BYHOUR={listed(hours)}"
    return f"{parts};BYMINUTE={listed(minutes)}" if minutes != [times[0].minute] else parts


def _check_so_often(said: dict[str, Any], times: list[time]) -> None:
    number, unit = said.get("so_often", (1, ""))
    days = sum(len(said.get(name, ())) for name in ("weekdays", "month_days", "ordinals"))
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


def _within_a_day(told: Told, repeat: Repeat, rule: str) -> tuple[str, list[time]]:
    """Return the rule of every so many minutes or hours, and its times when they are fixed."""
    said = told.said
    if repeat.freq not in WITHIN_A_DAY:
        refuse("Say how often between these: “every 30 minutes between 9 and 17”.")
    if "so_often" in said:
        _check_so_often(said, [])
    if "times" in said or "part" in said:
        if any(name in said for name in ("window", "hours", "minutes")):
            refuse("Times of day are said in two ways.", "contradiction")
        return rule, [_start_time(told)]
    if "window" in said:
        if "hours" in said or "minutes" in said:
            refuse("Times of day are said in two ways.", "contradiction")
        return _windowed(said, repeat, rule)
    for name, part in (("hours", "BYHOUR"), ("minutes", "BYMINUTE")):
        if name in said:
            rule += f";{part}={listed(said[name])}"
    return rule, []


def _start_time(told: Told) -> time:
    times = told.times()
    if len(times) != 1 or "start" not in told.said:
        refuse(
            "Every so many minutes or hours has no time of day: write “starting today at 9am”, or "
            "“between 9 and 17”.",
            "contradiction",
        )
    return times[0]


def _windowed(said: dict[str, Any], repeat: Repeat, rule: str) -> tuple[str, list[time]]:
    """Return the rule of every so many minutes or hours between two times of day."""
    begin, end = span_of(said["window"])
    step = repeat.interval * (60 if repeat.freq == "HOURLY" else 1)
    if step % 60 and (60 % step or begin % 60 or end % 60):
        return _stepped(rule, range(begin, end, step))
    # The end counts where the hours alone can say so.
    minutes = range(begin, end + 1 if step % 60 == 0 else end, step)
    times = [time(*divmod(minute, 60)) for minute in minutes]
    daily = _daily(rule, times)
    within = sorted({at.minute for at in times})
    return (daily if len(within) == 1 else f"{daily};BYMINUTE={listed(within)}"), times


def _daily(rule: str, times: list[time]) -> str:
    days = [part for part in rule.split(";")[1:] if not part.startswith("INTERVAL")]
    hours = listed(sorted({at.hour for at in times}))
    return ";".join(["FREQ=DAILY", *days, f"BYHOUR={hours}"])


def _stepped(rule: str, minutes: range) -> tuple[str, list[time]]:
    """Return the rule of steps that are no grid of hours, by their places in one that is."""
    times = [time(*divmod(minute, 60)) for minute in minutes]
    within = sorted({at.minute for at in times})
    grid = [time(h, m) for h in sorted({at.hour for at in times}) for m in within]
    places = [place for place, at in enumerate(grid, start=1) if at in times]
    if "BYSETPOS" in rule or places[-1] > _LAST_PLACE:
        refuse(
            "These steps do not fit into one rule: write steps of 5, 10, 15, 20 or 30 minutes, or "
            "whole hours."
        )
    rule = f"{_daily(rule, times)};BYMINUTE={listed(within)}"
    return f"{rule};BYSETPOS={listed(places)}" if len(places) < len(grid) else rule, times


# BYSETPOS counts to 366.
_LAST_PLACE = 366


def span_of(window: tuple[Clock, Clock]) -> tuple[int, int]:
    """Return both ends in minutes of the day."""
    first, last = window
    # "Between 9 and 5pm" begins in the morning: 21:00 would be after its end.
    is_morning = first.is_plain and last.is_half and first.hour + 12 >= last.hour
    settle([last] if is_morning else [first, last], None)
    begin, end = (clock.hour * 60 + clock.minute for clock in window)
    if begin >= end:
        refuse("A span of hours begins before it ends: write “between 9 and 17”.", "contradiction")
    return begin, end


def _without_interval(rule: str) -> str:
    """The first of every two weeks may be in this one."""
    return ";".join(part for part in rule.split(";") if not part.startswith("INTERVAL"))


def _is_anchored(rule: str) -> bool:
    """Whether days are said to begin with; every day is as good as another."""
    return "BY" in rule or "DAILY" in rule


def first(told: Told, recurrence: str, rule: str, at: time | None) -> dict[str, Any]:
    """Return where it starts: the first time after now, or after the start that is said."""
    start = told.get("start")
    day = start.find(told.today) if start else told.today
    if day < told.today:
        refuse(f"{day.day} {day:%B %Y} is over: a start lies ahead.", "past")
    if at is None:
        begin = _on_the_minute(told.local)
        if start and day > told.today:
            refuse("Say at what time it starts: “starting tomorrow at 9am”.")
        if "INTERVAL" in rule or "MINUTELY" in rule or "HOURLY" in rule:
            begin += _step(rule)
        after = told.now
    else:
        begin = datetime.combine(day, at)
        after = max(told.now, min(to_utc(datetime.combine(day, time()), told.timezone)) - _SECOND)
    due = Schedule(starts_at=begin, timezone=told.timezone, recurrence=recurrence).after(after)
    if due is None:
        refuse("This has no time left in the future.", "past")
    wall = local_time(due, told.timezone)
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


def _end(told: Told, start: datetime, repeat: Repeat) -> str:
    until: Until | None = told.get("until")
    count = told.get("count")
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


def _dates_around(told: Told, start: datetime, times: list[time]) -> dict[str, Any]:
    """Return exdates at each time of day, and rdates at the first."""
    found: dict[str, Any] = {}
    for name, said in (("exdates", "but"), ("rdates", "also")):
        days = [day.find(start.date()) for day in told.said.get(said, ())]
        if days and not times:
            refuse("A date to leave out or add goes with times of day: write “at 9”.")
        chosen = times if name == "exdates" else times[:1]
        found[name] = sorted(datetime.combine(day, at) for day in days for at in chosen)
    return found
