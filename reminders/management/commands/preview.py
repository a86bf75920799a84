"""Preview of a schedule: a table for people, JSON lines for programs. Needs no database."""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from reminders.recurrence import RecurrenceError, Schedule, local_time
from reminders.schedule.numbering import Count
from reminders.schedule.placeholders import placeholder_error
from reminders.schedule.preview import (
    BEGINNING,
    DEFAULT_COUNT,
    Preview,
    messages,
    next_due_instants,
    preview_schedule,
)

logger = logging.getLogger(__name__)

MAX_COUNT = 1_000
# As long as the longest body of the API.
MAX_LINE = 1024 * 1024
CHUNK = 64 * 1024

_MINUTES = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_WALL = re.compile(f"{_DATE}T{_MINUTES}(?::[0-5][0-9])?(?P<offset>{_OFFSET})?")
_INSTANT = re.compile(rf"{_DATE}T{_MINUTES}(?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?{_OFFSET}")


class Command(BaseCommand):
    help = (
        "Show a schedule in words, and its next occurrences with what clock changes do to them. "
        "Nothing is stored."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "recurrence", nargs="?", default="", help="empty for once, an RFC 5545 rule, or cron"
        )
        parser.add_argument("--starts-at", help="wall-clock time: 2026-11-23T18:00")
        parser.add_argument("--timezone", default="UTC", help="IANA name (default: UTC)")
        parser.add_argument("--gap", help="after (default), before or skip")
        parser.add_argument("--fold", help="first (default), second or both")
        parser.add_argument("--exdate", action="append", metavar="TIME", help="leave this one out")
        parser.add_argument("--rdate", action="append", metavar="TIME", help="add this one")
        parser.add_argument("--title", default="", help="show also what it will say")
        parser.add_argument("--body", default="", help="what follows the title")
        parser.add_argument("--after", help="an instant: 2026-11-23T17:00:00Z (default: now)")
        parser.add_argument(
            "--count", default=str(DEFAULT_COUNT), help=f"how many (default: {DEFAULT_COUNT})"
        )
        parser.add_argument(
            "--stdin", action="store_true", help="read JSON lines and answer each with one"
        )

    def handle(self, **options: Any) -> None:
        try:
            if options["stdin"]:
                self._answer_lines(sys.stdin.buffer)
            else:
                self._show(options, timezone.now())
            self.stdout.flush()
        except BrokenPipeError:
            # The reader has closed the pipe. The interpreter flushes again at its end, which must
            # not raise.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _answer_lines(self, stream: BinaryIO) -> None:
        for lines in batches(stream):
            self.stdout.write("".join(answer(line) for line in lines), ending="")
            self.stdout.flush()

    def _show(self, options: dict[str, Any], now: datetime) -> None:
        count = options["count"]
        fields = {
            **{name: options[name] for name in ("starts_at", "timezone", "recurrence", "after")},
            **{name: options[name] for name in ("gap", "fold")},
            "exdates": options["exdate"],
            "rdates": options["rdate"],
            # Anything but digits stays text, and is refused with its own error.
            "count": int(count) if re.fullmatch("[0-9]{1,9}", count) else count,
        }
        try:
            query = read(fields, after=now)
            result = preview_schedule(query.schedule, query.after, query.count)
            reminder = preview_reminder(options, query.schedule)
        except RecurrenceError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join(table(result)))
        if reminder.title or reminder.body:
            for message in messages(reminder, query.after, Count()):
                self.stdout.write("\n".join(("", *filter(None, (message.title, message.body)))))


@dataclass(frozen=True, slots=True)
class PreviewQuery:
    schedule: Schedule
    after: datetime
    count: int


def read(fields: Mapping[str, Any], after: datetime = BEGINNING) -> PreviewQuery:
    """Parse a schedule, `after` and `count` from JSON values.

    `after` is the default; optional fields may be missing or None. Raises RecurrenceError, which
    names the field at fault.
    """
    timezone = _required(fields, "timezone")
    start = fields.get("after")
    return PreviewQuery(
        schedule=Schedule.validate(
            starts_at=_wall("starts_at", _required(fields, "starts_at"), timezone),
            timezone=timezone,
            recurrence=_optional(fields, "recurrence", ""),
            exdates=_walls("exdates", fields.get("exdates"), timezone),
            rdates=_walls("rdates", fields.get("rdates"), timezone),
            gap=_optional(fields, "gap", "after"),
            fold=_optional(fields, "fold", "first"),
        ),
        after=after if start is None else _instant("after", start),
        count=_count(_optional(fields, "count", DEFAULT_COUNT)),
    )


