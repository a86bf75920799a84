"""The cost of a reminder in the quotas of its owner: rows, bytes of words, messages a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from reminders.recurrence.cron import Cron
from reminders.recurrence.grammar import Recurrence, parse
from reminders.recurrence.rrule import Freq

DAY = timedelta(days=1)
MINUTES, HOURS = 60, 24
# About the size of a row of history, and of a date in it.
HISTORY_BYTES, DATE_BYTES = 500, 24

EXACT = """
SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(*),
    coalesce(sum(octet_length(title) + octet_length(body)
        + octet_length(array_to_string(tags, ''))
        + pg_column_size(exdates) + pg_column_size(rdates)), 0) + (
        SELECT coalesce(sum(pg_column_size(c.before) + coalesce(pg_column_size(c.diff), 0)), 0)
        FROM reminders_change c
        JOIN reminders_reminder o ON o.id = c.reminder_id
        WHERE o.owner_id = %(user)s
    ),
    coalesce(sum(daily_messages) FILTER (WHERE deleted_at IS NULL AND status <> 'finished'), 0)
FROM reminders_reminder r JOIN reminders_plan p ON p.reminder_id = r.id
WHERE r.owner_id = %(user)s
"""


def count_use(user_id: int) -> dict[str, int]:
    """Return the exact use of the quotas of reminders by a user, by name."""
    with connection.cursor() as cursor:
        cursor.execute(EXACT, {"user": user_id})
        row = cursor.fetchone()
    names = ("reminders", "stored_reminders", "word_bytes", "daily_messages")
    return dict(zip(names, map(int, row), strict=True))


def cost_of_new(reminder: Any) -> dict[str, int]:
    """Return what a new reminder adds to the counted quotas."""
    return {
        "reminders": 1,
        "stored_reminders": 1,
        "word_bytes": word_bytes(reminder),
        "daily_messages": reminder.daily_messages,
    }


def cost_of_edit(stored: Any, edited: Any) -> dict[str, int]:
    """Return what an edit adds: longer words, and a row of history with the schedule of before."""
    growth = max(0, word_bytes(edited) - word_bytes(stored))
    return {
        "word_bytes": growth + HISTORY_BYTES + _date_bytes(stored),
        "daily_messages": edited.daily_messages - stored.daily_messages,
    }


def word_bytes(reminder: Any) -> int:
    texts = (reminder.title, reminder.body, *reminder.tags)
    return sum(len(text.encode()) for text in texts) + _date_bytes(reminder)


def _date_bytes(reminder: Any) -> int:
    return DATE_BYTES * (len(reminder.exdates) + len(reminder.rdates))


def daily_messages(reminder: Any, channel_count: int) -> int:
    """Return how many messages a reminder sends at most on a day: with leads and nags, by channel.

    A reminder that fires once counts 0, as it sends nothing for long.
    """
    times = times_a_day(parse(reminder.recurrence), reminder.rdates)
    nags = min(reminder.nag_max, DAY // reminder.nag_every) if reminder.nag_every else 0
    return times * len(reminder.leads) * (1 + nags) * max(1, channel_count)


def times_a_day(recurrence: Recurrence, rdates: Sequence[datetime]) -> int:
    """Return an upper bound of the occurrences on a day, cheaply from the parts of the rule."""
    added = _busiest_day(sorted(rdates))
    if recurrence is None:
        return added
    if isinstance(recurrence, Cron):
        return len(recurrence.minutes) * len(recurrence.hours) + added
    rule = recurrence
    hours, minutes = len(rule.by_hour), len(rule.by_minute)
    seconds = max(1, len(rule.by_second))
    if rule.freq is Freq.MINUTELY:
        # An interval of 7 minutes fires up to nine times in an hour.
        times = min(-(-MINUTES * HOURS // rule.interval), (hours or HOURS) * (minutes or MINUTES))
        times *= min(seconds, len(rule.by_set_pos) or seconds)
    elif rule.freq is Freq.HOURLY:
        of_hour = max(1, minutes) * seconds
        of_hour = min(of_hour, len(rule.by_set_pos) or of_hour)
        times = min(-(-HOURS // rule.interval), hours or HOURS) * of_hour
    else:
        times = max(1, hours) * max(1, minutes) * seconds
        times = min(times, len(rule.by_set_pos) or times)
    return min(times, rule.count or times) + added


def _busiest_day(times: Sequence[datetime]) -> int:
    """Return the most of these sorted times within 24 hours."""
    first = most = 0
    for place, time in enumerate(times):
        while time - times[first] >= DAY:
            first += 1
        most = max(most, place - first + 1)
    return most
