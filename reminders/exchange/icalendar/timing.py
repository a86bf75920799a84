"""When an event is due: its start, zone, rule and dates, as a reminder has them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from reminders.exchange.icalendar.dates import SECOND, day_of, last_day
from reminders.exchange.icalendar.early_start import FIRST_YEAR, later_start
from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.rrule_reading import keep_earlier_end, read_rule, rule_text
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import (
    LAST_SECOND,
    UTC_NAME,
    BadValue,
    Moment,
    moment,
)
from reminders.exchange.icalendar.tzid.zones import Zones
from reminders.recurrence import RecurrenceError, Schedule, local_time, to_utc

# As the model has them.
MAX_DATES = 500
MAX_RULE_CHARACTERS = 500
ALL_DAY = (
    "X-MICROSOFT-CDO-ALLDAYEVENT",
    "X-MICROSOFT-MSNCALENDAR-ALLDAYEVENT",
    "X-FUNAMBOL-ALLDAY",
)
# Of one day that is left out; a rule by the minute has more.
MAX_TIMES_A_DAY = 1_440


@dataclass
class Timing:
    """`start` is the event's own; `due` says how long after it a reminder is due.

    That is nothing but for all-day events, which start at midnight. All wall times are in `zone`.
    `days_out` are the dates of which no time is due.
    """

    start: datetime
    zone: str
    is_date: bool
    recurrence: str = ""
    exdates: set[datetime] = field(default_factory=set)
    rdates: set[datetime] = field(default_factory=set)
    due: timedelta = timedelta(0)
    days_out: set[date] = field(default_factory=set)
    # How much later than a RECURRENCE-ID says one of the series is due.
    later: timedelta = timedelta(0)

    @property
    def starts_at(self) -> datetime:
        return self.start + self.due

    def start_instant(self) -> datetime:
        return to_utc(self.start, self.zone)[0]

    def fields(self, where: str, account: Account) -> dict[str, Any]:
        """Return these as the API takes them. Raises BadValue for what is not supported."""
        if len(self.recurrence) > MAX_RULE_CHARACTERS:
            raise BadValue(f"its rule is longer than {MAX_RULE_CHARACTERS} characters")
        try:
            self._meet_start(where, account)
            self._drop_before_start(where, account)
            self._leave_days_out(where, account)
            self.exdates = {wall for wall in self.exdates if wall.year >= FIRST_YEAR}
            dates = {
                "exdates": self._newest("exception", self.exdates, where, account),
                "rdates": self._newest("additional", self.rdates, where, account),
            }
            Schedule.validate(
                starts_at=self.starts_at, timezone=self.zone, recurrence=self.recurrence, **dates
            )
        except RecurrenceError as error:
            raise BadValue(f"{error.field} {error.message}") from None
        return {
            "starts_at": self.starts_at.isoformat(),
            "timezone": self.zone,
            "recurrence": self.recurrence,
            **{name: [wall.isoformat() for wall in walls] for name, walls in dates.items()},
        }

    def times_on(self, day: date) -> list[datetime]:
        """Return the wall times that the rule gives on a date, without exceptions."""
        if not self.recurrence:
            return [self.start] if self.start.date() == day else []
        return list(self._times_on(day))

    def _times_on(self, day: date) -> Iterator[datetime]:
        rule = Schedule(starts_at=self.start, timezone=self.zone, recurrence=self.recurrence)
        midnight = to_utc(datetime.combine(day, time.min), self.zone)[0]
        at = rule.after(midnight - SECOND)
        for _ in range(MAX_TIMES_A_DAY):
            if at is None or (wall := local_time(at, self.zone)).date() != day:
                return
            yield wall
            at = rule.after(at)

    def _meet_start(self, where: str, account: Account) -> None:
        """Add the start as a date where the rule does not give it: a calendar shows it as well."""
        if not self.recurrence:
            return
        rule = Schedule(starts_at=self.starts_at, timezone=self.zone, recurrence=self.recurrence)
        start = to_utc(self.starts_at, self.zone)[0]
        first = rule.after(start - SECOND)
        if first == start:
            return
        if first is None:
            self._keep_start_alone(where, account)
            return
        account.lose(
            where,
            "its rule does not give its start, and programs differ on that: the start is kept "
            "as a date of its own",
        )
        self.rdates.add(self.starts_at)
        self.recurrence = _one_less(self.recurrence)

    def _keep_start_alone(self, where: str, account: Account) -> None:
        """Have an event be once whose rule gives no date; the start counts (RFC 5545 3.8.5.3).

        What ends before it begins was ended on purpose, and is refused.
        """
        without_end = ";".join(
            part for part in self.recurrence.split(";") if not part.startswith("UNTIL=")
        )
        endless = Schedule(starts_at=self.starts_at, timezone=self.zone, recurrence=without_end)
        if without_end != self.recurrence and endless.after(self.start_instant() - SECOND):
            raise BadValue("its rule ends before its first date (UNTIL)")
        account.lose(
            where, "its rule gives no date: it is due once, at its start, and does not repeat"
        )
        self.recurrence = ""

    def _drop_before_start(self, where: str, account: Account) -> None:
        early = {wall for wall in self.rdates if wall < self.starts_at}
        if early:
            account.lose(where, f"{len(early)} of its RDATE: they lie before its start")
        self.rdates -= early

    def _leave_days_out(self, where: str, account: Account) -> None:
        """Leave out all times of the days that EXDATE names without a time."""
        days = sorted(self.days_out, reverse=True)
        for place, day in enumerate(days):
            if len(self.exdates) > MAX_DATES:
                what = f"the {len(days) - place} oldest days that it leaves out"
                account.lose(where, f"{what}: a reminder has at most {MAX_DATES} exceptions")
                break
            self.exdates.update(self.times_on(day))
        self.rdates = {wall for wall in self.rdates if wall.date() not in self.days_out}

    def _newest(
        self, kind: str, walls: set[datetime], where: str, account: Account
    ) -> list[datetime]:
        kept = sorted(walls)[-MAX_DATES:]
        if len(kept) < len(walls):
            oldest = f"{len(walls) - len(kept)} oldest of its {kind} dates"
            account.lose(where, f"the {oldest}: a reminder has at most {MAX_DATES}")
        return kept


@dataclass(slots=True)
class TimeReader:
    """Reads when entries of one calendar are.

    `home` is the zone of dates, `floating` that of times which name none; `used_floating` tells
    whether there were any.
    """

    home: str
    floating: str
    zones: Zones
    used_floating: bool = False

    def timing(
        self, component: Component, where: str, account: Account, *, of_dates: bool = False
    ) -> Timing:
        """Take when a VEVENT or VTODO is; `of_dates` where its series is. Raises BadValue."""
        rule = component.take_one("RRULE")
        start = self._start(component, is_series=rule is not None)
        if of_dates or _is_all_day(component):
            start = self._midnight_as_date(start)
        is_series = rule is not None or "RDATE" in component.left
        zone = self._zone(start, is_series=is_series)
        series = Timing(start.wall_in(zone), zone, start.is_date)
        if rule:
            self._take_rule(rule, series, where, account)
        self._take_dates(component, series, where, account)
        return series

    def occurrence(self, prop: Property, series: Timing | None) -> Moment:
        """Return which one of a series a RECURRENCE-ID means. Raises BadValue."""
        if series is None:
            at = self.zones.moment(prop)
            is_floating = at.zone is None and not at.is_date
            return at._replace(zone=self.floating) if is_floating else at
        at = self._moment(prop, prop.value, series)
        if series.later and not at.is_date:
            at = at._replace(wall=at.wall_in(series.zone) + series.later, zone=series.zone)
        if at.is_date and not series.is_date:
            times = series.times_on(at.wall.date())
            usual = datetime.combine(at.wall, series.start.time())
            wall = times[0] if len(times) == 1 else usual
            return Moment(wall, series.zone)
        return Moment(self._wall(at, series), series.zone)

    def _start(self, component: Component, *, is_series: bool) -> Moment:
        prop = component.take_one("DTSTART")
        if prop is None and component.name == "VTODO":
            prop = component.take_one("DUE")
        if prop is None:
            raise BadValue("it has no start")
        at = self.zones.moment(prop)
        if is_series:
            at = self.zones.moment(prop, year=at.wall.year)
        return at

    def _midnight_as_date(self, at: Moment) -> Moment:
        """Return the date of a midnight, where it was written; any other time as it is."""
        zones = self.zones.likely() if at.zone == UTC_NAME else []
        walls = [at.wall, *map(at.wall_in, zones)]
        midnight = next((wall for wall in walls if wall.time() == time.min), None)
        return Moment(midnight, None, is_date=True) if midnight else at

    def _zone(self, start: Moment, *, is_series: bool) -> str:
        if start.is_date:
            return self.home
        if start.zone is None:
            self.used_floating = True
            return self.floating
        if start.zone != UTC_NAME or is_series:
            return start.zone
        # The same moment, by the reader's clock; but for the hour that it shows twice.
        wall = local_time(start.instant(), self.home)
        return self.home if to_utc(wall, self.home) == [start.instant()] else UTC_NAME

    def _take_rule(self, rule: Property, series: Timing, where: str, account: Account) -> None:
        """Read the rule of a series, and begin it later where it began before all engines."""
        parts = read_rule(rule.value, lambda until: self._until(until, series), where, account)
        try:
            if series.start.year < FIRST_YEAR:
                first, series.start = series.start, later_start(series.start, parts)
                account.lose(
                    where,
                    f"it began on {first.date().isoformat()}: its dates before "
                    f"{series.start.date().isoformat()} are left out",
                )
            keep_earlier_end(parts, series.start, series.zone, where, account)
        except RecurrenceError as error:
            raise BadValue(f"{error.field} {error.message}") from None
        series.recurrence = rule_text(parts)

    def _until(self, value: str, series: Timing) -> str:
        """Return UNTIL as the engine takes it: of a date, and of dates, the end of the last day."""
        until = moment(value, None)
        if until.is_date or series.is_date:
            day = last_day(until, self.zones.likely())
            return f"{datetime.combine(day, LAST_SECOND):%Y%m%dT%H%M%S}"
        return f"{until.wall:%Y%m%dT%H%M%S}{'Z' if until.zone else ''}"

    def _take_dates(
        self, component: Component, series: Timing, where: str, account: Account
    ) -> None:
        for prop in component.take("EXDATE"):
            for at in self._moments(prop, series, where, account):
                if at.is_date and not series.is_date:
                    series.days_out.add(at.wall.date())
                else:
                    series.exdates.add(self._wall(at, series))
        for prop in component.take("RDATE"):
            if "/" in prop.value:
                account.lose(where, "the lengths of its RDATE periods: a reminder has no length")
            for at in self._moments(prop, series, where, account):
                series.rdates.add(self._wall(at, series))

    def _moments(
        self, prop: Property, series: Timing, where: str, account: Account
    ) -> Iterator[Moment]:
        """Yield the dates of one property; one that cannot be read is told, and stops no other."""
        for value in filter(str.strip, prop.value.replace(";", ",").split(",")):
            try:
                yield self._moment(prop, value.partition("/")[0], series)
            except BadValue as error:
                account.lose(where, f"one of its {prop.name}: {error}")

    def _moment(self, prop: Property, value: str, series: Timing) -> Moment:
        year = series.start.year if series.recurrence else None
        return self.zones.moment(prop, value, year=year)

    def _wall(self, at: Moment, series: Timing) -> datetime:
        """Return when it is by the clock of a series; of one of dates that is midnight."""
        if series.is_date:
            day = day_of(at, self.zones.likely(), lambda day: bool(series.times_on(day)))
            return datetime.combine(day, time.min)
        if at.is_date:
            # As some programs write it: at the usual time of that day.
            return datetime.combine(at.wall, series.start.time())
        return at.wall_in(series.zone)


def all_day(found: Timing, due: timedelta) -> None:
    """Have all of an all-day event due so long after midnight."""
    found.due = due
    found.exdates = {wall + due for wall in found.exdates}
    found.rdates = {wall + due for wall in found.rdates}


def _is_all_day(component: Component) -> bool:
    """Return whether a program says so beside a DTSTART that is a time."""
    values = [prop.value for name in ALL_DAY for prop in component.left.get(name, [])]
    return any(value.strip().upper() in {"TRUE", "1"} for value in values)


def _one_less(recurrence: str) -> str:
    """COUNT counts the start as well."""
    parts = recurrence.split(";")
    for place, part in enumerate(parts):
        name, _, count = part.partition("=")
        if name == "COUNT" and count.isdecimal():
            if int(count) <= 1:
                return ""
            parts[place] = f"COUNT={int(count) - 1}"
    return ";".join(parts)
