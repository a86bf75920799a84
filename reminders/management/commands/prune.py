import math
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reminders.engine import retention
from reminders.engine.retention import PruneResult
from reminders.management.argument_types import span
from reminders.management.progress import Progress

MIN_KEEP = timedelta(days=1)


class Command(BaseCommand):
    help = (
        "Remove occurrences all of whose deliveries ended long ago, and these with their attempts. "
        "The ledger keeps their sums. It can be stopped at any time, and run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        keep = timedelta(days=settings.FOAM_KEEP_DAYS)
        parser.add_argument(
            "--keep",
            type=span,
            default=keep,
            metavar="SPAN",
            help=f"how long what ended is kept, such as 90d (default {keep.days}d, FOAM_KEEP_DAYS)",
        )
        parser.add_argument("--dry-run", action="store_true", help="say how much would go")
        parser.add_argument(
            "--seconds", type=int, default=math.inf, help="stop after so long (default: when done)"
        )
        parser.add_argument(
            "--lock-seconds",
            type=int,
            help="how long others may wait for a missing partition to be made (default 0.3)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        keep, seconds = options["keep"], options["seconds"]
        if keep < MIN_KEEP:
            raise CommandError("--keep must be 1d or more.")
        for name in ("seconds", "lock_seconds"):
            if options[name] is not None and options[name] < 1:
                raise CommandError(f"--{name.replace('_', '-')} must be 1 or more.")
        now = timezone.now()
        if options["dry_run"]:
            self.stdout.write(f"Would remove {words(retention.count(now, keep))}.")
            return
        limit = options["lock_seconds"] and timedelta(seconds=options["lock_seconds"])
        retention.make_partitions(now, limit)
        progress = Progress(self.stderr, retention.count(now, keep).occurrences)
        removed = retention.prune(now, keep, seconds, progress.step)
        retention.drop_partitions(now - keep)
        progress.clear()
        more = "" if removed.is_done else " There is more: run it again."
        self.stdout.write(f"Removed {words(removed)}, {removed.attempts:,} attempts.{more}")


def words(removed: PruneResult) -> str:
    return f"{removed.occurrences:,} occurrences, {removed.deliveries:,} deliveries"
