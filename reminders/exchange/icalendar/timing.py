"""The start, zone, rule and dates of an entry, as a reminder has them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from reminders.exchange.icalendar.dates import SECOND, day_of, last_day
from reminders.exchange.icalendar.early_start import FIRST_YEAR, later_start
from reminders.exchange.icalendar.entry import Entry, ImportedCalendar
from reminders.exchange.icalendar.losses import Losses
from reminders.exchange.icalendar.rrule_reading import keep_earlier_end, read_rule, rule_text
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import (
    LAST_SECOND,
    UTC_NAME,
    BadValue,
    Moment,
    moment,
)
from reminders.recurrence import RecurrenceError, Schedule, local_time, to_utc

# As the model has them.
MAX_DATES = 500
MAX_RULE_CHARACTERS = 500
ALL_DAY = (
    "X-MICROSOFT-CDO-ALLDAYEVENT",
    "X-MICROSOFT-MSNCALENDAR-ALLDAYEVENT",
    "X-FUNAMBOL-ALLDAY",
)
# A day that is left out loses this many times at most.
MAX_TIMES_A_DAY = 1_440


@dataclass
class Timing:
    """The schedule of an entry. All wall times are in `zone`.

    `start` is the entry's own. The reminder is due `due` later: nothing but for all-day entries,
    which start at midnight. `days_out` are the dates on which no time is due.
    """

    start: datetime
    zone: str
    is_date: bool
    losses: Losses
    recurrence: str = ""
    exdates: set[datetime] = field(default_factory=set)
    rdates: set[datetime] = field(default_factory=set)
    due: timedelta = timedelta(0)
    days_out: set[date] = field(default_factory=set)
    # The time from a RECURRENCE-ID to the due time of its occurrence.
    later: timedelta = timedelta(0)

    @property
    def starts_at(self) -> datetime:
        return self.start + self.due

    def move_into_day(self, due: timedelta) -> None:
        """Have all dates of an all-day entry due this long after midnight."""
        self.due = due
        self.exdates = {wall + due for wall in self.exdates}
        self.rdates = {wall + due for wall in self.rdates}

    def fields(self) -> dict[str, Any]:
        """Return the schedule as the API takes it. Raises BadValue if FOAM does not support it."""
        if len(self.recurrence) > MAX_RULE_CHARACTERS:
            raise BadValue(f"its rule is longer than {MAX_RULE_CHARACTERS} characters")
        try:
            self._meet_start()
            self._drop_before_start()
            self._leave_days_out()
            self.exdates = {wall for wall in self.exdates if wall.year >= FIRST_YEAR}
            dates = {
                "exdates": self._newest("exception", self.exdates),
                "rdates": self._newest("additional", self.rdates),
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
        """Return the wall times that the rule gives on a date, exceptions included."""
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

    def _meet_start(self) -> None:
        """Add the start as a date if the rule does not give it: a calendar shows it as well."""
        if not self.recurrence:
            return
        rule = Schedule(starts_at=self.starts_at, timezone=self.zone, recurrence=self.recurrence)
        start = to_utc(self.starts_at, self.zone)[0]
        first = rule.after(start - SECOND)
        if first == start:
            return
        if first is None:
            self._keep_start_alone()
            return
        what = "its rule does not give its start, and programs differ on that"
        self.losses.add(f"{what}: the start is kept as a date of its own")
        self.rdates.add(self.starts_at)
        self.recurrence = _one_less(self.recurrence)

    def _keep_start_alone(self) -> None:
        """Drop a rule that gives no date; the start counts (RFC 5545 3.8.5.3).

        Raises BadValue if UNTIL lies before the first date: the author has ended the series.
        """
        parts = self.recurrence.split(";")
        without_end = ";".join(part for part in parts if not part.startswith("UNTIL="))
        endless = Schedule(starts_at=self.starts_at, timezone=self.zone, recurrence=without_end)
        before = to_utc(self.start, self.zone)[0] - SECOND
        if without_end != self.recurrence and endless.after(before):
            raise BadValue("its rule ends before its first date (UNTIL)")
        self.losses.add("its rule gives no date: it is due once, at its start, and does not repeat")
        self.recurrence = ""

    def _drop_before_start(self) -> None:
        early = {wall for wall in self.rdates if wall < self.starts_at}
        if early:
            self.losses.add(f"{len(early)} of its RDATE: they lie before its start")
        self.rdates -= early

    def _leave_days_out(self) -> None:
        """Leave out all times of the days that EXDATE names without a time."""
        days = sorted(self.days_out, reverse=True)
        for place, day in enumerate(days):
            if len(self.exdates) > MAX_DATES:
                what = f"the {len(days) - place} oldest days that it leaves out"
                self.losses.add(f"{what}: a reminder has at most {MAX_DATES} exceptions")
                break
            self.exdates.update(self.times_on(day))
        self.rdates = {wall for wall in self.rdates if wall.date() not in self.days_out}

    def _newest(self, kind: str, walls: set[datetime]) -> list[datetime]:
        if len(walls) > MAX_DATES:
            oldest = f"the {len(walls) - MAX_DATES} oldest of its {kind} dates"
            self.losses.add(f"{oldest}: a reminder has at most {MAX_DATES}")
        return sorted(walls)[-MAX_DATES:]


def read_timing(entry: Entry, *, of_dates: bool = False) -> Timing:
    """Take the schedule of an entry. Raises BadValue.

    `of_dates` tells that the entry is a change of an all-day series.
    """
    component, calendar = entry.component, entry.calendar
    rule = component.take_one("RRULE")
    start = _start(entry, is_series=rule is not None)
    if _take_all_day(component) or of_dates:
        start = _midnight_as_date(start, calendar)
    zone = _zone(start, calendar, is_series=rule is not None or "RDATE" in component.properties)
    timing = Timing(start.wall_in(zone), zone, start.is_date, entry.losses)
    if rule:
        _read_rule(rule, timing, calendar)
    _take_dates(component, timing, calendar)
    return timing


def read_recurrence_id(prop: Property, calendar: ImportedCalendar, series: Timing | None) -> Moment:
    """Return the occurrence of a series that a RECURRENCE-ID means. Raises BadValue."""
    if series is None:
        at = calendar.zones.moment(prop)
        is_floating = at.zone is None and not at.is_date
        return at._replace(zone=calendar.floating) if is_floating else at
    at = _moment(prop, prop.value, series, calendar)
    if series.later and not at.is_date:
        at = at._replace(wall=at.wall_in(series.zone) + series.later, zone=series.zone)
    if at.is_date and not series.is_date:
        times = series.times_on(at.wall.date())
        usual = datetime.combine(at.wall, series.start.time())
        return Moment(times[0] if len(times) == 1 else usual, series.zone)
    return Moment(_wall(at, series, calendar), series.zone)


def _start(entry: Entry, *, is_series: bool) -> Moment:
    component = entry.component
    prop = component.take_one("DTSTART")
    if prop is None and component.name == "VTODO":
        prop = component.take_one("DUE")
    if prop is None:
        raise BadValue("it has no start")
    at = entry.zones.moment(prop)
    return entry.zones.moment(prop, year=at.wall.year) if is_series else at


def _take_all_day(component: Component) -> bool:
    """Tell whether a program marks an entry as all-day whose DTSTART is a time."""
    values = [prop.value for name in ALL_DAY for prop in component.take(name)]
    return any(value.strip().upper() in {"TRUE", "1"} for value in values)


def _midnight_as_date(at: Moment, calendar: ImportedCalendar) -> Moment:
    """Return the date of a midnight where it was written; any other time unchanged."""
    zones = calendar.zones.likely() if at.zone == UTC_NAME else []
    walls = [at.wall, *map(at.wall_in, zones)]
    midnight = next((wall for wall in walls if wall.time() == time.min), None)
    return Moment(midnight, None, is_date=True) if midnight else at


def _zone(start: Moment, calendar: ImportedCalendar, *, is_series: bool) -> str:
    if start.is_date:
        return calendar.home
    if start.zone is None:
        calendar.used_floating = True
        return calendar.floating
    if start.zone != UTC_NAME or is_series:
        return start.zone
    # A one-off in UTC is stored on the reader's clock, but for the hour that it shows twice.
    wall = local_time(start.instant(), calendar.home)
    return calendar.home if to_utc(wall, calendar.home) == [start.instant()] else UTC_NAME


def _read_rule(rule: Property, timing: Timing, calendar: ImportedCalendar) -> None:
    """Read the rule of a series, and move a start before FIRST_YEAR to a later date of the rule."""
    losses = timing.losses
    parts = read_rule(rule.value, lambda until: _until(until, timing, calendar), losses)
    try:
        if timing.start.year < FIRST_YEAR:
            first, timing.start = timing.start, later_start(timing.start, parts)
            what = f"its dates before {timing.start.date().isoformat()} are left out"
            losses.add(f"it began on {first.date().isoformat()}: {what}")
        keep_earlier_end(parts, timing.start, timing.zone, losses)
    except RecurrenceError as error:
        raise BadValue(f"{error.field} {error.message}") from None
    timing.recurrence = rule_text(parts)


def _until(value: str, timing: Timing, calendar: ImportedCalendar) -> str:
    """Return UNTIL as the engine takes it; for a date, the end of the last day."""
    until = moment(value, None)
    if until.is_date or timing.is_date:
        day = last_day(until, calendar.zones.likely())
        return f"{datetime.combine(day, LAST_SECOND):%Y%m%dT%H%M%S}"
    return f"{until.wall:%Y%m%dT%H%M%S}{'Z' if until.zone else ''}"


def _take_dates(component: Component, timing: Timing, calendar: ImportedCalendar) -> None:
    for prop in component.take("EXDATE"):
        for at in _moments(prop, timing, calendar):
            if at.is_date and not timing.is_date:
                timing.days_out.add(at.wall.date())
            else:
                timing.exdates.add(_wall(at, timing, calendar))
    for prop in component.take("RDATE"):
        if "/" in prop.value:
            timing.losses.add("the lengths of its RDATE periods: a reminder has no length")
        for at in _moments(prop, timing, calendar):
            timing.rdates.add(_wall(at, timing, calendar))


def _moments(prop: Property, timing: Timing, calendar: ImportedCalendar) -> Iterator[Moment]:
    """Yield the dates of one property. An unreadable one is reported, and the others are read."""
    for value in filter(str.strip, prop.value.replace(";", ",").split(",")):
        try:
            yield _moment(prop, value.partition("/")[0], timing, calendar)
        except BadValue as error:
            timing.losses.add(f"one of its {prop.name}: {error}")


def _moment(prop: Property, value: str, timing: Timing, calendar: ImportedCalendar) -> Moment:
    year = timing.start.year if timing.recurrence else None
    return calendar.zones.moment(prop, value, year=year)


def _wall(at: Moment, timing: Timing, calendar: ImportedCalendar) -> datetime:
    """Return a date of a series by its clock; in an all-day series that is midnight."""
    if timing.is_date:
        day = day_of(at, calendar.zones.likely(), lambda day: bool(timing.times_on(day)))
        return datetime.combine(day, time.min)
    if at.is_date:
        # Some programs write it so: it means the usual time of that day.
        return datetime.combine(at.wall, timing.start.time())
    return at.wall_in(timing.zone)


def _one_less(recurrence: str) -> str:
    """Return a rule without the start, which COUNT counts as well."""
    parts = recurrence.split(";")
    for place, part in enumerate(parts):
        name, _, count = part.partition("=")
        if name == "COUNT" and count.isdecimal():
            if int(count) <= 1:
                return ""
            parts[place] = f"COUNT={int(count) - 1}"
    return ";".join(parts)
