"""When an event is due: its start, zone, rule and dates, as a reminder has them."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from reminders.exchange.calendar.account import Account
from reminders.exchange.calendar.tree import Component, Property
from reminders.exchange.calendar.values import LAST_SECOND, UTC_NAME, BadValue, Moment, moment
from reminders.exchange.calendar.zones import Zones
from reminders.recurrence import RecurrenceError, Schedule, local_time, to_utc

# As the model has them.
MAX_DATES = 500
LONGEST_RULE = 500
FIRST_YEAR = 1900
# The Gregorian calendar repeats, weekdays included.
CYCLE_YEARS = 400
SECOND = timedelta(seconds=1)


@dataclass
class Timing:
    """`start` is the event's own; `due` says how long after it a reminder is due.

    That is nothing but for all-day events, which start at midnight. All wall times are in `zone`.
    """

    start: datetime
    zone: str
    is_date: bool
    recurrence: str = ""
    exdates: set[datetime] = field(default_factory=set)
    rdates: set[datetime] = field(default_factory=set)
    due: timedelta = timedelta(0)

    @property
    def starts_at(self) -> datetime:
        return self.start + self.due

    def start_instant(self) -> datetime:
        return to_utc(self.start, self.zone)[0]

    def fields(self, where: str, account: Account) -> dict[str, Any]:
        """Return these as the API takes them. Raises BadValue for what is not supported."""
        if len(self.recurrence) > LONGEST_RULE:
            raise BadValue(f"its rule is longer than {LONGEST_RULE} characters")
        try:
            self._meet_start(where, account)
            self._drop_before_start(where, account)
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

    def _meet_start(self, where: str, account: Account) -> None:
        """Add the start as a date where the rule does not give it: a calendar shows it as well."""
        if not self.recurrence:
            return
        rule = Schedule(starts_at=self.starts_at, timezone=self.zone, recurrence=self.recurrence)
        first = to_utc(self.starts_at, self.zone)[0]
        if rule.after(first - SECOND) == first:
            return
        account.lose(
            where,
            "its rule does not give its start, and programs differ on that: the start is kept "
            "as a date of its own",
        )
        self.rdates.add(self.starts_at)
        self.recurrence = _one_less(self.recurrence)

    def _drop_before_start(self, where: str, account: Account) -> None:
        early = {wall for wall in self.rdates if wall < self.starts_at}
        if early:
            account.lose(where, f"{len(early)} of its RDATE: they lie before its start")
        self.rdates -= early

    def _newest(
        self, kind: str, walls: set[datetime], where: str, account: Account
    ) -> list[datetime]:
        kept = sorted(walls)[-MAX_DATES:]
        if len(kept) < len(walls):
            oldest = f"{len(walls) - len(kept)} oldest of its {kind} dates"
            account.lose(where, f"the {oldest}: a reminder has at most {MAX_DATES}")
        return kept


def timing(component: Component, home: str, zones: Zones, where: str, account: Account) -> Timing:
    """Take when a VEVENT or VTODO is. `home` is the zone of what has none. Raises BadValue."""
    start = start_of(component, zones)
    if start is None:
        raise BadValue("it has no start")
    rules = component.take_one("RRULE")
    zone = _zone(start, home, is_series=bool(rules) or "RDATE" in component.left)
    wall = start.wall_in(zone)
    if wall.year < FIRST_YEAR and rules and "COUNT=" not in rules.value.upper():
        # Birthdays without a year.
        wall = wall.replace(year=wall.year + CYCLE_YEARS)
    found = Timing(wall, zone, start.is_date)
    if rules:
        found.recurrence = _rule(rules.value, found)
    dates = [(prop, each) for prop in component.take("EXDATE") for each in prop.value.split(",")]
    found.exdates.update(_date(prop, each, found, zones) for prop, each in dates if each.strip())
    for prop in component.take("RDATE"):
        if "/" in prop.value:
            account.lose(where, "the lengths of its RDATE periods: a reminder has no length")
        begins = [each.partition("/")[0] for each in prop.value.split(",") if each.strip()]
        found.rdates.update(_date(prop, begin, found, zones) for begin in begins)
    return found


def start_of(component: Component, zones: Zones) -> Moment | None:
    """Take DTSTART, or DUE of a VTODO without one."""
    found = component.take_one("DTSTART")
    if found is None and component.name == "VTODO":
        found = component.take_one("DUE")
    return None if found is None else moment(found.value, zones.of(found))


def all_day(found: Timing, due: timedelta) -> None:
    """Have all of an all-day event due so long after midnight."""
    found.due = due
    found.exdates = {wall + due for wall in found.exdates}
    found.rdates = {wall + due for wall in found.rdates}


def one_of(found: Property, series: Timing | None, zones: Zones) -> Moment:
    """Return which one of a series a RECURRENCE-ID means."""
    if series is None:
        return moment(found.value, zones.of(found))
    return Moment(_date(found, found.value, series, zones), series.zone)


def _zone(start: Moment, home: str, *, is_series: bool) -> str:
    if start.zone is None:
        return home
    if start.zone != UTC_NAME or is_series:
        return start.zone
    # The same moment, told by the clock of who reads it; but for the hour that it shows twice.
    wall = local_time(start.instant(), home)
    return home if to_utc(wall, home) == [start.instant()] else UTC_NAME


def _date(prop: Property, value: str, series: Timing, zones: Zones) -> datetime:
    at = moment(value, zones.of(prop))
    if at.is_date and not series.is_date:
        # As some programs write it: what is on that day.
        return datetime.combine(at.wall, series.start.time())
    wall = at.wall_in(series.zone)
    return datetime.combine(wall, time.min) if series.is_date else wall


def _rule(value: str, series: Timing) -> str:
    parts = value.strip().upper().rstrip(";").split(";")
    for place, part in enumerate(parts):
        name, _, until = part.partition("=")
        if name.strip() == "UNTIL":
            parts[place] = f"UNTIL={_until(moment(until, None), series)}"
    return ";".join(part.strip() for part in parts if not part.startswith("X-"))


def _until(until: Moment, series: Timing) -> str:
    """A date means the whole of that day; of an all-day event the last day is meant."""
    if until.is_date or series.is_date:
        is_midnight = until.wall.time() == time.min
        day = until.wall if until.zone is None or is_midnight else until.wall_in(series.zone)
        return f"{datetime.combine(day, LAST_SECOND):%Y%m%dT%H%M%S}"
    return f"{until.wall:%Y%m%dT%H%M%S}{'Z' if until.zone else ''}"


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
