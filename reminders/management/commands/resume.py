from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import pause
from notifications.models import Channel
from notifications.outbox import hold_rules
from reminders.management.commands.pause import add_what, find
from reminders.models import Reminder


class Command(BaseCommand):
    help = "End a pause: of a reminder, a channel, a tag of a user, all of a user's, or everything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_what(parser)
        parser.add_argument(
            "--drop", action="store_true", help="with --channel: cancel what waits there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found, now = find(options), timezone.now()
        if options["drop"] and not isinstance(found, Channel):
            raise CommandError("--drop goes with --channel.")
        if isinstance(found, Reminder):
            found.resume(now)
            told = f"reminder {found.pk}, which is {found.status}"
        elif isinstance(found, Channel):
            hold_rules.resume(found, now, drop=options["drop"])
            told = f"channel {found.pk}"
        elif pause.end(now=now, **found):
            told = str(found["scope"])
        else:
            raise CommandError("That is not paused.")
        self.stdout.write(f"Resumed: {told}.")
