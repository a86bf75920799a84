from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from notifications.models import Channel
from notifications.operations import retry_dead


class Command(BaseCommand):
    help = "Send again what died within a time, such as while the mail server refused FOAM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        instant = "with an offset or Z: 2026-11-30T08:00:00Z"
        parser.add_argument(
            "--since", metavar="T", required=True, help=f"died from then: {instant}"
        )
        parser.add_argument("--until", metavar="T", help="died before then; now if left out")
        parser.add_argument("--reason", default="", help="a part of why they died")
        parser.add_argument("--kind", choices=Channel.Kind.values, help="of these channels only")
        parser.add_argument("--due-since", metavar="T", help="leave out what was due before then")
        parser.add_argument("--dry-run", action="store_true", help="count them, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        choice = retry_dead.RetryFilter(
            since=instant("--since", options["since"]),
            until=instant("--until", options["until"]) if options["until"] else now,
            reason=options["reason"],
            kind=options["kind"] or "",
            due_since=instant("--due-since", options["due_since"])
            if options["due_since"]
            else None,
        )
        if choice.since >= choice.until:
            raise CommandError("--since must be before --until.")
        count = retry_dead.count(choice)
        if options["dry_run"]:
            self.stdout.write(f"Would be queued again: {count.usable}. {count.unusable_text}")
            return
        queued = retry_dead.retry(choice, now)
        self.stdout.write(f"Queued again: {queued}. {count.unusable_text}")


def instant(name: str, text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandError(f"{name}: give an instant with an offset or Z: 2026-11-30T08:00:00Z.")
    return at
