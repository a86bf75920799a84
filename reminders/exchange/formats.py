"""The formats that reminders come and go in."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from reminders.exchange import crontab, icalendar, jsonl
from reminders.exchange.reading import Reading
from reminders.models import Reminder


class Format(NamedTuple):
    """A format; its first media type and suffix are those of what FOAM writes.

    `write` is None where FOAM only reads it.
    """

    name: str
    media_types: tuple[str, ...]
    suffixes: tuple[str, ...]
    read: Callable[[bytes, str], Reading]
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
    Format("icalendar", ("text/calendar",), (".ics", ".ical"), icalendar.read, icalendar.write),
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
