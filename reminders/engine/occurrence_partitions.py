"""Partitions of the occurrences: a UTC month of due instants each."""

from datetime import UTC, datetime, timedelta

from notifications.operations.partitions import PartitionedTable

OCCURRENCES = PartitionedTable("reminders_occurrence", "due_at", datetime.fromisoformat)

# Partitions are made for the present month and this many after it.
MONTHS_AHEAD = 2
NEEDED = "SELECT FROM {partition}"


def make_ahead(now: datetime, limit: timedelta | None = None) -> None:
    """Make the partitions of the present month and of MONTHS_AHEAD."""
    for number in range(MONTHS_AHEAD + 1):
        first = month(now, number)
        if not OCCURRENCES.is_covered(first):
            OCCURRENCES.make(first, month(now, number + 1), f"{first:%Y_%m}", limit)


def drop_old(before: datetime) -> None:
    """Drop the empty partitions of months that ended `before`."""
    for partition in OCCURRENCES.partitions():
        if partition.upper <= before:
            OCCURRENCES.drop(partition, NEEDED)


def is_missing(now: datetime) -> bool:
    """Return whether what is due in the next month goes to the default partition."""
    return not OCCURRENCES.is_covered(month(now, 1))


def month(at: datetime, number: int) -> datetime:
    """Return the first instant of the UTC month `number` months after that of an instant."""
    months = at.astimezone(UTC).year * 12 + at.astimezone(UTC).month - 1 + number
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
