import json
import shutil
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from accounts.timezones import format_both_clocks
from reminders.api.serializers import ExplanationSerializer
from reminders.explain.explanation import Explanation, explain
from reminders.models import Reminder

INDENT = "  "
# The width without a terminal, and the maximum with one: longer lines are hard to read.
WIDTH = 120


class Command(BaseCommand):
    help = (
        "Tell why a reminder did or did not fire, from its rule to each attempt at each delivery."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reminder", help="its id; with --owner its external_id")
        parser.add_argument("--owner", metavar="NAME", help="the user whose external_id it is")
        parser.add_argument(
            "--at",
            metavar="T",
            default="",
            help="2026-11-23T18:00 on its wall clock, or with an offset or Z; 2026-11-23 is the "
            "whole day (default: the latest and the next)",
        )
        parser.add_argument("--json", action="store_true", help="as the API answers it")

    def handle(self, *args: Any, **options: Any) -> None:
        reminder = find(options["reminder"], options["owner"])
        try:
            explanation = explain(reminder, timezone.now(), options["at"])
        except ValidationError as error:
            raise CommandError(f"--at: {' '.join(error.messages)}") from error
        if options["json"]:
            self.stdout.write(json.dumps(ExplanationSerializer(explanation).data))
        else:
            self.stdout.write("\n".join(lines(explanation, width())))


def find(name: str, owner: str | None) -> Reminder:
    """Return a reminder by id or external_id, rather an existing than a deleted one."""
    reminders = Reminder.objects.select_related("owner")
    if owner is None:
        if not (name.isascii() and name.isdigit() and len(name) < 19):
            raise CommandError(f"{name!r} is no id; for an external_id give --owner, too.")
        reminder = reminders.filter(pk=int(name)).first()
    else:
        if not User.objects.filter(username=owner).exists():
            raise CommandError(f"There is no user {owner!r}.")
        rows = reminders.filter(owner__username=owner, external_id=name)
        reminder = rows.order_by("-deleted_at", "-pk").first()
    if reminder is None:
        raise CommandError(f"There is no reminder {name!r}{f' of {owner}' if owner else ''}.")
    return reminder


def width() -> int:
    return min(shutil.get_terminal_size((WIDTH, 0)).columns, WIDTH)


def lines(explanation: Explanation, columns: int) -> Iterator[str]:
    """Yield the conclusion and the steps below it, wrapped at `columns`."""
    yield from textwrap.wrap(explanation.conclusion, columns)
    yield ""
    for step in explanation.steps:
        indent = INDENT * step.depth
        at = f"{format_both_clocks(step.at, explanation.timezone)}  " if step.at else ""
        yield from textwrap.wrap(
            f"{at}{step.text}", columns, initial_indent=indent, subsequent_indent=f"{indent}    "
        )
