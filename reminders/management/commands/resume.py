from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import pause
from notifications.models import Channel
from notifications.outbox import hold_rules
from reminders.management.commands.pause import add_target, find_target
from reminders.models import Reminder


class Command(BaseCommand):
    help = "End a pause: of a reminder, a channel, a tag of a user, all of a user's, or everything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_target(parser)
        parser.add_argument(
            "--drop", action="store_true", help="with --channel: cancel what waits there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        target, now = find_target(options), timezone.now()
        if options["drop"] and not isinstance(target, Channel):
            raise CommandError("--drop goes with --channel.")
        if isinstance(target, Reminder):
            target.resume(now)
            text = f"reminder {target.pk}, which is {target.status}"
        elif isinstance(target, Channel):
            hold_rules.resume(target, now, drop=options["drop"])
            text = f"channel {target.pk}"
        elif pause.end(now=now, **target):
            text = str(target["scope"])
        else:
            raise CommandError("That is not paused.")
        self.stdout.write(f"Resumed: {text}.")
