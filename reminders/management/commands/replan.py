import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts.timezones import iso, tzdata_version
from reminders.engine import replan
from reminders.engine.replan import Move
from reminders.management.progress import Progress
from reminders.models.unreadable import UnreadableReminder


class Command(BaseCommand):
    help = "Plan anew after an update of the tz rules: wall times stay, future instants follow."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="list, and change nothing")
        parser.add_argument(
            "--no-input", action="store_true", help="apply without asking, on a terminal too"
        )
        parser.add_argument(
            "--json", action="store_true", help="JSON Lines, the summary in the last one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.is_json = options["json"]
        summary: dict[str, Any] = {"tzdata": tzdata_version(), "looked_at": 0, "differ": 0}
        summary |= {"changed": 0, "unreadable": 0, "dry_run": options["dry_run"]}
        if not self.is_json:
            self.stdout.write(f"tzdata {summary['tzdata']}")
        ids = self.list_differences(summary)
        if ids and not options["dry_run"] and (options["no_input"] or self.may_apply(len(ids))):
            progress = Progress(self.stderr, len(ids))
            for some in replan.batches(ids):
                summary["changed"] += len(replan.apply(some, timezone.now()).moves)
                progress.step(len(some))
            progress.clear()
        self.stdout.write(json.dumps({"summary": summary}) if self.is_json else words(summary))

    def list_differences(self, summary: dict[str, Any]) -> list[int]:
        """Print the moves and the unreadable reminders; return the ids of the former."""
        ids: list[int] = []
        progress = Progress(self.stderr, replan.count(timezone.now()))
        batch = replan.find_moves(timezone.now())
        while batch.checked:
            summary["looked_at"] += batch.checked
            summary["unreadable"] += len(batch.unreadable)
            ids += [move.reminder_id for move in batch.moves]
            progress.step(batch.checked)
            if batch.moves or batch.unreadable:
                progress.clear()
            self.print_rows(batch.moves)
            self.print_rows(batch.unreadable)
            batch = replan.find_moves(timezone.now(), batch.last_id)
        progress.clear()
        summary["differ"] = len(ids)
        return ids

    def print_rows(self, rows: Sequence[Move | UnreadableReminder]) -> None:
        for row in rows:
            self.stdout.write(json.dumps(as_data(row)) if self.is_json else line(row))

    def may_apply(self, number: int) -> bool:
        """Ask the operator on a terminal; without one, apply."""
        if self.is_json or not (sys.stdin.isatty() and self.stdout.isatty()):
            return True
        return input(f"Apply to {number} reminders? [y/N] ").strip().lower() in {"y", "yes"}


def line(row: Move | UnreadableReminder) -> str:
    prefix = f"{row.reminder_id:>8}  {row.owner[:20]:<20}  {row.title[:32]:<32}  "
    if isinstance(row, UnreadableReminder):
        return f"{prefix}cannot be read: {row.error}"
    if row.is_retry:
        return f"{prefix}had been set aside: is tried again now"
    if row.new is None:
        return f"{prefix}{iso(row.old.due_at)} -> nothing left: finished"
    if row.new.due_at == row.old.due_at:
        return f"{prefix}{row}"
    to = f"{row.local:%Y-%m-%d %H:%M} {row.timezone}"
    return f"{prefix}{iso(row.old.due_at)} -> {iso(row.new.due_at)}  {to}"


def as_data(row: Move | UnreadableReminder) -> dict[str, Any]:
    columns = {"id": row.reminder_id, "owner": row.owner, "title": row.title}
    columns["timezone"] = row.timezone
    if isinstance(row, UnreadableReminder):
        return {**columns, "error": row.error}
    return {
        **columns,
        "old_due_at": iso(row.old.due_at),
        "new_due_at": row.new and iso(row.new.due_at),
        "local": row.local and row.local.isoformat(),
        "lead_seconds": row.new and row.new.lead.length,
        "tried_again": row.is_retry,
    }


def words(summary: dict[str, Any]) -> str:
    changes = "{differ} would change" if summary["dry_run"] else "{changed} of {differ} changed"
    text = "{looked_at} looked at, " + changes + ", {unreadable} cannot be read (tzdata {tzdata})."
    return text.format(**summary)
