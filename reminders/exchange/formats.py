"""The file formats of imports and exports."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from reminders.exchange import crontab, jsonl
from reminders.exchange.drafts import FileContent
from reminders.exchange.icalendar import file_reader, file_writer
from reminders.exchange.limits import WEB, Limits, Unreadable
from reminders.models import Reminder

# Reminders of one query of an export.
CHUNK = 500
# Characters that an export sends at once: each piece costs a system call on both sides.
BLOCK = 64 * 1024


class Format(NamedTuple):
    """A file format. The first media type and suffix are those of FOAM's own files.

    `write` is None if FOAM only reads the format.
    """

    name: str
    media_types: tuple[str, ...]
    suffixes: tuple[str, ...]
    read: Callable[[bytes, str, Limits], FileContent]
    write: Callable[[Iterable[Reminder], datetime], Iterator[str]] | None = None


ALL = (
    Format(
        "jsonl",
        ("application/x-ndjson", "application/jsonl", "application/x-jsonlines"),
        (".jsonl", ".ndjson"),
        jsonl.read,
        jsonl.write,
    ),
    Format(
        "crontab", ("text/plain", "text/x-crontab"), (".crontab", ".cron", ".txt"), crontab.read
    ),
    Format(
        "icalendar",
        ("text/calendar",),
        (".ics", ".ical", ".vcs"),
        file_reader.read,
        file_writer.write,
    ),
    # With a user name before each command, as in /etc/crontab.
    Format("system-crontab", (), (), crontab.read_system),
)
FORMATS = {format.name: format for format in ALL}
WRITABLE = {format.name: format for format in ALL if format.write}
MEDIA_TYPES = {media_type: format for format in ALL for media_type in format.media_types}


def of_file(name: str) -> Format | None:
    """Return the format of a file by its name."""
    if name.startswith(("/etc/crontab", "/etc/cron.d/")):
        return FORMATS["system-crontab"]
    if name.rpartition("/")[2] == "crontab":
        return FORMATS["crontab"]
    return next((format for format in ALL if name.lower().endswith(format.suffixes)), None)


def read(content: bytes, format: Format, timezone: str, limits: Limits = WEB) -> FileContent:
    """Read a file; `timezone` is for times without one. The one door of all files.

    `limits` are those of the web, or COMMAND for a file that an operator has chosen. Raises
    Unreadable, or its subclass TooMany.
    """
    try:
        return format.read(content, timezone, limits)
    except (OverflowError, RecursionError):
        raise Unreadable("It holds a number that is too large, or is nested too deeply.") from None


def stream(reminders: QuerySet[Reminder]) -> Iterator[Reminder]:
    """Yield reminders with their owners in the order of their creation, one chunk after the other.

    Each chunk is a query of its own, so that no transaction is open while a client reads slowly.
    A reminder that is created or deleted meanwhile may be missing or not.
    """
    ordered = reminders.select_related("owner").order_by("pk")
    last = -1
    while chunk := list(ordered.filter(pk__gt=last)[:CHUNK]):
        yield from chunk
        last = chunk[-1].pk


def in_blocks(pieces: Iterable[str]) -> Iterator[str]:
    """Join small pieces of a file to blocks of about BLOCK characters."""
    block: list[str] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield "".join(block)
            block, size = [], 0
    yield "".join(block)
