import json
from argparse import ArgumentParser
from collections import Counter
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from accounts.timezones import iso, tzdata_version
from reminders.management.progress import Progress
from reminders.models.unreadable import UnreadableReminder
from reminders.reports.clock_changes import AffectedReminder, Turn, count, outcome, report, zones

# A reminder is printed with this many occurrences: a rule by the minute has 60 in a DST change.
MAX_OCCURRENCES = 4


class Command(BaseCommand):
    help = "Show which active reminders meet a clock change soon, and what becomes of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=21, help="how far ahead (default 21)")
        parser.add_argument("--user", metavar="NAME", help="the reminders of this user only")
        parser.add_argument(
            "--json", action="store_true", help="JSON Lines, the summary in the last one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if not 0 < days <= 3660:
            raise CommandError("--days must be between 1 and 3660.")
        owner = owner_of(options["user"])
        now = timezone.now()
        changing = zones(now, now + timedelta(days=days), owner)
        self.totals: Counter[str] = Counter()
        self.turn: Turn | None = None
        self.unreadable: list[UnreadableReminder] = []
        progress = Progress(self.stderr, count(changing, owner))
        for row in report(changing, owner, progress.step):
            progress.clear()
            if options["json"]:
                self.stdout.write(json.dumps(as_data(row)))
            else:
                self.print_row(row)
            self.add(row)
        progress.clear()
        for row in [] if options["json"] else self.unreadable:
            self.stdout.write(f"cannot be read: {row_name(row)}: {row.error}")
        readable = [changes for changes in changing.values() if not isinstance(changes, str)]
        summary = {
            "days": days,
            "tzdata": tzdata_version(),
            "zones": len(readable),
            "looked_at": progress.done,
            **{key: self.totals[key] for key in TOTALS},
        }
        self.stdout.write(json.dumps({"summary": summary}) if options["json"] else words(summary))

    def print_row(self, row: AffectedReminder | UnreadableReminder) -> None:
        if isinstance(row, UnreadableReminder):
            self.unreadable.append(row)
            return
        if row.turn != self.turn:
            self.turn = row.turn
            self.stdout.write(self.style.MIGRATE_HEADING(heading(row.turn)))
        for line in lines(row):
            self.stdout.write(line)

    def add(self, row: AffectedReminder | UnreadableReminder) -> None:
        if isinstance(row, UnreadableReminder):
            self.totals["unreadable"] += 1
            return
        self.totals["meetings"] += 1
        self.totals.update(outcome(change, row.turn) for change in row.changes)


TOTALS = ("meetings", "moved", "skipped", "first", "second", "unreadable")


def owner_of(name: str | None) -> User | None:
    if name is None:
        return None
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user {name!r}.")
    return user


def heading(turn: Turn) -> str:
    local = (turn.at + turn.before).replace(tzinfo=None)
    target = (turn.at + turn.after).replace(tzinfo=None)
    way = "forward" if turn.after > turn.before else "back"
    to = f"{target:%H:%M}" if target.date() == local.date() else f"{target:%H:%M on %Y-%m-%d}"
    return f"{turn.timezone}: {local:%A %Y-%m-%d}, at {local:%H:%M} the clock goes {way} to {to}"


def lines(reminder: AffectedReminder) -> list[str]:
    texts = [change.text for change in reminder.changes[:MAX_OCCURRENCES]]
    more = len(reminder.changes) - MAX_OCCURRENCES
    if more > 0:
        texts.append(f"and {more} more of it")
    name = f"{reminder.reminder_id:>8}  {reminder.owner[:20]:<20}  {reminder.title[:32]:<32}"
    return [f"{name if i == 0 else ' ' * len(name)}  {text}" for i, text in enumerate(texts)]


def row_name(row: UnreadableReminder) -> str:
    return f"{row.reminder_id}, of {row.owner}, {row.title!r} ({row.timezone})"


def as_data(row: AffectedReminder | UnreadableReminder) -> dict[str, Any]:
    columns = {"id": row.reminder_id, "owner": row.owner, "title": row.title}
    if isinstance(row, UnreadableReminder):
        return {**columns, "timezone": row.timezone, "error": row.error}
    return {
        **columns,
        "timezone": row.turn.timezone,
        "change_at": iso(row.turn.at),
        "occurrences": [
            {
                "wall": change.wall.isoformat(),
                "outcome": outcome(change, row.turn),
                "due_at": change.due_at and iso(change.due_at),
                "text": change.text,
            }
            for change in row.changes
        ],
    }


def words(summary: dict[str, Any]) -> str:
    line = (
        "Zones that change their clocks in the next {days} days: {zones}. Reminders there: "
        "{looked_at}, of which meet a change: {meetings}. Occurrences: {moved} moved, {skipped} "
        "skipped, {first} at the first time, {second} at the second. "
        "Cannot be read: {unreadable}. tzdata {tzdata}."
    )
    return line.format(**summary)
