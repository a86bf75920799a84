"""The schedule fields of a reminder, computed from the values of a sentence's clauses."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from reminders.recurrence import ON_TIME, RecurrenceError, Schedule, canonical, local_time, to_utc

from . import recurring_fields, rrule_text
from .clauses.days import Day, date_of_year, months_later, of_month, of_week, weekday
from .clauses.durations import Length
from .clauses.frequency import Repeat
from .context import Context
from .errors import EXAMPLES, ambiguous, refuse
from .recurring_fields import event_start

_MIDNIGHT, _NOON = time(0), time(12)
# Clauses that need a repeat beside them.
_OF_REPEATS = {
    **{"until": "an end", "count": "a number of times", "but": "an exception", "also": "a date"},
    **{"but_weekdays": "an exception", "but_months": "an exception", "window": "a span of hours"},
    **{"so_often": "a number of times", "start": "a start", "hours": "hours", "minutes": "minutes"},
}


def compute_fields(
    values: dict[str, Any], now: datetime, timezone: str
) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments of a Schedule, and the assumptions. Raises Misunderstood."""
    now = now.astimezone(UTC)
    context = Context(values, now, timezone, local_time(now, timezone).replace(microsecond=0))
    fields: dict[str, Any] = {"timezone": timezone, "recurrence": "", "exdates": [], "rdates": []}
    fields |= {"gap": "after", "fold": "first", "leads": list(values.get("leads", [ON_TIME]))}
    try:
        if "pasted" in values:
            fields |= _raw_rule_fields(context)
        elif "repeat" in values or "implied" in values:
            fields |= recurring_fields.fields_of_repeat(context)
        else:
            fields |= _one_off_fields(context)
    except OverflowError:
        refuse("This is too far away.")
    except RecurrenceError as error:
        refuse(f"This is no schedule: {error.field} {error.message}.")
    return fields, context.assumed


def _one_off_fields(context: Context) -> dict[str, Any]:
    for name, what in _OF_REPEATS.items():
        if name in context.values and not (name == "window" and "is_event" in context.values):
            refuse(
                f"There is {what} but no repeat: begin it with one, such as “every day” or "
                "“every Monday”.",
                "not_understood",
            )
    if context.get("of_the"):
        ambiguous(
            f"“of the {context.values['of_the']}” may be every one or this one: write “of every "
            f"{context.values['of_the']}”, or a date."
        )
    if "moment" in context.values:
        return _moment_fields(context)
    if "delay" in context.values:
        return _delay_fields(context)
    day = _day(context)
    times = [event_start(context)] if "window" in context.values else context.times()
    if day is None and not times:
        refuse(f"There is no time in this: say when. {EXAMPLES}")
    return {"starts_at": _next_start(context, day, _single(times or context.times_or_default()))}


def _single(times: list[time]) -> time:
    if len(times) > 1:
        refuse("A reminder without a repeat has one time: write “every day”, or one sentence each.")
    return times[0]


def _day(context: Context) -> Day | None:
    """Return the one day of a one-off, from any clause that names days."""
    days: list[Day] = [context.values["day"]] if "day" in context.values else []
    weekdays = context.get("weekdays", ())
    if len(weekdays) > 1:
        ambiguous("Several days are no one reminder: write “every” before them to repeat it.")
    if "period" in context.values:
        days.append(first_of(*context.values["period"], *weekdays))
    elif weekdays:
        days.append(weekday(weekdays[0]))
    if dates := context.get("dates"):
        days += [date_of_year(*pair) for pair in dates]
    months = context.get("months", ())
    if len(months) > 1 or (months and days):
        ambiguous("A month goes with a repeat, or with one day of it: write “every year in …”.")
    if numbers := context.get("month_days"):
        if months and numbers == (-1,):
            days.append(_last_day_of(months[0]))
        else:
            days += [
                of_month(number) if not months else date_of_year(months[0], number)
                for number in numbers
            ]
    if context.get("ordinals") or context.get("workdays"):
        days.append(_nth_weekday(context))
    elif months and not numbers:
        refuse("A month alone is no day: say which day of it.")
    if len(days) > 1:
        refuse(
            "Two days are said: one reminder without a repeat has one. What belongs to the title "
            "can be put in quotes.",
            "contradiction",
        )
    return days[0] if days else None


def first_of(unit: str, offset: int, number: int = 0) -> Day:
    """Return the day that "next week" or "next month" means for a one-off."""
    if unit == "week" and (offset or number):
        return of_week(number, offset)
    if unit == "month" and offset and not number:
        return of_month(1, offset)
    adjective = "next" if offset else "this"
    refuse(f"Which day of {adjective} {unit}? Write “{adjective} {unit} on …”, or a date.")


def _last_day_of(month: int) -> Day:
    first = date_of_year(month, 1)
    return Day(lambda today: of_month(-1, 0).find(first.find(today.replace(day=1))), moves=False)


