"""The content of a file in any format: drafts of reminders and channels, and losses."""

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reminders.exchange.limits import (
    MAX_LOSSES,
    WEB,
    Limits,
    TooMany,
    Unreadable,
    check_size,
    check_time,
)
from reminders.schedule.imported_state import ImportedState

PAUSED = ImportedState("paused")
# Characters of a loss, which may repeat a part of the file.
WHERE_LENGTH, WHAT_LENGTH = 200, 500


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


class LossList:
    """The first losses, and the number of the others: each byte of a file may be one."""

    def __init__(self) -> None:
        self.first: list[Loss] = []
        self.omitted = 0

    def add(self, where: str, what: str) -> None:
        if len(self.first) < MAX_LOSSES:
            self.first.append(Loss(_cut(where, WHERE_LENGTH), _cut(what, WHAT_LENGTH)))
        else:
            self.omitted += 1

    def merge(self, losses: "LossList") -> None:
        """Add the losses of a part of the file."""
        free = MAX_LOSSES - len(self.first)
        self.first += losses.first[:free]
        self.omitted += losses.omitted + max(len(losses.first) - free, 0)

    def as_list(self) -> list[Loss]:
        """Return the losses; the last one counts those left out."""
        if not self.omitted:
            return self.first
        return [*self.first, Loss("the file", f"and {self.omitted:,} more like these")]


@dataclass(slots=True)
class FileContent:
    """The items and the losses of a file."""

    limits: Limits = WEB
    drafts: list[Draft] = field(default_factory=list)
    # They are imported before the drafts, which may name them.
    channels: list[ChannelDraft] = field(default_factory=list)
    loss_list: LossList = field(default_factory=LossList)
    items: int = 0

    @property
    def losses(self) -> list[Loss]:
        return self.loss_list.as_list()

    def add(self, item: Draft | ChannelDraft) -> None:
        """Add a reminder or a channel. Raises TooMany for the first one beyond the limits."""
        skipped = len(item.state.skipped) if isinstance(item, Draft) and item.state else 0
        self.items += 1 + skipped
        if self.items > self.limits.items:
            most = f"One request takes up to {self.limits.items} reminders"
            raise TooMany(f"{most}, and this has more. Split it.")
        if isinstance(item, Draft):
            self.drafts.append(item)
        else:
            self.channels.append(item)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def read_lines(content: bytes, read_line: Callable[[str, str], None], limits: Limits = WEB) -> None:
    """Call `read_line` with each line of a text file in UTF-8, and its place: "line 12".

    Raises Unreadable with the number of the line that `read_line` refuses, and for a file that is
    too large.
    """
    check_size(content, limits)
    begin, number = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0, 0
    while begin <= len(content):
        end = content.find(b"\n", begin)
        end = len(content) if end < 0 else end
        number += 1
        try:
            read_line(content[begin:end].decode(), f"line {number}")
            begin = end + 1
        except UnicodeDecodeError:
            raise Unreadable(f"Line {number}: this is no text in UTF-8.") from None
        except TooMany:
            raise
        except Unreadable as error:
            raise Unreadable(f"Line {number}: {error}") from None
        check_time()
