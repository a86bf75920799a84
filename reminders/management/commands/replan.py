import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts.timezones import tzdata_version
from reminders.engine import replan
from reminders.engine.replan import Move
from reminders.management.progress import Progress
from reminders.models.reminder import Unreadable


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
        """List what would change and what cannot be read; return the ids of what would change."""
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
            self.tell(batch.moves)
            self.tell(batch.unreadable)
            batch = replan.find_moves(timezone.now(), batch.last_id)
        progress.clear()
        summary["differ"] = len(ids)
        return ids

    def tell(self, found: Sequence[Move | Unreadable]) -> None:
        for each in found:
            self.stdout.write(json.dumps(as_data(each)) if self.is_json else line(each))

    def may_apply(self, number: int) -> bool:
        """Ask on a terminal; elsewhere nobody is there to answer."""
        if self.is_json or not (sys.stdin.isatty() and self.stdout.isatty()):
            return True
        return input(f"Apply to {number} reminders? [y/N] ").strip().lower() in {"y", "yes"}


def line(found: Move | Unreadable) -> str:
    who = f"{found.reminder_id:>8}  {found.owner[:20]:<20}  {found.title[:32]:<32}  "
    if isinstance(found, Unreadable):
        return f"{who}cannot be read: {found.error}"
    if found.is_retry:
        return f"{who}had been set aside: is tried again now"
    if found.new is None:
        return f"{who}{utc(found.old.due_at)} -> nothing left: finished"
    if found.new.due_at == found.old.due_at:
        return f"{who}{found}"
    to = f"{found.local:%Y-%m-%d %H:%M} {found.timezone}"
    return f"{who}{utc(found.old.due_at)} -> {utc(found.new.due_at)}  {to}"


def as_data(found: Move | Unreadable) -> dict[str, Any]:
    who = {"id": found.reminder_id, "owner": found.owner, "title": found.title}
    who["timezone"] = found.timezone
    if isinstance(found, Unreadable):
        return {**who, "error": found.error}
    return {
        **who,
        "old_due_at": utc(found.old.due_at),
        "new_due_at": found.new and utc(found.new.due_at),
        "local": found.local and found.local.isoformat(),
        "lead_seconds": found.new and found.new.lead.length,
        "tried_again": found.is_retry,
    }


def utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def words(summary: dict[str, Any]) -> str:
    done = "{differ} would change" if summary["dry_run"] else "{changed} of {differ} changed"
    text = "{looked_at} looked at, " + done + ", {unreadable} cannot be read (tzdata {tzdata})."
    return text.format(**summary)
