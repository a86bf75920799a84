"""The content of a file in any format: drafts of reminders and channels, and losses."""

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reminders.schedule.imported_state import ImportedState

PAUSED = ImportedState("paused")


@dataclass(frozen=True, slots=True)
class Draft:
    """A reminder that an import creates, or updates if the owner has its `external_id` already.

    `fields` are as the API takes them (ReminderSerializer), but may name channels by key
    (notifications.channel_exchange). `where` is the part of the file: "line 12", 'VEVENT "Tea"'.
    `state` is the state of the reminder in the file, if the file has one.
    """

    where: str
    fields: dict[str, Any]
    state: ImportedState | None = None


@dataclass(frozen=True, slots=True)
class ChannelDraft:
    """A channel that an import creates or updates; `fields` as ChannelSerializer takes them."""

    where: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loss:
    """A part of the file that is not imported, and the reason. Each one is reported."""

    where: str
    what: str


@dataclass(slots=True)
class FileContent:
    drafts: list[Draft] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    # They are imported before the drafts, which may name them.
    channels: list[ChannelDraft] = field(default_factory=list)


class Unreadable(ValueError):
    """The file does not have the format; the message says at which place, and why."""


def read_lines(content: bytes, read_line: Callable[[str, str], None]) -> None:
    """Call `read_line` with each line of a text file in UTF-8, and its place: "line 12".

    Raises Unreadable with the number of the line that `read_line` refuses.
    """
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        try:
            read_line(line.decode(), f"line {number}")
        except UnicodeDecodeError:
            raise Unreadable(f"Line {number}: this is no text in UTF-8.") from None
        except Unreadable as error:
            raise Unreadable(f"Line {number}: {error}") from None
