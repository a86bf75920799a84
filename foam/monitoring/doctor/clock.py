"""Checks of clocks: this machine against database and broker, and the age of the tz rules."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from redis import RedisError

from accounts.timezones import tzdata_version
from foam.monitoring.doctor.broker import redis
from foam.monitoring.doctor.database import rows
from foam.monitoring.doctor.finding import Check, Finding, fail, ok, warn

CLOCK, RULES = "clock", "time zones"
OFF, FAR_OFF = timedelta(seconds=1), timedelta(seconds=30)
# tzdata has several releases a year.
OLD = timedelta(days=400)


def look_at_clock(now: datetime) -> Iterator[Finding]:
    yield from _compare("PostgreSQL", _postgres_time())
    try:
        with redis() as server:
            seconds, micros = server.time()
    except RedisError:
        return
    yield from _compare("Redis", datetime.fromtimestamp(seconds + micros / 1e6, UTC))


def _postgres_time() -> datetime:
    rows("SELECT 1")  # So that the next query does not include the time to connect.
    ((at,),) = rows("SELECT clock_timestamp()")
    return at


def _compare(server: str, at: datetime) -> Iterator[Finding]:
    skew = datetime.now(UTC) - at
    if abs(skew) <= OFF:
        yield ok(CLOCK, f"This machine and {server} agree to {abs(skew).total_seconds():.2f} s.")
        return
    direction = "ahead of" if skew > timedelta(0) else "behind"
    tell = fail if abs(skew) > FAR_OFF and server == "PostgreSQL" else warn
    yield tell(
        CLOCK,
        f"This machine is {abs(skew).total_seconds():.1f} s {direction} {server}'s: reminders fire "
        "by the clock of the worker's machine.",
        "Run NTP on every machine: timedatectl set-ntp true",
    )


def look_at_rules(now: datetime) -> Iterator[Finding]:
    version = tzdata_version()
    year = re.match(r"\d{4}", version)
    if year and now - datetime(int(year[0]), 1, 1, tzinfo=UTC) > OLD + timedelta(days=365):
        yield warn(
            RULES,
            f"The rules of time zones are of {version}: countries have changed theirs since.",
            "Upgrade tzdata (requirements/base.txt), then: python manage.py replan",
        )
        return
    yield ok(RULES, f"tzdata {version}.")


CHECKS = [Check(CLOCK, look_at_clock), Check(RULES, look_at_rules)]
