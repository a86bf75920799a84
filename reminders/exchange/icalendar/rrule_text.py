"""The RRULE of a recurrence, if an equal rule exists."""

from datetime import datetime

from reminders.recurrence import to_utc
from reminders.recurrence.cron import LAST, Cron
from reminders.recurrence.grammar import parse
from reminders.recurrence.rrule import WEEKDAYS, Freq, Rule


def rule_text(recurrence: str, starts_at: datetime, timezone: str) -> str | None:
    """Return a rule that means the same in RFC 5545, or None if there is none.

    It may differ at clock changes: no rule can express what cron does there.
    """
    parsed = parse(recurrence)
    if isinstance(parsed, Rule):
        return _of_rule(parsed, starts_at, timezone)
    return rule_of_cron(parsed) if parsed else None


def keeps_real_pace(recurrence: str) -> bool:
    """Tell whether a cron schedule keeps its pace through clock changes, as no rule does."""
    parsed = parse(recurrence)
    return isinstance(parsed, Cron) and parsed.real_pace


def ends_at(rule: str, last: datetime) -> str:
    """Return the rule with its end as an instant in UTC."""
    parts = [part for part in rule.split(";") if not part.startswith(("COUNT=", "UNTIL="))]
    return ";".join([*parts, f"UNTIL={last:%Y%m%dT%H%M%S}Z"])


def _of_rule(rule: Rule, starts_at: datetime, timezone: str) -> str:
    text = rule.text
    if rule.until is not None and rule.until.tzinfo is None:
        # RFC 5545 demands UTC if the start has a zone.
        text = ends_at(text, to_utc(rule.until, timezone)[0])
    if rule.by_week_no and not rule.by_day:
        # Other programs read the rule as each day of the week.
        text += f";BYDAY={WEEKDAYS[starts_at.weekday()]}"
    return text


def rule_of_cron(cron: Cron) -> str | None:
    """Return the rule of the same wall times, or None if there is none."""
    days = _days(cron)
    if days is None:
        return None
    if len(cron.months) < 12:
        days.append(f"BYMONTH={_numbers(cron.months)}")
    times = [f"BYMINUTE={_numbers(cron.minutes)}", "BYSECOND=0"]
    if len(cron.hours) < 24:
        times.insert(0, f"BYHOUR={_numbers(cron.hours)}")
        freq = _freq(cron, days)
    else:
        freq = Freq.HOURLY
        if any(part.startswith("BYDAY=") and part[6] in "-12345" for part in days):
            return None
    if len(cron.minutes) == 60 and freq is Freq.HOURLY:
        freq, times = Freq.MINUTELY, ["BYSECOND=0"]
    return ";".join([f"FREQ={freq.name}", *days, *times])


def _freq(cron: Cron, days: list[str]) -> Freq:
    names = {part.partition("=")[0] for part in days}
    if cron.ordinals or ("BYMONTHDAY" in names and "BYDAY" not in names):
        return Freq.MONTHLY
    return Freq.WEEKLY if names == {"BYDAY"} else Freq.DAILY


def _days(cron: Cron) -> list[str] | None:
    """Return the parts that choose days; None if no rule chooses the same."""
    if cron.nearest_weekdays or cron.last_weekday:
        return None
    # A field that is `*` in its text has every value, and limits nothing.
    by_day = not cron.any_weekday
    by_month_day = not cron.any_day
    if not cron.both_days and not (by_day and by_month_day):
        return []
    if cron.ordinals and (cron.weekdays or by_month_day):
        return None
    if by_day and by_month_day and not cron.both_days:
        return None
    parts = []
    if by_month_day:
        numbers = [*sorted(cron.days), *([-1] if cron.last_day else [])]
        parts.append(f"BYMONTHDAY={','.join(map(str, numbers))}")
    if cron.ordinals:
        days = [f"{-1 if n == LAST else n}{_weekday(day)}" for day, n in sorted(cron.ordinals)]
        parts.append(f"BYDAY={','.join(days)}")
    elif by_day:
        parts.append(f"BYDAY={','.join(map(_weekday, sorted(cron.weekdays)))}")
    return parts


def _weekday(cron_day: int) -> str:
    return WEEKDAYS[(cron_day - 1) % 7]


def _numbers(values: frozenset[int]) -> str:
    return ",".join(map(str, sorted(values)))
