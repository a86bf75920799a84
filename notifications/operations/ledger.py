"""The ledger of deliveries: counts them by their end, and reports imbalances.

It only reads. Within `snapshot`, its queries see one state of the database. Deliveries to FOAM's
own channel, 0, are not counted.
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

from notifications.models import Channel, Delivery, DeliveryTally
from notifications.models.delivery import EPOCH

END = datetime.max.replace(tzinfo=UTC)
EXAMPLES = 5
# The reason up to a colon: the rest differs between rows, and would make one group of each.
REASON = Left(
    Func("reason", Value(":"), Value(1), function="split_part", output_field=CharField()), 100
)

# A hash or merge join would read all attempts for the deliveries of a week.
LOOKUP_SETTINGS = """
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_material = off;
SET LOCAL enable_mergejoin = off
"""


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `since`, included, to `until`, excluded."""

    since: datetime = EPOCH
    until: datetime = END

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last UTC day that the period overlaps."""
        return self.since.date(), (self.until - timedelta(microseconds=1)).date()

    def has(self, field: str) -> Q:
        return Q(**{f"{field}__gte": self.since, f"{field}__lt": self.until})

    def touches(self, field: str) -> Q:
        """Return the condition for all days that the period overlaps: the tally counts by day."""
        first, last = self.days
        begin = datetime.combine(first, time.min, UTC)
        return Q(**{f"{field}__gte": begin, f"{field}__lte": datetime.combine(last, time.max, UTC)})


@contextmanager
def snapshot() -> Iterator[None]:
    """Open a read-only transaction whose queries all see the same state of the database."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def look_up(period: Period) -> None:
    """Make PostgreSQL join by index lookups for the rest of the transaction, if a period is given.

    For all time, and for sums by owner, the planner's own choice is faster.
    """
    if period.since > EPOCH:
        with connection.cursor() as cursor:
            cursor.execute(LOOKUP_SETTINGS)


@dataclass(frozen=True, slots=True)
class Imbalance:
    """A sentence about rows that do not add up, their number, and a few ids."""

    text: str
    count: int
    examples: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The numbers of deliveries by end and reason; `pruned` of them are deleted."""

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
        return self.sent + sum(sum(reasons.values()) for reasons in ended) + self.pending

    @property
    def pending(self) -> int:
        return self.queued + self.sending


def read(period: Period, owner: Any = None) -> tuple[Deliveries, list[Imbalance]]:
    """Return the counts and the imbalances of the deliveries created in `period`.

    The tally and its pruned rows are by day and for all owners together. So a day that `period`
    overlaps counts all its pruned rows, and for one `owner` only existing rows are counted.

    1. Count the existing rows by day, status and reason.
    2. Add the pruned rows of the tally.
    3. Compare the rows with the tally by day.
    4. Check channels, digests and attempts of the rows.
    """
    rows = by_day(counted(owner), period, "created_at", "status", REASON)
    tally = [] if owner else tallied(DeliveryTally, period)
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
    return deliveries, [*missing, *_inconsistent(period, owner)]


def counted(owner: Any = None) -> QuerySet[Delivery]:
    """Return the deliveries that the ledger counts."""
    deliveries = Delivery.objects.exclude_system()
    return deliveries.filter(channel__owner=owner) if owner else deliveries


# Day, status, reason, rows in the period, rows in the whole day.
DayCount = tuple[date, str, str, int, int]
# Day, status, reason, recorded, pruned.
TallyCount = tuple[date, str, str, int, int]


def by_day(rows: QuerySet, period: Period, field: str, status: Any, reason: Any) -> list[DayCount]:
    """Count rows by the UTC day of `field`, status and reason, in one pass over the period."""
    grouped = rows.filter(period.touches(field)).values_list(
        TruncDate(field, tzinfo=UTC), status, reason
    )
    return list(grouped.annotate(has=Count("pk", filter=period.has(field)), all=Count("pk")))


def tallied(tally: Any, period: Period) -> list[TallyCount]:
    """Add up the tally by day, status and reason, for the days that `period` overlaps."""
    rows = tally.objects.filter(day__range=period.days).values_list("day", "status", "reason")
    return list(rows.annotate(of_recorded=Sum("recorded"), of_pruned=Sum("pruned")))


def sums_of(rows: Iterable[DayCount], tally: Iterable[TallyCount]) -> dict[str, Counter[str]]:
    """Add up the rows in the period and the pruned ones, by status and reason."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for _, status, reason, count, _ in rows:
        sums[status][reason] += count
    for _, status, reason, _, pruned in tally:
        sums[status][reason] += pruned
    return sums


