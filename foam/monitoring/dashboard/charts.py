"""The plots of the front page: reminders due, messages sent and failed, and their lateness."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import tzinfo
from itertools import accumulate

from foam.monitoring.dashboard import sampling, svg
from foam.monitoring.dashboard.due import DueForecast
from foam.monitoring.dashboard.state import count_attempts
from foam.monitoring.dashboard.svg import Bar, Plot, PlotColumn
from notifications.metrics import store
from notifications.metrics.hourly import HOUR, Hour
from notifications.models import Channel

NOT_COUNTED = "not counted"
BOUNDS = (*store.LATENESS.bounds, float("inf"))
SHARES = (0.5, 0.95, 0.99)


def draw_due(forecast: DueForecast, zone: tzinfo) -> Plot:
    """Return the plot of reminders due in each of the next 24 hours."""
    title, counts = "Reminders due in the next 24 hours", forecast.counts
    total = sum(counts)
    if not total:
        return Plot("due", title, "No reminder is due in the next 24 hours.")
    most, begins = max(counts), [forecast.begin + n * HOUR for n in range(len(counts))]
    busiest = begins[counts.index(most)]
    method = (
        "Each reminder is counted once, at its next due time."
        if forecast.sample_size is None
        else f"Estimated from a sample in which {forecast.sample_size:,} were found; each reminder "
        "is counted once, at its next due time."
    )
    hours = [(svg.day_and_clock(at, zone), n) for at, n in zip(begins, counts, strict=True)]
    return Plot(
        "due",
        title,
        f"In all {_format_count(total, forecast)}. The busiest hour, from "
        f"{svg.clock(busiest, zone)} on, has {_format_count(most, forecast)}. {method}",
        [
            PlotColumn(svg.up(n, most, "due"), f"{at}: {_format_count(n, forecast)}")
            for at, n in hours
        ],
        svg.hour_labels(begins, zone),
        [_format_count(most, forecast)],
        [("Hour from", "Reminders due"), *((at, _format_count(n, forecast)) for at, n in hours)],
    )


def _format_count(number: int, forecast: DueForecast) -> str:
    return sampling.format_count(number, is_exact=forecast.sample_size is None)


def draw_sent(hours: list[Hour], zone: tzinfo) -> Iterator[Plot]:
    """Yield a plot of sent messages and failed attempts for each kind of channel that had any."""
    names = [_hour_name(hour, zone) for hour in hours]
    for kind in Channel.Kind:
        outcomes = [count_attempts(hour, kind.value) for hour in hours]
        sent = [counts["sent"] for counts in outcomes]
        failed = [sum(counts.values()) - counts["sent"] for counts in outcomes]
        if not any(sent) and not any(failed):
            continue
        # Both directions have one scale: `most` messages fill the room above the line.
        below = (svg.HEIGHT - svg.ABOVE) / svg.ABOVE
        most = max(1, *sent, *(n / below for n in failed))
        columns, table = [], [("Hour from", "Sent", "Failed attempts")]
        for hour, name, n, bad in zip(hours, names, sent, failed, strict=True):
            if hour.counted_from is None:
                columns.append(_unknown(name))
                table.append((name, NOT_COUNTED, NOT_COUNTED))
                continue
            bars = svg.up(n, most, "sent", svg.ABOVE) + svg.down(bad, most * below, "failed")
            columns.append(PlotColumn(bars, f"{name}: {n:,} sent, {bad:,} failed"))
            table.append((name, f"{n:,}", f"{bad:,}"))
        yield Plot(
            kind.value,
            kind.label,
            f"{sum(sent):,} sent, {sum(failed):,} failed attempts.",
            columns,
            svg.hour_labels([hour.begin for hour in hours], zone),
            [f"{most:,.0f}"],
            table,
            line=f"{svg.ABOVE:.2f}",
        )


def draw_lateness(hours: list[Hour], zone: tzinfo) -> Plot:
    """Return the plot of each hour's lateness: a bar from its 50th to its 95th and 99th percentile.

    Heights are the buckets of the histogram, not seconds.
    """
    title, counts = "How late messages were", [_late(hour) for hour in hours]
    in_all = [sum(bucket) for bucket in zip(*counts, strict=True)]
    if not sum(in_all):
        return Plot("lateness", title, "No message has been timed in the last 24 hours.")
    columns: list[PlotColumn] = []
    table: list[tuple[str, ...]] = [("Hour from", "Half of them", "95 %", "99 %")]
    for hour, counted in zip(hours, counts, strict=True):
        name = _hour_name(hour, zone)
        if not sum(counted):
            is_known = hour.counted_from is not None
            columns.append(PlotColumn([], f"{name}: nothing timed") if is_known else _unknown(name))
            table.append((name, *("–" if is_known else NOT_COUNTED for _ in SHARES)))
            continue
        steps = _percentiles(counted)
        limits = [format_at_most(step) for step in steps]
        text = f"{name}: half {limits[0]} late, 95 % {limits[1]}, 99 % {limits[2]}"
        columns.append(PlotColumn(_rows(*steps), text))
        table.append((name, *limits))
    half, most, nearly_all = (format_at_most(step) for step in _percentiles(in_all))
    return Plot(
        "lateness",
        title,
        f"Of {sum(in_all):,} messages half were {half} late, 95 % {most}, 99 % {nearly_all}.",
        columns,
        svg.hour_labels([hour.begin for hour in hours], zone),
        [_level(step) for step in reversed(range(len(BOUNDS)))],
        table,
    )


def _unknown(name: str) -> PlotColumn:
    return PlotColumn(svg.rows(0, 0, 1, "unknown"), f"{name}: {NOT_COUNTED}")


def _rows(half: int, most: int, nearly_all: int) -> list[Bar]:
    bars = svg.rows(half, most, len(BOUNDS), "late")
    return [*bars, *svg.rows(most + 1, nearly_all, len(BOUNDS), "latest")]


def _late(hour: Hour) -> list[int]:
    """Return the number of messages in each bucket of the lateness histogram."""
    return [
        sum(hour.sums[store.LATENESS.bucket(bound, kind=kind)] for kind in Channel.Kind.values)
        for bound in BOUNDS
    ]


def _percentiles(counts: list[int]) -> list[int]:
    """Return for each of SHARES the index of the bucket that holds this percentile."""
    upto = list(accumulate(counts))
    return [bisect_left(upto, share * upto[-1]) for share in SHARES]


def format_at_most(step: int) -> str:
    """Return the upper bound of a bucket as text: "at most 1 s", "more than 1 h"."""
    bound = BOUNDS[step]
    return f"more than {_span(BOUNDS[-2])}" if bound == float("inf") else f"at most {_span(bound)}"


def _level(step: int) -> str:
    """Return the label of a bucket's height: 0.1 s, 1 s, 10 s, 1 min and the last; else ""."""
    bound = BOUNDS[step]
    if bound == float("inf"):
        return f"over {_span(BOUNDS[-2])}"
    return _span(bound) if bound in {0.1, 1, 10, 60} else ""


def _span(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _hour_name(hour: Hour, zone: tzinfo) -> str:
    name = svg.day_and_clock(hour.begin, zone)
    since = hour.counted_from or hour.begin
    is_part = since - hour.begin > HOUR / 60
    return f"{name} (from {svg.clock(since, zone)} on)" if is_part else name
