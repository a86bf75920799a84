from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from foam.postgresql import initial_schema
from reminders.engine.retention import make_partitions

# Options by which Django's command does less than all, or only looks.
PARTIAL = ("app_label", "plan", "check_unapplied", "fake", "fake_initial", "prune")


class Command(migrate.Command):
    help = "Django's migrate, which loads all tables of an empty database from one file."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--each", action="store_true", help="apply each migration to an empty database, too"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        is_whole = options["database"] == DEFAULT_DB_ALIAS and not any(map(options.get, PARTIAL))
        if is_whole and not options["each"] and initial_schema.load() and options["verbosity"]:
            self.stdout.write("Made all tables of an empty database.")
        super().handle(*args, **options)
        if is_whole and not options["each"]:
            make_partitions(timezone.now())