def _nth_weekday(context: Context) -> Day:
    months = context.get("months")
    if len(context.get("ordinals") or context.get("workdays")) > 1:
        ambiguous("Several days are no one reminder: write one sentence for each, or “every year”.")
    if not months:
        ambiguous("Of which month? Write “of every month”, “of January”, or a date.")
    rule = canonical(rrule_text.text_of({**context.values, "repeat": Repeat("YEARLY")}))

    def find(today: date) -> date:
        start = datetime.combine(today, _NOON)
        schedule = Schedule(starts_at=start, timezone="UTC", recurrence=rule)
        due = schedule.after(start.replace(tzinfo=UTC) - timedelta(seconds=1))
        if due is None:
            refuse("There is no such day.")
        return due.date()

    return Day(find, moves=True)


def _next_start(context: Context, day: Day | None, at: time) -> datetime:
    """Return the start of a one-off; a day that moves takes its next date if it is over."""
    if day is None:
        wall = datetime.combine(context.today, at)
        if _is_over(context, wall):
            context.assumed.append("Of today it is over: tomorrow.")
            wall += timedelta(days=1)
        return wall
    wall = datetime.combine(day.find(context.today), at)
    if context.get("part") in ("night", "tonight") and at.hour < 6:
        wall += timedelta(days=1)
    if _is_over(context, wall) and day.moves:
        wall = datetime.combine(day.find(context.today + timedelta(days=1)), at)
    if _is_over(context, wall):
        hint = " Midnight is the beginning of a day." if at == _MIDNIGHT else ""
        refuse(f"{wall:%A} {wall.day} {wall:%B %Y at %H:%M} is over.{hint}", "past")
    return wall


def _is_over(context: Context, wall: datetime) -> bool:
    return all(at <= context.now for at in to_utc(wall, context.timezone))


def _moment_fields(context: Context) -> dict[str, Any]:
    moment: datetime = context.values["moment"]
    if (
        context.get("times")
        or "window" in context.values
        or "delay" in context.values
        or _day(context) is not None
    ):
        refuse("Two times are said: one reminder without a repeat has one.", "contradiction")
    if moment.tzinfo is not None:
        moment = local_time(moment, context.timezone)
    if _is_over(context, moment):
        refuse(f"{moment:%A} {moment.day} {moment:%B %Y at %H:%M} is over.", "past")
    return {"starts_at": moment}


def _delay_fields(context: Context) -> dict[str, Any]:
    """Return the start after a delay: minutes and hours are exact, days keep the time of day."""
    lengths: tuple[Length, ...] = context.values["delay"]
    if _day(context) is not None:
        refuse("Two times are said: one reminder without a repeat has one.", "contradiction")
    exact = sum((x.span or timedelta() for x in lengths if x.is_exact), timedelta())
    day = context.today
    for length in lengths:
        if length.unit in ("month", "quarter", "year"):
            steps = {"month": 1, "quarter": 3, "year": 12}[length.unit]
            day = months_later(day, int(length.number * steps))
        elif not length.is_exact:
            day += length.span or timedelta()
    times = [event_start(context)] if "window" in context.values else context.times()
    if exact and times:
        refuse("A time goes with days from now, not with hours.", "contradiction")
    if exact or any(length.number % 1 for length in lengths):
        return _in_a_while(
            context,
            exact + sum((x.span or timedelta() for x in lengths if not x.is_exact), timedelta()),
        )
    wall = datetime.combine(day, _single(times) if times else context.local.time())
    if _is_over(context, wall):
        refuse("A length of time is more than nothing.", "past")
    return {"starts_at": wall}


def _in_a_while(context: Context, span: timedelta) -> dict[str, Any]:
    at = (context.now + span).replace(microsecond=0)
    wall = local_time(at, context.timezone)
    # The second of two, where the clock shows a time twice.
    is_first = to_utc(wall, context.timezone)[0] == at
    return {"starts_at": wall, "fold": "first" if is_first else "second"}


def _raw_rule_fields(context: Context) -> dict[str, Any]:
    allowed = {"pasted", "pasted_kind", "zone", "leads", "tags", "urgent", "times", "part"}
    if set(context.values) - allowed or (
        context.get("times") and context.values["pasted_kind"] == "cron"
    ):
        refuse(
            "A rule or expression says all of a schedule; beside it there may be a title, a time "
            "for a rule, a zone, leads and tags.",
            "contradiction",
        )
    try:
        recurrence = canonical(context.values["pasted"])
        return recurring_fields.start_fields(
            context, recurrence, recurrence, _raw_rule_time(context, recurrence)
        )
    except RecurrenceError as error:
        refuse(f"{context.values['pasted']} {error.message}.")


def _raw_rule_time(context: Context, recurrence: str) -> time | None:
    is_rule = context.values["pasted_kind"] == "rule"
    if not is_rule or "BYHOUR" in recurrence or "MINUTELY" in recurrence or "HOURLY" in recurrence:
        return None
    return _single(context.times_or_default())