def untallied(
    rows: Iterable[DayCount], tally: Iterable[TallyCount], were: str
) -> Iterator[Imbalance]:
    """Yield the days on which recorded rows are not existing rows plus pruned ones."""
    recorded, existing, pruned = Counter[date](), Counter[date](), Counter[date]()
    for day, _, _, _, count in rows:
        existing[day] += count
    for day, _, _, of_recorded, of_pruned in tally:
        recorded[day] += of_recorded
        pruned[day] += of_pruned
    for day in sorted({*recorded, *existing}):
        if difference := recorded[day] - existing[day] - pruned[day]:
            yield Imbalance(
                f"On {day} {recorded[day]} {were}, but {existing[day]} are there and {pruned[day]} "
                "were pruned.",
                abs(difference),
            )


def _inconsistent(period: Period, owner: Any) -> Iterator[Imbalance]:
    rows = counted(owner).filter(period.has("created_at"))
    channels = Channel.objects.filter(pk=OuterRef("channel_id"))
    yield from find_imbalance(
        "Deliveries whose channel is not there.", rows.filter(~Exists(channels))
    )
    digests = Delivery.objects.filter(
        pk=OuterRef("digest_id"), channel_id=OuterRef("channel_id"), digest=None
    )
    yield from find_imbalance(
        "Collected deliveries whose digest is not there.",
        rows.filter(status="collected").filter(~Exists(digests)),
    )
    with_attempts = rows.annotate(
        tries=Count("attempts"),
        last=Coalesce(Max("attempts__number"), 0),
        accepted=Count("attempts", Q(attempts__outcome="sent", attempts__number=F("attempt"))),
    )
    yield from find_imbalance(
        "Deliveries whose attempts do not add up with what became of them.",
        with_attempts.filter(~ADDS_UP),
    )


def by_owner(period: Period) -> QuerySet:
    """Return the deliveries created in `period`, counted by owner and end."""
    rows = counted().filter(period.has("created_at")).values(owner=F("channel__owner__username"))
    return rows.annotate(
        sent=Count("pk", Q(status="sent")),
        dead=Count("pk", Q(status="dead")),
        cancelled=Count("pk", Q(status="cancelled")),
        collected=Count("pk", Q(status="collected")),
        pending=Count("pk", Q(status__in=["queued", "sending"])),
    )


def find_imbalance(text: str, rows: QuerySet) -> Iterator[Imbalance]:
    """Yield an imbalance if there are any `rows`."""
    if count := rows.count():
        examples = rows.order_by("pk").values_list("pk", flat=True)[:EXAMPLES]
        yield Imbalance(text, count, tuple(examples))


# An attempt is recorded when it ends; a cancelled delivery may have had one under way.
_ENDED = Q(tries=F("attempt"), last=F("attempt"))
_UNDER_WAY = Q(tries=F("attempt") - 1, last=F("attempt") - 1)
ADDS_UP = (
    (Q(status__in=["queued", "dead"]) & _ENDED)
    | (Q(status="sent", accepted=1) & _ENDED)
    | (Q(status="sending") & _UNDER_WAY)
    | (Q(status="cancelled") & (_ENDED | _UNDER_WAY))
    | Q(status="collected", tries=0, attempt=0)
)
