"""The file formats of imports and exports."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from reminders.exchange import crontab, jsonl
from reminders.exchange.drafts import FileContent, Unreadable
from reminders.exchange.icalendar import file_reader, file_writer
from reminders.models import Reminder

# Reminders, channels and skipped instants in one request; a command has no such limit.
MOST = 10_000
# Reminders of one query of an export.
CHUNK = 500
# Characters that an export sends at once: each piece costs a system call on both sides.
BLOCK = 64 * 1024


class TooMany(Unreadable):
    """The file has more than MOST reminders, channels and skipped instants."""


class Format(NamedTuple):
    """A file format. The first media type and suffix are those of FOAM's own files.

    `write` is None if FOAM only reads the format. `read_large` is for commands, if `read` has
    limits that are meant for the web.
    """

    name: str
    media_types: tuple[str, ...]
    suffixes: tuple[str, ...]
    read: Callable[[bytes, str], FileContent]
    write: Callable[[Iterable[Reminder], datetime], Iterator[str]] | None = None
    read_large: Callable[[bytes, str], FileContent] | None = None

    def read_file(self, content: bytes, timezone: str) -> FileContent:
        """Read a file that an operator has chosen. Raises Unreadable."""
        return (self.read_large or self.read)(content, timezone)


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
        file_reader.read_large,
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


def read_upload(content: bytes, format: Format, timezone: str) -> FileContent:
    """Read a file that came over the web; `timezone` is for times without one.

    Raises Unreadable, or its subclass TooMany.
    """
    result = format.read(content, timezone)
    skipped = sum(len(draft.state.skipped) for draft in result.drafts if draft.state)
    count = len(result.channels) + len(result.drafts) + skipped
    if count > MOST:
        raise TooMany(f"One request takes up to {MOST} reminders, and this has {count}. Split it.")
    return result


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
