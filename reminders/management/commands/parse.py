import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models.user import validate_timezone
from reminders.api.parse import parse_sentence
from reminders.api.preview_serializers import ParsedSerializer
from reminders.management.commands.preview import table


class Command(BaseCommand):
    help = "Read a sentence as a reminder, and show what it would do. Nothing is stored."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("text", help='such as "stand-up every Monday at 6pm"')
        parser.add_argument("--timezone", default="UTC", help="IANA name (default: UTC)")
        parser.add_argument("--json", action="store_true", help="as the API answers")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_timezone(options["timezone"])
            parsed = parse_sentence(options["text"], options["timezone"], None, timezone.now())
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        data = ParsedSerializer(parsed).data
        if options["json"]:
            self.stdout.write(json.dumps(data))
            return
        for piece in data["understood"]:
            self.stdout.write(f"{piece['field']:12}{piece['text']}")
        for line in ("", *parsed.reading.assumed, *table(parsed.preview)):
            self.stdout.write(line)
