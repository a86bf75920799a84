"""From what a sentence says to the schedule of a reminder, at a moment and in a zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from reminders.recurrence import ON_TIME, RecurrenceError, Schedule, canonical, local_time, to_utc

from . import recurring_fields, rrule_text
from .clauses.days import Day, date_of_year, of_month, of_week, weekday
from .clauses.durations import Length
from .clauses.frequency import Repeat
from .context import Told
from .dates import months_later
from .errors import EXAMPLES, ambiguous, refuse
from .recurring_fields import event_start

_MIDNIGHT, _NOON = time(0), time(12)
# Without a repeat these say nothing.
_OF_REPEATS = {
    **{"until": "an end", "count": "a number of times", "but": "an exception", "also": "a date"},
    **{"but_weekdays": "an exception", "but_months": "an exception", "window": "a span of hours"},
    **{"so_often": "a number of times", "start": "a start", "hours": "hours", "minutes": "minutes"},
}


@dataclass(frozen=True, slots=True)
class Plan:
    fields: dict[str, Any]
    assumed: list[str]


def plan(said: dict[str, Any], now: datetime, timezone: str) -> Plan:
    """Return fields of the schedule, as Schedule takes them; raises Misunderstood."""
    now = now.astimezone(UTC)
    told = Told(said, now, timezone, local_time(now, timezone).replace(microsecond=0))
    fields: dict[str, Any] = {"timezone": timezone, "recurrence": "", "exdates": [], "rdates": []}
    fields |= {"gap": "after", "fold": "first", "leads": list(said.get("leads", [ON_TIME]))}
    try:
        if "pasted" in said:
            fields |= _pasted(told)
        elif "repeat" in said or "implied" in said:
            fields |= recurring_fields.repeating(told)
        else:
            fields |= _once(told)
    except OverflowError:
        refuse("This is too far away.")
    except RecurrenceError as error:
        refuse(f"This is no schedule: {error.field} {error.message}.")
    return Plan(fields, told.assumed)


def _once(told: Told) -> dict[str, Any]:
    for name, what in _OF_REPEATS.items():
        if name in told.said and not (name == "window" and "is_event" in told.said):
            refuse(
                f"There is {what} but no repeat: begin it with one, such as “every day” or "
                "“every Monday”.",
                "not_understood",
            )
    if told.get("of_the"):
        ambiguous(
            f"“of the {told.said['of_the']}” may be every one or this one: write “of every "
            f"{told.said['of_the']}”, or a date."
        )
    if "moment" in told.said:
        return _at_moment(told)
    if "delay" in told.said:
        return _delayed(told)
    day = _day(told)
    times = [event_start(told)] if "window" in told.said else told.times()
    if day is None and not times:
        refuse(f"There is no time in this: say when. {EXAMPLES}")
    return {"starts_at": _coming(told, day, _single(times or told.times_or_default()))}


def _single(times: list[time]) -> time:
    if len(times) > 1:
        refuse("A reminder without a repeat has one time: write “every day”, or one sentence each.")
    return times[0]


def _day(told: Told) -> Day | None:
    """Return the day that a one-off names in any of the ways that a repeat could name it, too."""
    found: list[Day] = [told.said["day"]] if "day" in told.said else []
    weekdays = told.get("weekdays", ())
    if len(weekdays) > 1:
        ambiguous("Several days are no one reminder: write “every” before them to repeat it.")
    if "period" in told.said:
        found.append(first_of(*told.said["period"], *weekdays))
    elif weekdays:
        found.append(weekday(weekdays[0]))
    if dates := told.get("dates"):
        found += [date_of_year(*pair) for pair in dates]
    months = told.get("months", ())
    if len(months) > 1 or (months and found):
        ambiguous("A month goes with a repeat, or with one day of it: write “every year in …”.")
    if numbers := told.get("month_days"):
        if months and numbers == (-1,):
            found.append(_last_day_of(months[0]))
        else:
            found += [
                of_month(number) if not months else date_of_year(months[0], number)
                for number in numbers
            ]
    if told.get("ordinals") or told.get("workdays"):
        found.append(_nth_weekday(told))
    elif months and not numbers:
        refuse("A month alone is no day: say which day of it.")
    if len(found) > 1:
        refuse(
            "Two days are said: one reminder without a repeat has one. What belongs to the title "
            "can be put in quotes.",
            "contradiction",
        )
    return found[0] if found else None


def first_of(unit: str, offset: int, number: int = 0) -> Day:
    """Return the day that "next week" or "next month" means of a reminder for once."""
    if unit == "week" and (offset or number):
        return of_week(number, offset)
    if unit == "month" and offset and not number:
        return of_month(1, offset)
    which = "next" if offset else "this"
    refuse(f"Which day of {which} {unit}? Write “{which} {unit} on …”, or a date.")


def _last_day_of(month: int) -> Day:
    first = date_of_year(month, 1)
    return Day(lambda today: of_month(-1, 0).find(first.find(today.replace(day=1))), moves=False)


def _nth_weekday(told: Told) -> Day:
    months = told.get("months")
    if len(told.get("ordinals") or told.get("workdays")) > 1:
        ambiguous("Several days are no one reminder: write one sentence for each, or “every year”.")
    if not months:
        ambiguous("Of which month? Write “of every month”, “of January”, or a date.")
    rule = canonical(rrule_text.text_of({**told.said, "repeat": Repeat("YEARLY")}))

    def find(today: date) -> date:
        start = datetime.combine(today, _NOON)
        schedule = Schedule(starts_at=start, timezone="UTC", recurrence=rule)
        due = schedule.after(start.replace(tzinfo=UTC) - timedelta(seconds=1))
        if due is None:
            refuse("There is no such day.")
        return due.date()

    return Day(find, moves=True)


def _coming(told: Told, day: Day | None, at: time) -> datetime:
    """Return when that is; a day that moves is the next one of its kind where it is over."""
    if day is None:
        found = datetime.combine(told.today, at)
        if _is_over(told, found):
            told.assumed.append("Of today it is over: tomorrow.")
            found += timedelta(days=1)
        return found
    found = datetime.combine(day.find(told.today), at)
    if told.get("part") in ("night", "tonight") and at.hour < 6:
        found += timedelta(days=1)
    if _is_over(told, found) and day.moves:
        found = datetime.combine(day.find(told.today + timedelta(days=1)), at)
    if _is_over(told, found):
        hint = " Midnight is the beginning of a day." if at == _MIDNIGHT else ""
        refuse(f"{found:%A} {found.day} {found:%B %Y at %H:%M} is over.{hint}", "past")
    return found


def _is_over(told: Told, wall: datetime) -> bool:
    return all(at <= told.now for at in to_utc(wall, told.timezone))


def _at_moment(told: Told) -> dict[str, Any]:
    moment: datetime = told.said["moment"]
    if told.get("times") or "window" in told.said or "delay" in told.said or _day(told) is not None:
        refuse("Two times are said: one reminder without a repeat has one.", "contradiction")
    if moment.tzinfo is not None:
        moment = local_time(moment, told.timezone)
    if _is_over(told, moment):
        refuse(f"{moment:%A} {moment.day} {moment:%B %Y at %H:%M} is over.", "past")
    return {"starts_at": moment}


def _delayed(told: Told) -> dict[str, Any]:
    """In minutes and hours it is that long; in days and more the wall clock shows the same."""
    lengths: tuple[Length, ...] = told.said["delay"]
    if _day(told) is not None:
        refuse("Two times are said: one reminder without a repeat has one.", "contradiction")
    exact = sum((x.span or timedelta() for x in lengths if x.is_exact), timedelta())
    day = told.today
    for length in lengths:
        if length.unit in ("month", "quarter", "year"):
            steps = {"month": 1, "quarter": 3, "year": 12}[length.unit]
            day = months_later(day, int(length.number * steps))
        elif not length.is_exact:
            day += length.span or timedelta()
    times = [event_start(told)] if "window" in told.said else told.times()
    if exact and times:
        refuse("A time goes with days from now, not with hours.", "contradiction")
    if exact or any(length.number % 1 for length in lengths):
        return _in_a_while(
            told,
            exact + sum((x.span or timedelta() for x in lengths if not x.is_exact), timedelta()),
        )
    wall = datetime.combine(day, _single(times) if times else told.local.time())
    if _is_over(told, wall):
        refuse("A length of time is more than nothing.", "past")
    return {"starts_at": wall}


def _in_a_while(told: Told, span: timedelta) -> dict[str, Any]:
    at = (told.now + span).replace(microsecond=0)
    wall = local_time(at, told.timezone)
    # The second of two, where the clock shows a time twice.
    is_first = to_utc(wall, told.timezone)[0] == at
    return {"starts_at": wall, "fold": "first" if is_first else "second"}


def _pasted(told: Told) -> dict[str, Any]:
    allowed = {"pasted", "pasted_kind", "zone", "leads", "tags", "urgent", "times", "part"}
    if set(told.said) - allowed or (told.get("times") and told.said["pasted_kind"] == "cron"):
        refuse(
            "A rule or expression says all of a schedule; beside it there may be a title, a time "
            "for a rule, a zone, leads and tags.",
            "contradiction",
        )
    try:
        recurrence = canonical(told.said["pasted"])
        return recurring_fields.first(told, recurrence, recurrence, _pasted_time(told, recurrence))
    except RecurrenceError as error:
        refuse(f"{told.said['pasted']} {error.message}.")


def _pasted_time(told: Told, recurrence: str) -> time | None:
    is_rule = told.said["pasted_kind"] == "rule"
    if not is_rule or "BYHOUR" in recurrence or "MINUTELY" in recurrence or "HOURLY" in recurrence:
        return None
    return _single(told.times_or_default())
