"""The ledger of deliveries: what was posted, what became of it, and whether that adds up.

It reads only; within `snapshot` no batch is committed between two of its queries. What FOAM sends
through its own channel, 0, is counted nowhere.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import (
    CharField,
    Count,
    Exists,
    F,
    Func,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Left, TruncDate

from notifications.models import Channel, Delivery, Tally
from notifications.models.delivery import EPOCH

END = datetime.max.replace(tzinfo=UTC)
EXAMPLES = 5
# What follows a colon differs from one to the next: as many reasons as rows tell nothing.
CAUSE = Left(
    Func("reason", Value(":"), Value(1), function="split_part", output_field=CharField()), 100
)

# A hash or a merge would read the other table whole: all attempts for those of a week.
BY_LOOKING_UP = """
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_material = off;
SET LOCAL enable_mergejoin = off
"""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` until before `until`."""

    since: datetime = EPOCH
    until: datetime = END

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last UTC day of which it has a part."""
        return self.since.date(), (self.until - timedelta(microseconds=1)).date()

    def has(self, field: str) -> Q:
        return Q(**{f"{field}__gte": self.since, f"{field}__lt": self.until})

    def touches(self, field: str) -> Q:
        """As `has`, but whole days: the tally counts by these."""
        first, last = self.days
        begin = datetime.combine(first, time.min, UTC)
        return Q(**{f"{field}__gte": begin, f"{field}__lte": datetime.combine(last, time.max, UTC)})


@contextmanager
def snapshot() -> Iterator[None]:
    """Let the queries within see one state of the database, and write nothing."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def look_up(period: Period) -> None:
    """Have the rest of the transaction read only rows of a period, and what belongs to each.

    Of all time, or for sums by owner, the planner's own way is the faster one.
    """
    if period.since > EPOCH:
        with connection.cursor() as cursor:
            cursor.execute(BY_LOOKING_UP)


@dataclass(frozen=True, slots=True)
class Imbalance:
    """What does not add up: in words, of how many rows, and the ids of a few of them."""

    text: str
    count: int
    examples: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What became of what was posted; `pruned` of them are no longer there."""

    sent: int
    dead: dict[str, int]
    cancelled: dict[str, int]
    collected: dict[str, int]
    queued: int
    sending: int
    pruned: int

    @property
    def posted(self) -> int:
        ended = (self.dead, self.cancelled, self.collected)
        return self.sent + sum(sum(each.values()) for each in ended) + self.pending

    @property
    def pending(self) -> int:
        return self.queued + self.sending


def read(period: Period, owner: Any = None) -> tuple[Deliveries, list[Imbalance]]:
    """Return what became of the deliveries made in `period`, and what is wrong with them.

    The tally, and the sums of what was pruned, are kept by day and for all owners together. So a
    day of which `period` has a part counts its pruned rows whole, and for one `owner` only the
    rows that are still there are counted and checked.
    """
    rows = by_day(counted(owner), period, "created_at", "status", CAUSE)
    tally = [] if owner else tallied(Tally, period)
    sums = sums_of(rows, tally)
    deliveries = Deliveries(
        sent=sums["sent"].total(),
        dead=dict(+sums["dead"]),
        cancelled=dict(+sums["cancelled"]),
        collected=dict(+sums["collected"]),
        queued=sums["queued"].total(),
        sending=sums["sending"].total(),
        pruned=sum(pruned for *_, pruned in tally),
    )
    missing = [] if owner else untallied(rows, tally, "deliveries were posted")
    return deliveries, [*missing, *_wrong(period, owner)]


def counted(owner: Any = None) -> QuerySet[Delivery]:
    """The deliveries that the ledger counts."""
    deliveries = Delivery.objects.exclude_system()
    return deliveries.filter(channel__owner=owner) if owner else deliveries


# (day, status, reason, rows in the period, rows in the whole day)
Row = tuple[date, str, str, int, int]
# (day, status, reason, recorded, pruned)
Told = tuple[date, str, str, int, int]


def by_day(rows: QuerySet, period: Period, field: str, status: Any, reason: Any) -> list[Row]:
    """Count rows by the UTC day of `field`, status and reason, in one pass over the period."""
    grouped = rows.filter(period.touches(field)).values_list(
        TruncDate(field, tzinfo=UTC), status, reason
    )
    return list(grouped.annotate(has=Count("pk", filter=period.has(field)), all=Count("pk")))


def tallied(tally: Any, period: Period) -> list[Told]:
    """Add up what the tally says of each day of which `period` has a part."""
    told = tally.objects.filter(day__range=period.days).values_list("day", "status", "reason")
    return list(told.annotate(of_recorded=Sum("recorded"), of_pruned=Sum("pruned")))


def sums_of(rows: Iterable[Row], tally: Iterable[Told]) -> dict[str, Counter[str]]:
    """Add up, by status and reason, the rows in the period and those that were pruned."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for _, status, reason, count, _ in rows:
        sums[status][reason] += count
    for _, status, reason, _, pruned in tally:
        sums[status][reason] += pruned
    return sums


