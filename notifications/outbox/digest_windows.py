"""The windows in which a channel collects messages for a digest, by its owner's clock. Pure."""

from datetime import UTC, datetime, time, timedelta

from accounts.timezones import steady_until, zone

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def end_of_day(instant: datetime, timezone: str, at: time) -> datetime:
    """Return when the clock there next shows `at`, after `instant`.

    One that the clock skips is as much later (02:30 is 03:30); one that it shows twice counts once.
    """
    here = zone(timezone)
    day = instant.astimezone(here).date() - DAY
    while (end := datetime.combine(day, at, here).astimezone(UTC)) <= instant:
        day += DAY
    return end


def end_of_window(instant: datetime, timezone: str, every: timedelta) -> datetime:
    """Return when the window that `instant` lies in ends.

    Windows are counted from midnight by the clock on the wall, and the last one ends at midnight:
    every 6 h is at 6, 12, 18 and 24 o'clock, also on a day of 23 hours.
    """
    here, at = zone(timezone), instant
    wall = at.astimezone(here).replace(tzinfo=None)
    window = _window(wall, every)
    while _window(wall, every) == window:
        midnight = datetime.combine(wall, time.min)
        end = min(midnight + (window[1] + 1) * every, midnight + DAY)
        # Where the clock is set meanwhile, what it shows then decides.
        at = steady_until(here, at, at + (end - wall))
        wall = at.astimezone(here).replace(tzinfo=None)
    return at


def _window(wall: datetime, every: timedelta) -> tuple[int, int]:
    return wall.toordinal(), (wall - datetime.combine(wall, time.min)) // every


def hour_of(instant: datetime) -> datetime:
    """Return the beginning of the hour, of UTC, that `instant` lies in."""
    return instant.replace(minute=0, second=0, microsecond=0)
