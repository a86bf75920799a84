import time
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet
from django.utils import timezone

from foam.monitoring import health
from notifications.models import Attempt
from reminders.models import Occurrence


class Command(BaseCommand):
    help = "Show each reminder that fires and each message that goes out, as it happens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=0.5, help="ask every N seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        self.started, self.trouble, self.is_away = timezone.now(), "", False
        self.follows: tuple[Follow, Follow] | None = None
        while True:
            self.look()
            time.sleep(options["every"])

    def look(self) -> None:
        """Show what is new; a database that is away is waited for, however long it takes."""
        try:
            self.show()
        except (OperationalError, InterfaceError):
            if not self.is_away:
                self.say("The database does not answer. Waiting for it.", self.style.WARNING)
            self.is_away = True
            connection.close_if_unusable_or_obsolete()
            return
        if self.is_away:
            self.say("The database answers again.", self.style.SUCCESS)
        self.is_away = False

    def show(self) -> None:
        if self.follows is None:
            self.follows = (
                Follow(Occurrence.objects.exclude_system().select_related("reminder")),
                Follow(Attempt.objects.exclude_system().select_related("delivery__channel")),
            )
        follow_occurrences, follow_attempts = self.follows
        occurrences, more = follow_occurrences.new()
        for occurrence in occurrences:
            self.say(self.of_occurrence(occurrence), self.style.MIGRATE_HEADING)
        self.say_more(more, "occurrences")
        attempts, more = follow_attempts.new()
        for attempt in attempts:
            good = attempt.outcome == Attempt.Outcome.SENT
            self.say(self.of_attempt(attempt), self.style.SUCCESS if good else self.style.ERROR)
        self.say_more(more, "attempts")
        self.trouble = self.watch_health(self.started, self.trouble)

    def say(self, text: str, style: Any) -> None:
        self.stdout.write(style(f"{timezone.now():%H:%M:%S}  {text}"))
        self.stdout.flush()

    def say_more(self, count: int, what: str) -> None:
        if count:
            self.say(f"and {count:,} more {what}", self.style.MIGRATE_HEADING)

    def of_occurrence(self, occurrence: Occurrence) -> str:
        due = f"{occurrence.reminder.title!r}, due {occurrence.due_at:%H:%M:%S} UTC"
        if occurrence.status in {Occurrence.Status.MISSED, Occurrence.Status.SKIPPED}:
            return f"{occurrence.status:<10} {due}: {occurrence.reason}"
        fire = occurrence.reminder.fire_of(occurrence.due_at, occurrence.lead)
        late = (occurrence.recorded_at - fire.fire_at).total_seconds()
        return f"fired      {due}, {max(0.0, late):.2f} s after its time"

    def of_attempt(self, attempt: Attempt) -> str:
        delivery = attempt.delivery
        where = f"{delivery.title!r} to {delivery.channel}"
        if attempt.outcome == Attempt.Outcome.SENT:
            return f"delivered  {where}, attempt {attempt.number}"
        then = (
            f"next attempt {delivery.next_attempt_at:%H:%M:%S} UTC"
            if delivery.next_attempt_at
            else delivery.status
        )
        return f"failed     {where}, attempt {attempt.number}: {attempt.detail}; {then}"

    def watch_health(self, started: datetime, trouble_before: str) -> str:
        now = timezone.now()
        trouble = health.trouble(now) if now - started > timedelta(seconds=30) else ""
        if trouble and not trouble_before:
            self.say(trouble, self.style.WARNING)
        if trouble_before and not trouble:
            self.say("Reminders fire and arrive again.", self.style.SUCCESS)
        return trouble


class Follow:
    """The rows that are new since the last time, each once; of a burst the first.

    Ids are handed out before rows are committed, so a lower one can appear after a higher one:
    the last WINDOW ids are asked for again, and those shown before left out.
    """

    WINDOW = 1000
    MAX_ROWS = 20

    def __init__(self, rows: QuerySet[Any]) -> None:
        self.rows = rows
        last = rows.order_by("-pk").values_list("pk", flat=True)[: self.WINDOW]
        self.seen = set(last)

    def new(self) -> tuple[list[Any], int]:
        """Return up to MAX_ROWS of them, oldest first, and how many more there are."""
        after = max(self.seen, default=0) - self.WINDOW
        fresh = self.rows.filter(pk__gt=after).exclude(pk__in=self.seen).order_by("pk")
        ids = list(fresh.values_list("pk", flat=True))
        rows = list(self.rows.filter(pk__in=ids[: self.MAX_ROWS]).order_by("pk"))
        self.seen.update(ids)
        newest = max(self.seen, default=0)
        self.seen = {pk for pk in self.seen if pk > newest - self.WINDOW}
        return rows, len(ids[self.MAX_ROWS :])
