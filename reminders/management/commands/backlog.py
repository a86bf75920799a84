import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.timezones import iso
from reminders.engine import backlog as overdue
from reminders.engine.backlog_forecast import BacklogForecast, DecisionForecast, forecast
from reminders.management.progress import Progress
from reminders.models import Backlog

# Decisions that cannot be undone.
IRREVERSIBLE = (Backlog.Decision.COALESCE, Backlog.Decision.DROP)


class Command(BaseCommand):
    help = (
        "Show what an outage has left overdue and what each decision would do; or decide. "
        "Without a decision late reminders go out by their own policies, by and by."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        decisions = parser.add_mutually_exclusive_group()
        for decision, help_ in (
            ("hold", "late reminders wait until somebody decides"),
            ("release", "each by its own misfire policy"),
            ("coalesce", "each says one message, the newest; older ones are recorded as missed"),
            ("drop", "none says anything; they are recorded as missed"),
        ):
            decisions.add_argument(
                f"--{decision}", dest="decision", action="store_const", const=decision, help=help_
            )
        parser.add_argument(
            "--rate", type=int, metavar="N", help="so many reminders a second; 0: no limit"
        )
        parser.add_argument(
            "--yes", action="store_true", help="coalesce or drop without asking first"
        )
        parser.add_argument("--watch", action="store_true", help="wait until the backlog has ended")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        outlook = forecast(timezone.now(), options["rate"])
        if decision := options["decision"]:
            if decision in IRREVERSIBLE and not (options["yes"] or self.may(decision, outlook)):
                raise CommandError(f"Nothing was decided: say --yes to {decision} without asking.")
            outlook = self.decide(decision, options["rate"], outlook)
        elif options["rate"] is not None and options["rate"] < 0:
            raise CommandError("--rate must be 0 or more.")
        if options["json"]:
            self.stdout.write(json.dumps(as_data(outlook)))
        else:
            self.stdout.write("\n".join(lines(outlook)))
        if options["watch"]:
            self.watch(outlook)

    def may(self, decision: str, outlook: BacklogForecast) -> bool:
        """Ask staff on a terminal; return False without one."""
        if not (sys.stdin.isatty() and self.stdout.isatty()):
            return False
        for line in lines(outlook):
            self.stdout.write(line)
        answer = input(f"{decision.capitalize()} {outlook.count} reminders? [y/N] ")
        return answer.strip().lower() in {"y", "yes"}

    def decide(self, decision: str, rate: int | None, outlook: BacklogForecast) -> BacklogForecast:
        expected_id = outlook.backlog.pk if outlook.backlog else 0
        now = timezone.now()
        try:
            overdue.decide(decision, now, rate, expected_id)
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from refusal
        return forecast(now)

    def watch(self, outlook: BacklogForecast) -> None:
        """Show the progress on a terminal until the backlog is empty."""
        progress, remaining = Progress(self.stderr, outlook.overdue), outlook.overdue
        while outlook.backlog is not None and remaining:
            time.sleep(1)
            before, remaining = remaining, overdue.count_remaining(outlook.backlog)
            progress.step(before - remaining)
        progress.clear()


def lines(outlook: BacklogForecast) -> Iterator[str]:
    if outlook.oldest_due_at is None:
        yield "Nothing is overdue."
    else:
        due = f"due from {iso(outlook.oldest_due_at)} to {iso(outlook.due_before)}"
        yield f"{outlook.count} overdue, {due}."
    if outlook.backlog:
        yield outlook.backlog.text
    if not outlook.overdue:
        return
    policies = ", ".join(f"{name} {count:,}" for name, count in outlook.by_misfire.items())
    yield f"Misfire policies: {policies}. {outlook.basis}"
    yield ""
    yield f"{'':10}{'messages':>12}{'missed':>12}  takes"
    yield from map(line, outlook.outcomes)


def line(outcome: DecisionForecast) -> str:
    what = f"{outcome.messages:>12,}{outcome.missed:>12,}"
    return f"{outcome.decision:10}{what}  {outcome.duration}"


def as_data(outlook: BacklogForecast) -> dict[str, Any]:
    backlog = outlook.backlog
    return {
        "backlog": backlog
        and {
            "id": backlog.pk,
            "decision": backlog.decision,
            "decided_by": backlog.decider,
            "decided_at": iso(backlog.decided_at),
            "opened_at": iso(backlog.opened_at),
            "rate": backlog.rate,
            "taken": backlog.cleared_count,
        },
        "due_before": iso(outlook.due_before),
        "overdue": outlook.overdue,
        "oldest_due_at": outlook.oldest_due_at and iso(outlook.oldest_due_at),
        "by_misfire": outlook.by_misfire,
        "looked_at": outlook.looked_at,
        "exact": outlook.is_exact,
        "outcomes": {
            outcome.decision: {
                "messages": outcome.messages,
                "missed": outcome.missed,
                "seconds": outcome.seconds,
            }
            for outcome in outlook.outcomes
        },
    }
