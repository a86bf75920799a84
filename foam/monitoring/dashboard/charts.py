"""The plots of the front page: what is due, what was sent and failed, and how late it was."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import tzinfo
from itertools import accumulate

from foam.monitoring.dashboard import sampling, svg
from foam.monitoring.dashboard.due import Due
from foam.monitoring.dashboard.state import attempts
from foam.monitoring.dashboard.svg import Bar, Column, Plot
from notifications.metrics import store
from notifications.metrics.hourly import HOUR, Hour
from notifications.models import Channel

NOT_COUNTED = "not counted"
BOUNDS = (*store.LATENESS.bounds, float("inf"))
SHARES = (0.5, 0.95, 0.99)


def due(found: Due, zone: tzinfo) -> Plot:
    title, total = "Reminders due in the next 24 hours", sum(found.counts)
    if not total:
        return Plot("due", title, "No reminder is due in the next 24 hours.")
    most, begins = max(found.counts), [found.begin + n * HOUR for n in range(len(found.counts))]
    busiest = begins[found.counts.index(most)]
    how = (
        "Each reminder is counted once, at its next due time."
        if found.seen is None
        else f"Estimated from a sample in which {found.seen:,} were found; each reminder is "
        "counted once, at its next due time."
    )
    told = [(svg.day_and_clock(at, zone), n) for at, n in zip(begins, found.counts, strict=True)]
    return Plot(
        "due",
        title,
        f"In all {_many(total, found)}. The busiest hour, from {svg.clock(busiest, zone)} on, has "
        f"{_many(most, found)}. {how}",
        [Column(svg.up(n, most, "due"), f"{at}: {_many(n, found)}") for at, n in told],
        svg.named(begins, zone),
        [_many(most, found)],
        [("Hour from", "Reminders due"), *((at, _many(n, found)) for at, n in told)],
    )


def _many(number: int, found: Due) -> str:
    return sampling.many(number, is_exact=found.seen is None)


def sent(hours: list[Hour], zone: tzinfo) -> Iterator[Plot]:
    """Yield a plot for each kind of channel by which anything was tried."""
    names = [_named(hour, zone) for hour in hours]
    for kind in Channel.Kind:
        tried = [attempts(hour, kind.value) for hour in hours]
        went = [each["sent"] for each in tried]
        failed = [sum(each.values()) - each["sent"] for each in tried]
        if not any(went) and not any(failed):
            continue
        # One measure for both: so much is as high as the room above the line.
        below = (svg.HEIGHT - svg.ABOVE) / svg.ABOVE
        most = max(1, *went, *(n / below for n in failed))
        columns, table = [], [("Hour from", "Sent", "Failed attempts")]
        for hour, name, n, bad in zip(hours, names, went, failed, strict=True):
            if hour.counted_from is None:
                columns.append(_unknown(name))
                table.append((name, NOT_COUNTED, NOT_COUNTED))
                continue
            bars = svg.up(n, most, "sent", svg.ABOVE) + svg.down(bad, most * below, "failed")
            columns.append(Column(bars, f"{name}: {n:,} sent, {bad:,} failed"))
            table.append((name, f"{n:,}", f"{bad:,}"))
        yield Plot(
            kind.value,
            kind.label,
            f"{sum(went):,} sent, {sum(failed):,} failed attempts.",
            columns,
            svg.named([hour.begin for hour in hours], zone),
            [f"{most:,.0f}"],
            table,
            line=f"{svg.ABOVE:.2f}",
        )


def lateness(hours: list[Hour], zone: tzinfo) -> Plot:
    """Draw each hour from the step of its 50th percentile to those of its 95th and 99th."""
    title, counts = "How late messages were", [_late(hour) for hour in hours]
    in_all = [sum(each) for each in zip(*counts, strict=True)]
    if not sum(in_all):
        return Plot("lateness", title, "No message has been timed in the last 24 hours.")
    columns: list[Column] = []
    table: list[tuple[str, ...]] = [("Hour from", "Half of them", "95 %", "99 %")]
    for hour, counted in zip(hours, counts, strict=True):
        name = _named(hour, zone)
        if not sum(counted):
            is_known = hour.counted_from is not None
            columns.append(Column([], f"{name}: nothing timed") if is_known else _unknown(name))
            table.append((name, *("–" if is_known else NOT_COUNTED for _ in SHARES)))
            continue
        steps = _percentiles(counted)
        told = [at_most(step) for step in steps]
        said = f"{name}: half {told[0]} late, 95 % {told[1]}, 99 % {told[2]}"
        columns.append(Column(_rows(*steps), said))
        table.append((name, *told))
    half, most, nearly_all = (at_most(step) for step in _percentiles(in_all))
    return Plot(
        "lateness",
        title,
        f"Of {sum(in_all):,} messages half were {half} late, 95 % {most}, 99 % {nearly_all}.",
        columns,
        svg.named([hour.begin for hour in hours], zone),
        [_level(step) for step in reversed(range(len(BOUNDS)))],
        table,
    )


def _unknown(name: str) -> Column:
    return Column(svg.rows(0, 0, 1, "unknown"), f"{name}: {NOT_COUNTED}")


def _rows(half: int, most: int, nearly_all: int) -> list[Bar]:
    bars = svg.rows(half, most, len(BOUNDS), "late")
    return [*bars, *svg.rows(most + 1, nearly_all, len(BOUNDS), "latest")]


def _late(hour: Hour) -> list[int]:
    """Return how many messages fell into each of the meter's steps."""
    return [
        sum(hour.sums[store.LATENESS.bucket(bound, kind=kind)] for kind in Channel.Kind.values)
        for bound in BOUNDS
    ]


def _percentiles(counts: list[int]) -> list[int]:
    """Return which step holds the value that each of SHARES does not exceed."""
    upto = list(accumulate(counts))
    return [bisect_left(upto, share * upto[-1]) for share in SHARES]


def at_most(step: int) -> str:
    """Say how late at most: by the end of the step, as the meter knows no better."""
    bound = BOUNDS[step]
    return f"more than {_span(BOUNDS[-2])}" if bound == float("inf") else f"at most {_span(bound)}"


def _level(step: int) -> str:
    """Name some of the heights: so many names are enough to read the others by."""
    bound = BOUNDS[step]
    if bound == float("inf"):
        return f"over {_span(BOUNDS[-2])}"
    return _span(bound) if bound in {0.1, 1, 10, 60} else ""


def _span(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _named(hour: Hour, zone: tzinfo) -> str:
    name = svg.day_and_clock(hour.begin, zone)
    since = hour.counted_from or hour.begin
    is_part = since - hour.begin > HOUR / 60
    return f"{name} (from {svg.clock(since, zone)} on)" if is_part else name