def untallied(rows: Iterable[Row], tally: Iterable[Told], were: str) -> Iterator[Imbalance]:
    """Compare, by day, what was recorded with what is there and what was pruned."""
    recorded, there, pruned = Counter[date](), Counter[date](), Counter[date]()
    for day, _, _, _, count in rows:
        there[day] += count
    for day, _, _, of_recorded, of_pruned in tally:
        recorded[day] += of_recorded
        pruned[day] += of_pruned
    for day in sorted({*recorded, *there}):
        if difference := recorded[day] - there[day] - pruned[day]:
            yield Imbalance(
                f"On {day} {recorded[day]} {were}, but {there[day]} are there and {pruned[day]} "
                "were pruned.",
                abs(difference),
            )


def _wrong(period: Period, owner: Any) -> Iterator[Imbalance]:
    made = counted(owner).filter(period.has("created_at"))
    channels = Channel.objects.filter(pk=OuterRef("channel_id"))
    yield from found("Deliveries whose channel is not there.", made.filter(~Exists(channels)))
    digests = Delivery.objects.filter(
        pk=OuterRef("digest_id"), channel_id=OuterRef("channel_id"), digest=None
    )
    yield from found(
        "Collected deliveries whose digest is not there.",
        made.filter(status="collected").filter(~Exists(digests)),
    )
    tried = made.annotate(
        tries=Count("attempts"),
        last=Coalesce(Max("attempts__number"), 0),
        accepted=Count("attempts", Q(attempts__outcome="sent", attempts__number=F("attempt"))),
    )
    yield from found(
        "Deliveries whose attempts do not add up with what became of them.", tried.filter(~ADDS_UP)
    )


def by_owner(period: Period) -> QuerySet:
    """Return how many deliveries of each owner's were made in `period`, by what became of them."""
    made = counted().filter(period.has("created_at")).values(owner=F("channel__owner__username"))
    return made.annotate(
        sent=Count("pk", Q(status="sent")),
        dead=Count("pk", Q(status="dead")),
        cancelled=Count("pk", Q(status="cancelled")),
        collected=Count("pk", Q(status="collected")),
        pending=Count("pk", Q(status__in=["queued", "sending"])),
    )


def found(text: str, rows: QuerySet) -> Iterator[Imbalance]:
    """Yield an imbalance when there are such rows."""
    if count := rows.count():
        examples = rows.order_by("pk").values_list("pk", flat=True)[:EXAMPLES]
        yield Imbalance(text, count, tuple(examples))


# The attempt under way is recorded when it ends. One cancelled meanwhile may have been under way.
_ENDED = Q(tries=F("attempt"), last=F("attempt"))
_UNDER_WAY = Q(tries=F("attempt") - 1, last=F("attempt") - 1)
ADDS_UP = (
    (Q(status__in=["queued", "dead"]) & _ENDED)
    | (Q(status="sent", accepted=1) & _ENDED)
    | (Q(status="sending") & _UNDER_WAY)
    | (Q(status="cancelled") & (_ENDED | _UNDER_WAY))
    | Q(status="collected", tries=0, attempt=0)
)
