"""Rules completed by their start: two rules with the same meaning become the same rule."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from .grammar import parse
from .rrule import BY_PARTS, ENDLESS_YEAR, Freq, Rule
from .wall_clock import to_utc

_ALL_MONTHS, _ALL_HOURS, _ALL_MINUTES = tuple(range(1, 13)), tuple(range(24)), tuple(range(60))
_ALL_WEEKDAYS = tuple((day, 0) for day in range(7))


def explicit_text(recurrence: str, start: datetime, timezone: str) -> str:
    """Return the one text of a recurrence with this start. Raises RecurrenceError."""
    rule_or_cron = parse(recurrence)
    if not isinstance(rule_or_cron, Rule):
        return rule_or_cron.text if rule_or_cron else ""
    rule = explicit(rule_or_cron, start)
    if rule.until is not None and rule.until.tzinfo is None and rule.until.year < ENDLESS_YEAR:
        rule = replace(rule, until=to_utc(rule.until, timezone)[0])
    return rule.text


def explicit(rule: Rule, start: datetime) -> Rule:
    """Return the rule with the parts that its start implies, and without parts of no effect.

    The stored text stays as the user wrote it: if the start moves, a rule that names its days keeps
    them, and a rule without days moves with the start.
    """
    names = (*BY_PARTS.values(), "week_start")
    parts: dict[str, Any] = {name: getattr(rule, name) for name in names}
    _say_times(parts, rule.freq, start)
    _say_days(parts, rule.freq, start)
    _drop_complete(parts, rule.freq)
    if _is_single(parts, rule.freq) and {1, -1} & {*rule.by_set_pos}:
        parts["by_set_pos"] = ()
    own_day = ((start.weekday(), 0),)
    if rule.freq is Freq.WEEKLY and not parts["by_set_pos"] and parts["by_day"] == own_day:
        parts["week_start"] = 0
    if rule.interval == 1 and rule.freq >= Freq.DAILY and not parts["by_set_pos"]:
        parts["freq"] = _freq_of_days(parts, rule.freq)
    return replace(rule, **parts)


def _say_times(parts: dict[str, Any], freq: Freq, start: datetime) -> None:
    if freq > Freq.HOURLY:
        parts["by_hour"] = parts["by_hour"] or (start.hour,)
    if freq > Freq.MINUTELY:
        parts["by_minute"] = parts["by_minute"] or (start.minute,)
    parts["by_second"] = parts["by_second"] or (start.second,)


def _say_days(parts: dict[str, Any], freq: Freq, start: datetime) -> None:
    """Add the days of the start if the rule names none."""
    if parts["by_day"] or parts["by_month_day"] or parts["by_year_day"]:
        return
    if freq is Freq.WEEKLY or parts["by_week_no"]:
        parts["by_day"] = ((start.weekday(), 0),)
    elif freq >= Freq.MONTHLY:
        parts["by_month_day"] = (start.day,)
        if freq is Freq.YEARLY:
            parts["by_month"] = parts["by_month"] or (start.month,)


def _drop_complete(parts: dict[str, Any], freq: Freq) -> None:
    """Leave out lists that name all months, weekdays, hours or minutes, and so limit nothing."""
    counts_in_months = freq is Freq.YEARLY and any(ordinal for _, ordinal in parts["by_day"])
    if parts["by_month"] == _ALL_MONTHS and not counts_in_months:
        parts["by_month"] = ()
    limits = freq <= Freq.DAILY or parts["by_month_day"] or parts["by_year_day"]
    if parts["by_day"] == _ALL_WEEKDAYS and limits:
        parts["by_day"] = ()
    if parts["by_hour"] == _ALL_HOURS and freq <= Freq.HOURLY:
        parts["by_hour"] = ()
    if parts["by_minute"] == _ALL_MINUTES and freq is Freq.MINUTELY:
        parts["by_minute"] = ()


def _freq_of_days(parts: dict[str, Any], freq: Freq) -> Freq:
    """Return the frequency that follows from the days of a rule with interval 1."""
    has_ordinals = any(ordinal for _, ordinal in parts["by_day"])
    if parts["by_week_no"] or parts["by_year_day"]:
        return Freq.YEARLY
    if parts["by_month_day"] or has_ordinals:
        in_year = parts["by_month"] or (has_ordinals and freq is Freq.YEARLY)
        return Freq.YEARLY if in_year else Freq.MONTHLY
    if parts["by_day"] and parts["by_day"] != _ALL_WEEKDAYS:
        return Freq.WEEKLY
    parts["by_day"] = ()
    return Freq.DAILY


def _is_single(parts: dict[str, Any], freq: Freq) -> bool:
    """Whether a period has one time at most, so that BYSETPOS has nothing to choose."""
    names = ["by_second"]
    names += ["by_minute"] * (freq > Freq.MINUTELY) + ["by_hour"] * (freq > Freq.HOURLY)
    if any(len(parts[name]) > 1 for name in names):
        return False
    if freq <= Freq.DAILY:
        return True
    one_weekday, one_date = len(parts["by_day"]) == 1, len(parts["by_month_day"]) == 1
    if freq is Freq.WEEKLY:
        return one_weekday
    one_nth = one_weekday and parts["by_day"][0][1] != 0
    if freq is Freq.MONTHLY:
        return one_date or one_nth
    return (
        len(parts["by_year_day"]) == 1
        or (len(parts["by_week_no"]) == 1 and one_weekday)
        or (len(parts["by_month"]) == 1 and (one_date or one_nth))
        or (one_nth and not parts["by_month"])
    )
