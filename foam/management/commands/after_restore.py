from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from notifications.models import Delivery
from reminders.models import Reminder

# More than FOAM gives out in a day at a hundred a second. There are nine quintillion.
GAP = 10_000_000

# What leaves FOAM is a bigint: ids of reminders, occurrences, channels, deliveries.
SKIP_AHEAD = """
SELECT sequencename, setval(format('%%I.%%I', schemaname, sequencename)::regclass,
    coalesce(last_value, 0) + %s)
FROM pg_sequences WHERE schemaname = current_schema() AND data_type = 'bigint'::regtype
"""


class Command(BaseCommand):
    help = (
        "Make a database that was restored from a backup safe to start on: no id is given out "
        "twice. Tells what workers will do. Run it while none runs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--gap",
            type=int,
            default=GAP,
            help="at least as many as were given out of any id since the backup",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        gap = options["gap"]
        if not 0 < gap <= 10**15:
            raise CommandError("--gap must be a number from 1 to 10^15.")
        skip_ahead(gap)
        self.stdout.write(f"Ids go on {gap:,} further than the backup had come.")
        now = timezone.now()
        due = Reminder.objects.due(now).order_by("misfire").values_list("misfire")
        counts = list(due.annotate(number=Count("pk")))
        for misfire, count in counts:
            self.stdout.write(f"{count:>12,}  reminders came due since; misfire is {misfire}")
        if counts:
            self.stdout.write("              manage.py backlog holds or drops them, if you like")
        waiting = Delivery.objects.exclude_system().unfinished().count()
        self.stdout.write(
            f"{waiting:>12,}  messages were waiting; they go out under the ids that they had"
        )


@transaction.atomic
def skip_ahead(gap: int) -> None:
    """Let no id be given out again that the lost part of the database may have given out.

    Links in messages that were sent, and programs, name reminders, occurrences and channels by
    their ids: a number that comes again would have them act on something else.
    """
    with connection.cursor() as cursor:
        cursor.execute(SKIP_AHEAD, [gap])
