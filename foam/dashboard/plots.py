"""The plots of the front page: what is due, what was sent and failed, and how late it was."""

from collections.abc import Iterator
from datetime import tzinfo
from itertools import accumulate

from foam.dashboard import plot
from foam.dashboard.due import Due
from foam.dashboard.plot import Column, Plot
from foam.dashboard.state import attempts
from notifications import meter
from notifications.hours import HOUR, Hour
from notifications.models import Channel

NOT_COUNTED = "not counted"
BOUNDS = (*meter.LATENESS.bounds, float("inf"))
SHARES = (0.5, 0.95, 0.99)


def due(found: Due, zone: tzinfo) -> Plot:
    title, total = "Reminders due in the next 24 hours", sum(found.counts)
    if not total:
        return Plot("due", title, "No reminder is due in the next 24 hours.")
    about = "" if found.seen is None else "about "
    most, begins = max(found.counts), [found.begin + n * HOUR for n in range(len(found.counts))]
    busiest = begins[found.counts.index(most)]
    how = (
        "Each reminder counts once, when it speaks next."
        if found.seen is None
        else f"Estimated from a sample in which {found.seen:,} were found; each reminder counts "
        "once, when it speaks next."
    )
    told = [(plot.day_and_clock(at, zone), n) for at, n in zip(begins, found.counts, strict=True)]
    return Plot(
        "due",
        title,
        f"In all {about}{total:,}, most of them in the hour from {plot.clock(busiest, zone)} on: "
        f"{about}{most:,}. {how}",
        [Column(plot.up(n, most, "due"), f"{at}: {about}{n:,}") for at, n in told],
        plot.named(begins, zone),
        [f"{about}{most:,}"],
        [("Hour from", "Reminders due"), *((at, f"{about}{n:,}") for at, n in told)],
    )


def sent(hours: list[Hour], zone: tzinfo) -> Iterator[Plot]:
    """Yield a plot for each kind of channel by which anything was tried."""
    for kind in Channel.Kind:
        tried = [attempts(hour, kind.value) for hour in hours]
        went = [each["sent"] for each in tried]
        failed = [sum(each.values()) - each["sent"] for each in tried]
        if not any(went) and not any(failed):
            continue
        most_sent, most_failed = max(1, *went), max(1, *failed)
        # One measure for both.
        most = max(most_sent, most_failed * plot.ABOVE / (plot.HEIGHT - plot.ABOVE))
        below = most * (plot.HEIGHT - plot.ABOVE) / plot.ABOVE
        said = [
            (f"{n:,}", f"{bad:,}") if hour.counted_from else (NOT_COUNTED, NOT_COUNTED)
            for hour, n, bad in zip(hours, went, failed, strict=True)
        ]
        names = [_named(hour, zone) for hour in hours]
        yield Plot(
            kind.value,
            kind.label,
            f"{sum(went):,} sent, {sum(failed):,} failed attempts.",
            [
                Column(
                    plot.up(n, most, "sent", plot.ABOVE) + plot.down(bad, below, "failed"),
                    f"{name}: {told[0]} sent, {told[1]} failed",
                )
                for name, told, n, bad in zip(names, said, went, failed, strict=True)
            ],
            plot.named([hour.begin for hour in hours], zone),
            [f"{most_sent:,}"],
            [
                ("Hour from", "Sent", "Failed attempts"),
                *((name, *told) for name, told in zip(names, said, strict=True)),
            ],
            line=f"{plot.ABOVE:.2f}",
        )


def lateness(hours: list[Hour], zone: tzinfo) -> Plot:
    """Draw each hour from the bucket of its 50th percentile to those of its 95th and 99th."""
    title, counts = "How late messages were", [_late(hour) for hour in hours]
    in_all = [sum(each) for each in zip(*counts, strict=True)]
    if not sum(in_all):
        return Plot("lateness", title, "No message has been timed in the last 24 hours.")
    found = [[_bucket(each, share) for share in SHARES] for each in counts]
    columns, table = [], [("Hour from", "Half of them", "95 %", "99 %")]
    for hour, buckets in zip(hours, found, strict=True):
        name = _named(hour, zone)
        if buckets[0] is None:
            columns.append(Column([], f"{name}: nothing timed"))
            table.append((name, "", "", ""))
            continue
        half, most, nearly_all = (each or 0 for each in buckets)
        bars = plot.rows(half, most, len(BOUNDS), "late")
        if nearly_all > most:
            bars += plot.rows(most + 1, nearly_all, len(BOUNDS), "latest")
        told = (within(half), within(most), within(nearly_all))
        said = f"{name}: half {told[0]}, 95 % {told[1]}, 99 % {told[2]}"
        columns.append(Column(bars, said))
        table.append((name, *told))
    half, most, nearly_all = (_bucket(in_all, share) or 0 for share in SHARES)
    return Plot(
        "lateness",
        title,
        f"Of {sum(in_all):,} messages half were handed over {within(half)} of their time, 95 % "
        f"{within(most)}, 99 % {within(nearly_all)}.",
        columns,
        plot.named([hour.begin for hour in hours], zone),
        [_level(index) for index in reversed(range(len(BOUNDS)))],
        table,
    )


def _late(hour: Hour) -> list[int]:
    """Return how many messages fell into each bucket."""
    return [
        sum(hour.sums[meter.LATENESS.bucket(bound, kind=kind)] for kind in Channel.Kind.values)
        for bound in BOUNDS
    ]


def _bucket(counts: list[int], share: float) -> int | None:
    """Return which bucket holds the value that this share does not exceed; None of nothing."""
    total = sum(counts)
    reached = (index for index, upto in enumerate(accumulate(counts)) if upto >= share * total)
    return next(reached) if total else None


def within(bucket: int) -> str:
    """Say how late at most: the bucket's upper bound, as the meter knows no better."""
    bound = BOUNDS[bucket]
    return f"later than {_span(BOUNDS[-2])}" if bound == float("inf") else f"within {_span(bound)}"


def _level(bucket: int) -> str:
    """Name some of the heights: so many names are enough to read the others by."""
    bound = BOUNDS[bucket]
    if bound == float("inf"):
        return "later"
    return _span(bound) if bound in {0.1, 1, 10, 60, 3600} else ""


def _span(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _named(hour: Hour, zone: tzinfo) -> str:
    name = plot.day_and_clock(hour.begin, zone)
    is_part = hour.counted_from and hour.counted_from - hour.begin > HOUR / 60
    return f"{name} (from {plot.clock(hour.counted_from, zone)} on)" if is_part else name
