"""The windows in which a channel collects messages for a digest, in its owner's time. Pure."""

from datetime import UTC, datetime, time, timedelta

from accounts.timezones import steady_until, zone

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def end_of_day(instant: datetime, timezone: str, at: time) -> datetime:
    """Return the next instant after `instant` at which local time is `at`.

    In a DST gap it moves with the clock (02:30 becomes 03:30); in a fold it counts once.
    """
    local_zone = zone(timezone)
    day = instant.astimezone(local_zone).date() - DAY
    while (end := datetime.combine(day, at, local_zone).astimezone(UTC)) <= instant:
        day += DAY
    return end


def end_of_window(instant: datetime, timezone: str, every: timedelta) -> datetime:
    """Return the end of the window that contains `instant`.

    Windows are counted from midnight in local time, and the last one of a day ends at midnight:
    every 6 h ends at 6, 12, 18 and 24 o'clock, even on a day of 23 hours.
    """
    local_zone, at = zone(timezone), instant
    local_time = at.astimezone(local_zone).replace(tzinfo=None)
    window = _window(local_time, every)
    while _window(local_time, every) == window:
        midnight = datetime.combine(local_time, time.min)
        end = min(midnight + (window[1] + 1) * every, midnight + DAY)
        # A DST change within the window changes its length: the local time after it decides.
        at = steady_until(local_zone, at, at + (end - local_time))
        local_time = at.astimezone(local_zone).replace(tzinfo=None)
    return at


def _window(local_time: datetime, every: timedelta) -> tuple[int, int]:
    return local_time.toordinal(), (local_time - datetime.combine(local_time, time.min)) // every


def hour_of(instant: datetime) -> datetime:
    """Return the beginning of the UTC hour that contains `instant`."""
    return instant.replace(minute=0, second=0, microsecond=0)
