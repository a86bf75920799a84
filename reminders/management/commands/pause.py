from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.durations import DurationError, read_duration
from accounts.instants import OutOfRange, parse_instant
from accounts.models import SYSTEM_USER_ID, Pause, User
from accounts.models import pause as pauses
from notifications.models import Channel
from notifications.outbox import hold_rules
from reminders.models import Reminder

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Command(BaseCommand):
    help = "Pause a reminder, a channel, a tag of a user, all of a user's, or everything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_target(parser)
        end = parser.add_mutually_exclusive_group()
        end.add_argument("--until", metavar="T", help="with an offset or Z: 2026-11-30T08:00:00Z")
        end.add_argument("--for", metavar="LENGTH", dest="length", help="30m, 2h, 3d or PT2H")
        parser.add_argument("--reason", default="", help="of a user, a tag or everything")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        until = until_of(options, now)
        try:
            target = self.pause(options, until, now)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        end = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "until somebody resumes it"
        self.stdout.write(f"Paused {end}: {target}.")

    def pause(self, options: dict[str, Any], until: datetime | None, now: datetime) -> str:
        target = find_target(options)
        if isinstance(target, Reminder):
            target.pause(now, until)
            return f"reminder {target.pk}, which is {target.status}"
        if isinstance(target, Channel):
            hold_rules.pause(target, now, until)
            return f"channel {target.pk}"
        return str(pauses.begin(now=now, until=until, reason=options["reason"], **target)[0])


def add_target(parser: ArgumentParser) -> None:
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--everything", action="store_true", help="all of everybody")
    target.add_argument("--user", metavar="NAME", help="all of this user's reminders")
    target.add_argument("--channel", metavar="ID", type=int)
    target.add_argument("--reminder", metavar="ID", type=int)
    parser.add_argument("--tag", default="", help="with --user: only reminders with this tag")


def find_target(options: dict[str, Any]) -> Reminder | Channel | dict[str, Any]:
    """Return the row to pause, or the fields of a pause of a tag, a user or everything."""
    tag = options["tag"]
    if tag and options["user"] is None:
        raise CommandError("--tag goes with --user: say whose.")
    if options["everything"]:
        return {"scope": Pause.Scope.EVERYTHING}
    if (name := options["user"]) is not None:
        owner = (
            User.objects.exclude(pk=SYSTEM_USER_ID).filter(username=name, closed_at=None).first()
        )
        if owner is None:
            raise CommandError(f"There is no user {name!r}.")
        return {"scope": Pause.Scope.TAG if tag else Pause.Scope.USER, "owner": owner, "tag": tag}
    model: Any = Reminder if options["reminder"] is not None else Channel
    pk = options["reminder"] if model is Reminder else options["channel"]
    target = model.objects.exclude_system().filter(pk=pk, deleted_at=None).first()
    if target is None:
        raise CommandError(f"There is no {model._meta.verbose_name} {pk}.")
    return target


def until_of(options: dict[str, Any], now: datetime) -> datetime | None:
    if options["until"] is not None:
        try:
            return parse_instant(options["until"])
        except OutOfRange as error:
            raise CommandError(f"--until: {error}") from error
        except ValueError as error:
            raise CommandError("--until: give an instant with an offset or Z.") from error
    if options["length"] is None:
        return None
    length = length_of(options["length"])
    if length is None:
        raise CommandError("--for: give a length such as 30m, 2h, 3d or PT2H.")
    try:
        return now + length
    except OverflowError:
        raise CommandError("--for: this is out of range.") from None


def length_of(text: str) -> timedelta | None:
    """Parse 30m, 2h, 3d or an ISO 8601 duration."""
    number, unit = text[:-1], text[-1:]
    if unit in UNITS and number.isascii() and number.isdigit() and len(number) < 7:
        return timedelta(**{UNITS[unit]: int(number)})
    try:
        return read_duration(text)
    except DurationError:
        return None
