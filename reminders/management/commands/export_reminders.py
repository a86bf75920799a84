import os
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reminders.exchange import formats
from reminders.exchange.formats import stream
from reminders.management.argument_types import user
from reminders.management.progress import Progress
from reminders.models import Reminder

USAGE = 2


class Command(BaseCommand):
    help = "Write a user's reminders to a file: as JSON Lines, all that was set and without loss."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", type=user, required=True, metavar="NAME", help="whose")
        parser.add_argument(
            "--format",
            choices=sorted(formats.WRITABLE),
            help="by default as FILE's name tells, or jsonl",
        )
        parser.add_argument(
            "-o",
            "--output",
            metavar="FILE",
            help="the standard output by default; only when "
            "all of it is written does it take the place of a file that is there",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["output"]
        by_name = formats.of_file(name) if name else None
        format = formats.FORMATS[options["format"]] if options["format"] else by_name
        format = format or formats.FORMATS["jsonl"]
        if format.write is None:
            message = f"FOAM reads {format.name}, and does not write it: say --format."
            raise CommandError(message, returncode=USAGE)
        reminders = Reminder.objects.owned_by(options["owner"])
        progress = Progress(self.stderr, reminders.count())
        lines = format.write(_counted(stream(reminders), progress), timezone.now())
        if name:
            write_whole(Path(name), lines)
        else:
            for line in lines:
                self.stdout.write(line, ending="")
        progress.clear()
        if name:
            self.stdout.write(f"{progress.done:,} reminders are in {name}.")


def _counted(reminders: Iterable[Reminder], progress: Progress) -> Iterator[Reminder]:
    for reminder in reminders:
        yield reminder
        progress.step()


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write a file atomically: readers see all of it or the old file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        temporary.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.", returncode=USAGE) from None
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
