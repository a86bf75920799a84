from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notifications.operations import key_rotation
from notifications.operations.key_rotation import EncryptedColumn
from reminders.management.progress import Progress

# Rows that are named one by one.
NAMED = 20


class Command(BaseCommand):
    help = (
        "Encrypt what is encrypted with the newest of FOAM_ENCRYPTION_KEYS, so that the others can "
        "go. FOAM may run meanwhile. It can be stopped at any time, and run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="list what needs an older key; change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        columns = key_rotation.columns()
        progress = Progress(self.stderr, sum(column.rows().count() for column in columns))
        troubles: list[str] = []
        rotated = looked_at = unfit = 0
        for column in columns:
            old, unreadable = dict[int, str](), dict[int, str]()
            for batch in (key_rotation.check_keys if options["check"] else key_rotation.rotate)(
                column
            ):
                progress.step(batch.size)
                looked_at += batch.size
                rotated += batch.rotated
                old |= batch.old
                unreadable |= batch.unreadable
            unfit += len(unreadable)
            troubles += describe_rows(column, "read by no key of FOAM_ENCRYPTION_KEYS", unreadable)
            if options["check"]:
                unfit += len(old)
                troubles += describe_rows(column, "still need an older key", old)
        progress.clear()
        count = "" if options["check"] else f"{rotated:,} rotated, "
        self.stdout.write(f"{count}{looked_at - rotated - unfit:,} have the newest key already.")
        if troubles:
            raise CommandError("\n".join(troubles))


def describe_rows(column: EncryptedColumn, what: str, rows: dict[int, str]) -> list[str]:
    if not rows:
        return []
    named = ", ".join(map(str, list(rows)[:NAMED])) + (", …" if len(rows) > NAMED else "")
    return [f"{column}: {len(rows):,} {what}: {named}."]
