"""Schedules in words: English, and translatable."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from .cron import LAST, Cron
from .grammar import Recurrence
from .i18n import _, gettext_noop, ngettext
from .implied import explicit
from .rrule import Freq, Rule
from .wall_clock import local_time

MONTHS = (
    gettext_noop("January"),
    gettext_noop("February"),
    gettext_noop("March"),
    gettext_noop("April"),
    gettext_noop("May"),
    gettext_noop("June"),
    gettext_noop("July"),
    gettext_noop("August"),
    gettext_noop("September"),
    gettext_noop("October"),
    gettext_noop("November"),
    gettext_noop("December"),
)
WEEKDAYS = (
    gettext_noop("Monday"),
    gettext_noop("Tuesday"),
    gettext_noop("Wednesday"),
    gettext_noop("Thursday"),
    gettext_noop("Friday"),
    gettext_noop("Saturday"),
    gettext_noop("Sunday"),
)
# Longer lists of times become hours and minutes, longer lists of dates their number.
_MOST_TIMES = 6
_MOST_DATES = 3


def schedule_text(
    recurrence: Recurrence,
    starts_at: datetime,
    timezone: str,
    exdates: Sequence[datetime],
    rdates: Sequence[datetime],
) -> str:
    """Return an English text of a schedule, in local times."""
    if recurrence is None:
        text = _("once on {date} at {time} ({zone})").format(
            date=date_in_words(starts_at), time=clock_time(starts_at), zone=timezone
        )
    elif isinstance(recurrence, Rule):
        rule = explicit(recurrence, starts_at)
        text = f"{_rule(rule)} ({timezone})"
        text += _end(rule, timezone)
    else:
        text = f"{_cron(recurrence)} ({timezone})"
    if exdates:
        text += _(", except on {dates}").format(dates=_dates(exdates))
    if rdates:
        text += _(", also on {dates}").format(dates=_dates(rdates))
    return text


def _rule(rule: Rule) -> str:
    words = [_every(rule.freq, rule.interval)]
    words += _days(rule)
    if rule.freq <= Freq.HOURLY:
        words += _within_day(rule)
    else:
        words.append(_times(rule.by_hour, rule.by_minute, rule.by_second))
    return " ".join(words)


def _every(freq: Freq, n: int) -> str:
    texts = {
        Freq.MINUTELY: ngettext("every minute", "every {n} minutes", n),
        Freq.HOURLY: ngettext("every hour", "every {n} hours", n),
        Freq.DAILY: ngettext("every day", "every {n} days", n),
        Freq.WEEKLY: ngettext("every week", "every {n} weeks", n),
        Freq.MONTHLY: ngettext("every month", "every {n} months", n),
        Freq.YEARLY: ngettext("every year", "every {n} years", n),
    }
    return texts[freq].format(n=n)


def _end(rule: Rule, timezone: str) -> str:
    if rule.count is not None:
        return ngettext(", {n} time", ", {n} times", rule.count).format(n=rule.count)
    if rule.until is None:
        return ""
    until = local_time(rule.until, timezone) if rule.until.tzinfo else rule.until
    latest = 1439
    if rule.freq > Freq.HOURLY:
        latest = max(rule.by_hour) * 60 + max(rule.by_minute)
    if until.hour * 60 + until.minute >= latest:
        return _(", until {date}").format(date=date_in_words(until))
    return _(", until {date} at {time}").format(date=date_in_words(until), time=clock_time(until))


def _days(rule: Rule) -> list[str]:
    """Return the texts of the parts that choose days."""
    if _is_one_date(rule):
        return [_on(_day_of_month(rule.by_month_day[0], rule.by_month[0]))]
    words = []
    if rule.by_month:
        words.append(_months(rule.by_month))
    if rule.by_week_no:
        weeks = _list(_nth(week, _("week")) for week in rule.by_week_no)
        words.append(_("in {weeks} of the year").format(weeks=weeks))
    if rule.by_year_day:
        days = _list(_nth(day, _("day")) for day in rule.by_year_day)
        words.append(_("on {days} of the year").format(days=days))
    if rule.by_month_day:
        words.append(_on(_list(_nth_day(day) for day in rule.by_month_day)))
    if rule.by_day:
        words.append(_by_day(rule))
    return words + _positions(rule)


def _is_one_date(rule: Rule) -> bool:
    """Whether the rule names one date of the year, such as 24 December."""
    only = not (rule.by_week_no or rule.by_year_day or rule.by_day or rule.by_set_pos)
    return only and len(rule.by_month) == len(rule.by_month_day) == 1 and rule.by_month_day[0] > 0


def _by_day(rule: Rule) -> str:
    if rule.by_month_day or rule.by_year_day:
        days = _list(_nth_weekday(*day) for day in rule.by_day)
        return _("if it is {days}").format(days=days)
    if not rule.has_ordinals:
        return _on(_weekday_list([day[0] for day in rule.by_day]))
    days = _list(_nth_weekday(*day) for day in rule.by_day)
    if rule.freq is Freq.YEARLY and not rule.by_month:
        return _("on {days} of the year").format(days=days)
    return _on(days)


def _positions(rule: Rule) -> list[str]:
    if not rule.by_set_pos:
        return []
    positions = _list(_nth(position, "") for position in rule.by_set_pos)
    return [_("(only {which} of these)").format(which=positions)]


def _within_day(rule: Rule) -> list[str]:
    words = []
    if rule.by_hour:
        words.append(_hours(rule.by_hour))
    if rule.by_minute:
        words.append(_minutes(rule.by_minute))
    if any(rule.by_second):
        text = ngettext("and second {seconds}", "and seconds {seconds}", len(rule.by_second))
        words.append(text.format(seconds=_list(map(str, rule.by_second))))
    return words


def _times(hours: Iterable[int], minutes: Iterable[int], seconds: Sequence[int] = (0,)) -> str:
    hours, minutes = sorted(hours), sorted(minutes)
    if len(hours) * len(minutes) * len(seconds) <= _MOST_TIMES:
        end = [f":{second:02}" if any(seconds) else "" for second in seconds]
        times = [f"{h:02}:{m:02}{s}" for h in hours for m in minutes for s in end]
        return _("at {times}").format(times=_list(times))
    text = f"{_minutes(minutes)} {_hours(hours)}"
    if not any(seconds):
        return text
    return text + " " + _("and seconds {seconds}").format(seconds=_list(map(str, seconds)))


def _hours(hours: Iterable[int]) -> str:
    hours = sorted(hours)
    text = ngettext("in the hour {hours}", "in the hours {hours}", len(hours))
    return text.format(hours=_span_list(_spans(hours)))


def _minutes(minutes: Iterable[int]) -> str:
    minutes = sorted(minutes)
    text = ngettext("at minute {minutes}", "at minutes {minutes}", len(minutes))
    return text.format(minutes=_span_list(_spans(minutes)))


def _cron(cron: Cron) -> str:
    days, months = _cron_days(cron), sorted(cron.months)
    times, has_pace = _cron_times(cron)
    words = [times]
    if days:
        words.insert(0, days)
    elif not has_pace:
        words.insert(0, _every(Freq.DAILY, 1))
    if len(months) < 12:
        words.append(_months(months))
    return " ".join(words)


def _cron_times(cron: Cron) -> tuple[str, bool]:
    """Return the times of day, and whether their text is a pace, which needs no "every day"."""
    minutes, every_hour = sorted(cron.minutes), len(cron.hours) == 24
    if len(minutes) * len(cron.hours) <= _MOST_TIMES:
        return _times(cron.hours, minutes), False
    minute_pace = _pace(minutes, 60, Freq.MINUTELY)
    hour_pace = _pace(sorted(cron.hours), 24, Freq.HOURLY)
    if minute_pace:
        return minute_pace if every_hour else f"{minute_pace} {_hours(cron.hours)}", True
    if hour_pace:
        return f"{hour_pace} {_minutes(minutes)}", True
    return f"{_minutes(minutes)} {_hours(cron.hours)}", False


def _pace(values: list[int], size: int, freq: Freq) -> str:
    """Return "every 10 minutes", or "" if the values have no even step across hours or days."""
    step = size // len(values)
    if step == size or values != list(range(0, size, step)):
        return ""
    return _every(freq, step)


def _cron_days(cron: Cron) -> str:
    dates = "" if cron.any_day else _on(_list(_cron_dates(cron)))
    weekdays = "" if cron.any_weekday else _cron_weekdays(cron)
    if not cron.both_days:
        either = _("{dates} or on {weekdays}").format(dates=dates, weekdays=weekdays)
        return either if dates and weekdays else ""
    if dates and weekdays:
        return dates + " " + _("if it is {days}").format(days=weekdays)
    return dates or (_on(weekdays) if weekdays else "")


def _cron_dates(cron: Cron) -> list[str]:
    dates = [_the(day) for day in sorted(cron.days)]
    nearest = _("the weekday nearest {date}")
    dates += [nearest.format(date=_the(day)) for day in sorted(cron.nearest_weekdays)]
    dates += [_("the last day of the month")] * cron.last_day
    return dates + [_("the last weekday of the month")] * cron.last_weekday


def _cron_weekdays(cron: Cron) -> str:
    plain = sorted((day - 1) % 7 for day in cron.weekdays)
    names = [_weekday_list(plain)] if plain else []
    names += [
        _nth_weekday((day - 1) % 7, -1 if n == LAST else n) for day, n in sorted(cron.ordinals)
    ]
    return _list(names)


def _weekday_list(days: list[int]) -> str:
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        first, last = _(WEEKDAYS[days[0]]), _(WEEKDAYS[days[-1]])
        return _("{first} to {last}").format(first=first, last=last)
    return _list(_(WEEKDAYS[day]) for day in days)


def _nth_weekday(weekday: int, ordinal: int) -> str:
    name = _(WEEKDAYS[weekday])
    return _nth(ordinal, name) if ordinal else name


def _nth_day(day: int) -> str:
    return _the(day) if day > 0 else _nth(day, _("day of the month"))


def _nth(number: int, noun: str) -> str:
    if number > 0:
        text = _("the {nth} {noun}")
    elif number == -1:
        text = _("the last {noun}")
    else:
        text = _("the {nth} to last {noun}")
    return text.format(nth=_ordinal(abs(number)), noun=noun).rstrip()


def _the(number: int) -> str:
    return _("the {nth}").format(nth=_ordinal(number))


def _on(days: str) -> str:
    return _("on {days}").format(days=days)


def _months(months: Iterable[int]) -> str:
    return _("in {months}").format(months=_list(_(MONTHS[month - 1]) for month in months))


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return _("{n}th").format(n=number)
    endings = {1: _("{n}st"), 2: _("{n}nd"), 3: _("{n}rd")}
    return endings.get(number % 10, _("{n}th")).format(n=number)


def _spans(values: list[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for value in values:
        if spans and spans[-1][1] == value - 1:
            spans[-1] = spans[-1][0], value
        else:
            spans.append((value, value))
    return spans


def _span_list(spans: list[tuple[int, int]]) -> str:
    to = _("{first} to {last}")
    return _list(str(a) if a == b else to.format(first=a, last=b) for a, b in spans)


def _list(items: Iterable[str]) -> str:
    *most, last = items
    return _("{most} and {last}").format(most=", ".join(most), last=last) if most else last


def _dates(walls: Sequence[datetime]) -> str:
    if len(walls) > _MOST_DATES:
        return ngettext("{n} date", "{n} dates", len(walls)).format(n=len(walls))
    return _list(date_in_words(wall) for wall in walls)


def date_in_words(wall: date) -> str:
    text = _("{day} {month} {year}")
    return text.format(day=wall.day, month=_(MONTHS[wall.month - 1]), year=wall.year)


def _day_of_month(day: int, month: int) -> str:
    return _("{day} {month}").format(day=day, month=_(MONTHS[month - 1]))


def clock_time(wall: datetime) -> str:
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"
