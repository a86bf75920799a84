"""The formats that reminders come and go in."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from reminders.exchange import crontab, jsonl
from reminders.exchange.drafts import Reading, Unreadable
from reminders.exchange.icalendar import file_reader, file_writer
from reminders.models import Reminder

# What may be asked for over the web at once; a command has no such limit.
MOST = 10_000


class TooMany(Unreadable):
    """The file asks for more than MOST."""


class Format(NamedTuple):
    """A format; its first media type and suffix are those of what FOAM writes.

    `write` is None where FOAM only reads it. `read_large` is given where `read` has limits that
    are meant for the web: commands have none of them.
    """

    name: str
    media_types: tuple[str, ...]
    suffixes: tuple[str, ...]
    read: Callable[[bytes, str], Reading]
    write: Callable[[Iterable[Reminder], datetime], Iterator[str]] | None = None
    read_large: Callable[[bytes, str], Reading] | None = None

    def read_file(self, content: bytes, timezone: str) -> Reading:
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
    # With the name of a user before each command, as in /etc/crontab.
    Format("system-crontab", (), (), crontab.read_system),
)
FORMATS = {each.name: each for each in ALL}
WRITABLE = {each.name: each for each in ALL if each.write}
MEDIA_TYPES = {media_type: each for each in ALL for media_type in each.media_types}


def of_file(name: str) -> Format | None:
    """Return the format that the name of a file tells."""
    if name.startswith(("/etc/crontab", "/etc/cron.d/")):
        return FORMATS["system-crontab"]
    if name.rpartition("/")[2] == "crontab":
        return FORMATS["crontab"]
    return next((each for each in ALL if name.lower().endswith(each.suffixes)), None)


def read_some(content: bytes, format: Format, timezone: str) -> Reading:
    """Read a file that came over the web; `timezone` is for times without one.

    Raises Unreadable, or TooMany of it.
    """
    reading = format.read(content, timezone)
    asked = len(reading.channels) + sum(
        1 + len(draft.arrival.skipped if draft.arrival else ()) for draft in reading.drafts
    )
    if asked > MOST:
        raise TooMany(f"One request takes up to {MOST} reminders, and this has {asked}. Split it.")
    return reading
