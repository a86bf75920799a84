import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from notifications.models.delivery import EPOCH
from notifications.operations.ledger import END, Imbalance, Period, snapshot
from reminders.management.argument_types import moment, user
from reminders.reports import ledger
from reminders.reports.ledger import Ledger, OwnerFigures

# Exit code of a wrong command line; 1 is a ledger that does not balance.
USAGE = 2


class Command(BaseCommand):
    help = (
        "Account for everything that was due: due = fired + skipped + missed, and posted = sent + "
        "dead + cancelled + collected + pending. Ends with 1 when that, or any row, does not add "
        "up."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        time: dict[str, Any] = {"type": partial(moment, now=timezone.now()), "metavar": "TIME"}
        parser.add_argument("--since", **time, help="an instant, a date, or how long ago: 24h, 7d")
        parser.add_argument("--until", **time, help="likewise; what is before this counts")
        owners = parser.add_mutually_exclusive_group()
        owners.add_argument("--owner", type=user, metavar="NAME", help="what is this user's only")
        owners.add_argument("--by-owner", action="store_true", help="the figures of each owner too")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        period = Period(options["since"] or EPOCH, options["until"] or END)
        if period.until <= period.since:
            raise CommandError("--until must be later than --since.", returncode=USAGE)
        owner = options["owner"]
        with snapshot():
            owners = ledger.by_owner(period) if options["by_owner"] else []
            # Last, because it changes planner settings for the rest of the transaction.
            read = ledger.read(period, timezone.now(), owner)
        if options["json"]:
            self.stdout.write(json.dumps(as_data(period, owner, read, owners)))
        else:
            self.stdout.write("\n".join(table(period, owner, read, owners)))
        if not read.balances:
            wrong = "\n".join(line(imbalance) for imbalance in read.imbalances)
            raise CommandError(f"The ledger does not balance.\n{wrong}")


def line(wrong: Imbalance) -> str:
    such_as = f" Such as: {', '.join(map(str, wrong.examples))}." if wrong.examples else ""
    return f"{wrong.count:>12,}  {wrong.text}{such_as}"


def table(
    period: Period, owner: User | None, read: Ledger, owners: list[OwnerFigures]
) -> Iterator[str]:
    yield f"{words(period)}{f', of {owner.username}' if owner else ''}:"
    yield from figures(read)
    if owners:
        yield ""
        yield f"{'owner':<20}" + "".join(f"{name:>12}" for name in OWNER_FIGURES[1:])
        for owner_figures in owners:
            name, *numbers = figures_data(owner_figures).values()
            yield f"{name[:19]:<20}" + "".join(f"{number:>12,}" for number in numbers)
    if read.balances:
        yield ""
        yield "The ledger balances."


def figures(read: Ledger) -> Iterator[str]:
    due, posted = read.occurrences, read.deliveries
    yield from row("due", due.due)
    yield from row("  fired", due.fired)
    yield from row("  skipped", sum(due.skipped.values()), due.skipped)
    yield from row("  missed", sum(due.missed.values()), due.missed)
    yield from row("posted", posted.posted)
    yield from row("  sent", posted.sent)
    yield from row("  dead", sum(posted.dead.values()), posted.dead)
    yield from row("  cancelled", sum(posted.cancelled.values()), posted.cancelled)
    yield from row("  collected", sum(posted.collected.values()), posted.collected)
    yield from row("  pending", posted.pending)
    if due.pruned or posted.pruned:
        yield f"Of these, {due.pruned:,} occurrences and {posted.pruned:,} deliveries were pruned."
    if due.overdue:
        yield f"Overdue, and no part of due before they fire: {due.overdue:,}."


def row(name: str, count: int, reasons: dict[str, int] | None = None) -> Iterator[str]:
    yield f"{name:<14}{count:>14,}"
    for reason, number in Counter(reasons).most_common():
        yield f"{'':4}{number:>24,}  {reason}"


def words(period: Period) -> str:
    since = f"From {utc(period.since)}" if period.since != EPOCH else "From the beginning"
    return f"{since} until {utc(period.until)}" if period.until != END else f"{since} until now"


def as_data(
    period: Period, owner: User | None, read: Ledger, owners: list[OwnerFigures]
) -> dict[str, Any]:
    due, posted = read.occurrences, read.deliveries
    return {
        "since": utc(period.since) if period.since != EPOCH else None,
        "until": utc(period.until) if period.until != END else None,
        "owner": owner and owner.username,
        "balances": read.balances,
        "occurrences": {"due": due.due, **asdict(due)},
        "deliveries": {"posted": posted.posted, **asdict(posted), "pending": posted.pending},
        "imbalances": [asdict(imbalance) for imbalance in read.imbalances],
        **({"owners": [figures_data(owner_figures) for owner_figures in owners]} if owners else {}),
    }


OWNER_FIGURES = (
    "owner",
    "due",
    "fired",
    "skipped",
    "missed",
    "posted",
    "sent",
    "dead",
    "cancelled",
    "collected",
    "pending",
)


def figures_data(figures: OwnerFigures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in OWNER_FIGURES}


def utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