@dataclass(frozen=True, slots=True)
class PreviewReminder:
    """The fields that a message needs, from the options; its recipient has the same time zone."""

    title: str
    body: str
    schedule: Schedule
    timezone: str
    recipient_timezone: str | None = None
    error: str = ""
    pk: int = 0
    tags: list[str] = field(default_factory=list)
    external_id: str | None = None


def preview_reminder(options: Mapping[str, Any], schedule: Schedule) -> PreviewReminder:
    """Return title and body; RecurrenceError names the one with an invalid placeholder."""
    for name in ("title", "body"):
        if error := placeholder_error(options[name]):
            _refuse(name, error)
    return PreviewReminder(options["title"], options["body"], schedule, schedule.timezone)


def answer(line: bytes) -> str:
    """Return the JSON line that answers one JSON line, with its error if it has one."""
    line_id = None
    try:
        fields = _object(line)
        line_id = _id(fields.get("id"))
        query = read(fields)
        instants, exhausted = next_due_instants(query.schedule, query.after, query.count)
        result: dict[str, Any] = {
            "occurrences": [f"{at.isoformat()[:19]}Z" for at in instants],
            "exhausted": exhausted,
            "text": query.schedule.text,
        }
    except RecurrenceError as error:
        result = {"error": {"field": error.field or None, "message": error.message}}
    except Exception as bug:
        # A bug of FOAM goes into the log, and must not stop the other lines.
        logger.exception("This line could not be answered.")
        result = {"error": {"field": None, "message": f"a bug of FOAM: {type(bug).__name__}"}}
    return json.dumps({"id": line_id, **result}) + "\n"


def batches(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of a stream, all that have arrived at once; a line over MAX_LINE is cut."""
    read1: Callable[[int], bytes] = stream.read1  # type: ignore[attr-defined]
    tail = b""
    while chunk := read1(CHUNK):
        *lines, tail = (tail + chunk).split(b"\n")
        tail = tail[: MAX_LINE + 1]
        if lines:
            yield lines
    if tail:
        yield [tail]


def table(preview: Preview) -> Iterator[str]:
    yield preview.text
    if preview.recurrence:
        yield preview.recurrence
    yield ""
    if preview.occurrences:
        yield f"{'local time':31}{'UTC':21}note".rstrip()
    for row in preview.occurrences:
        local = f"{row.local:%a} {row.local.isoformat(sep=' ')} {row.offset or ''}"
        utc = row.due_at.isoformat(sep=" ")[:19] if row.due_at else "skipped"
        note = row.clock_change.text if row.clock_change else ""
        yield f"{local:31}{utc:21}{note}".rstrip()
    if preview.exhausted:
        yield "Nothing after that." if preview.occurrences else "Nothing is due any more."


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        _refuse("", f"this line is longer than {MAX_LINE} bytes")
    try:
        data = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        _refuse("", "this line is not UTF-8")
    except RecursionError:
        _refuse("", "this JSON is nested too deeply")
    except ValueError as error:
        _refuse("", f"this line is not JSON: {error}")
    if not isinstance(data, dict):
        _refuse("", "a line must be a JSON object")
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _id(value: object) -> object:
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        _refuse("id", "must be text or a whole number")
    return value


def _required(fields: Mapping[str, Any], field: str) -> str:
    value = fields.get(field)
    if value is None:
        _refuse(field, "is required")
    if not isinstance(value, str):
        _refuse(field, "must be text")
    return value


def _optional(fields: Mapping[str, Any], field: str, default: Any) -> Any:
    value = fields.get(field)
    return default if value is None else value


def _walls(field: str, values: object, timezone: str) -> list[datetime]:
    if values is None:
        return []
    if not isinstance(values, list):
        _refuse(field, "must be a list of wall-clock times")
    return [_wall(field, value, timezone) for value in values]


def _wall(field: str, value: object, timezone: str) -> datetime:
    """Parse a local time; a time with an offset is an instant, and is converted to the zone."""
    match = _WALL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        _refuse(field, "must be a wall-clock time such as 2026-11-23T18:00:00")
    moment = _datetime(field, match[0])
    if not match["offset"]:
        return moment
    try:
        return local_time(moment, timezone)
    except OverflowError:
        _refuse(field, "is out of range")


def _instant(field: str, value: object) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        _refuse(field, "must be an instant such as 2026-11-23T17:00:00Z")
    return _datetime(field, value)


def _datetime(field: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        _refuse(field, f"is no date and time: {error}")


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_COUNT:
        _refuse("count", f"must be a whole number from 1 to {MAX_COUNT}")
    return value


def _refuse(field: str, message: str) -> NoReturn:
    raise RecurrenceError(field, message)
