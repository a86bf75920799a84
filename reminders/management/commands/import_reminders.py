import json
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

import environ
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from accounts.timezones import zone
from reminders.exchange import celery_beat, formats
from reminders.exchange.drafts import FileContent
from reminders.exchange.importer import Busy, ImportOutcome, ImportReport, take
from reminders.exchange.limits import COMMAND, Unreadable
from reminders.management import import_report
from reminders.management.argument_types import user
from reminders.management.progress import Progress

FOREIGN = "beat"
# Exit code of a wrong command line; 1 is a refused reminder.
USAGE = 2


class Command(BaseCommand):
    help = (
        "Take in reminders from a file (JSON Lines, a calendar, a crontab) or from the tables of "
        "django-celery-beat. The same again changes nothing. What is refused stops nothing else, "
        "and ends this with 1; what cannot be carried over is listed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", metavar="FILE", help="- for the standard input")
        parser.add_argument("--owner", type=user, required=True, metavar="NAME", help="whose")
        parser.add_argument(
            "--format", choices=sorted(formats.FORMATS), help="by default as FILE's name tells"
        )
        parser.add_argument(
            "--timezone",
            type=timezone_name,
            metavar="ZONE",
            help="for times without one; the owner's by default",
        )
        parser.add_argument("--dry-run", action="store_true", help="tell, and keep nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object, with all of it")
        tables = parser.add_argument_group("from django-celery-beat")
        tables.add_argument(
            "--from-beat", action="store_true", help="its tables instead of a file: PeriodicTask"
        )
        tables.add_argument(
            "--task", action="append", default=[], metavar="NAME", help="only this one; repeatable"
        )
        where = tables.add_mutually_exclusive_group()
        where.add_argument(
            "--using", default=DEFAULT_DB_ALIAS, metavar="ALIAS", help="a database of the settings"
        )
        where.add_argument(
            "--database",
            metavar="VARIABLE",
            help="another: the environment variable that holds postgres://user:…@host/name, or "
            "that address itself, which every user of this machine can then read",
        )
        tables.add_argument(
            "--disable",
            action="store_true",
            help="disable in beat what was taken in, so that nobody is reminded twice",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["file"]) == options["from_beat"]:
            raise CommandError("Give either a FILE or --from-beat.", returncode=USAGE)
        if not options["from_beat"] and (options["task"] or options["disable"]):
            raise CommandError("--task and --disable go with --from-beat.", returncode=USAGE)
        try:
            report = self.from_beat(options) if options["from_beat"] else self.from_file(options)
        except Unreadable as error:
            raise CommandError(str(error), returncode=USAGE) from None
        except Busy:
            raise CommandError("Another import for this user is under way.") from None
        if options["json"]:
            self.stdout.write(json.dumps(import_report.as_data(report)))
        else:
            self.stdout.write("\n".join(import_report.lines(report)))
        if report.is_refused:
            raise CommandError("Some of it was refused.")

    def from_file(self, options: dict[str, Any]) -> ImportReport:
        name = options["file"]
        by_name = formats.of_file(name)
        format = formats.FORMATS[options["format"]] if options["format"] else by_name
        if format is None:
            message = f"Say --format: one of {', '.join(sorted(formats.FORMATS))}."
            raise CommandError(message, returncode=USAGE)
        try:
            content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}.", returncode=USAGE) from None
        return self.take(formats.read(content, format, zone_of(options), COMMAND), options)

    def from_beat(self, options: dict[str, Any]) -> ImportReport:
        using = open_foreign(options["database"]) if options["database"] else options["using"]
        if using not in connections:
            raise CommandError(f"The settings have no database {using!r}.", returncode=USAGE)
        try:
            # The import and the disabling are one transaction if both are in one database.
            with transaction.atomic(using):
                return self.move_from_beat(using, options)
        except DatabaseError as error:
            if using == DEFAULT_DB_ALIAS:
                raise
            message = f"The tables of django-celery-beat cannot be read there: {error}"
            raise CommandError(message.strip(), returncode=USAGE) from None

    def move_from_beat(self, using: str, options: dict[str, Any]) -> ImportReport:
        tasks = list(celery_beat.tasks(using, options["task"]).select_for_update(of=("self",)))
        missing = set(options["task"]) - {task.name for task in tasks}
        if missing:
            message = f"Beat has no task {sorted(missing)[0]!r}."
            raise CommandError(message, returncode=USAGE)
        reading = celery_beat.read(tasks, zone_of(options), timezone.now())
        report = self.take(reading, options)
        if options["disable"] and not options["dry_run"]:
            drafts = zip(reading.drafts, report.reminders, strict=True)
            imported = {
                draft.where for draft, row in drafts if row.result is not ImportOutcome.REFUSED
            }
            ids = [task.pk for task in tasks if celery_beat.where(task) in imported]
            # Not by save(): that would erase when a disabled task last ran.
            PeriodicTask.objects.using(using).filter(pk__in=ids).update(enabled=False)
            PeriodicTasks.objects.using(using).update_or_create(
                ident=1, defaults={"last_update": timezone.now()}
            )
        return report

    def take(self, reading: FileContent, options: dict[str, Any]) -> ImportReport:
        progress = Progress(self.stderr, len(reading.drafts))
        report = take(
            options["owner"],
            reading,
            timezone.now(),
            dry_run=options["dry_run"],
            step=progress.step,
        )
        progress.clear()
        return report


def zone_of(options: dict[str, Any]) -> str:
    return options["timezone"] or options["owner"].timezone


def timezone_name(text: str) -> str:
    try:
        zone(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def open_foreign(url: str) -> str:
    """Add a database to Django's connections while this command runs; return its alias.

    `url` is its address, or the environment variable that holds it.
    """
    try:
        config = environ.Env.db_url_config(os.environ.get(url, url))
        config = connections.configure_settings({DEFAULT_DB_ALIAS: config})[DEFAULT_DB_ALIAS]
        connections.settings[FOREIGN] = config
        connections[FOREIGN].ensure_connection()
    except DatabaseError as error:
        raise CommandError(f"--database: {error}".strip(), returncode=USAGE) from None
    except Exception as error:
        message = f"--database: postgres://user:password@host:5432/name is expected ({error})."
        raise CommandError(message, returncode=USAGE) from None
    return FOREIGN
