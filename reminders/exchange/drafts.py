"""What reading a file yields, whatever its format."""

from dataclasses import dataclass, field
from typing import Any

from reminders.schedule.imported_state import ImportedState


@dataclass(frozen=True, slots=True)
class Draft:
    """A reminder that a file asks for.

    `fields` as the API takes them (ReminderSerializer); one with an `external_id` that the owner
    has already is replaced. Its channels may be named by their keys (notifications.portable).
    `where` tells a reader which part of the file it is: "line 12", 'VEVENT "Stand-up"'.
    `arrival` is what the file tells of its state; `is_paused` is short for one that is paused.
    """

    where: str
    fields: dict[str, Any]
    is_paused: bool = False
    arrival: ImportedState | None = None

    @property
    def state(self) -> ImportedState | None:
        return ImportedState("paused") if self.is_paused else self.arrival


@dataclass(frozen=True, slots=True)
class ChannelDraft:
    """A channel that a file asks for; `fields` as the API takes them (ChannelSerializer)."""

    where: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of the file that is not carried over, and why: nothing is dropped silently."""

    where: str
    what: str


@dataclass(slots=True)
class Reading:
    drafts: list[Draft] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    # Before the drafts, which may name them.
    channels: list[ChannelDraft] = field(default_factory=list)


class Unreadable(ValueError):
    """This is no file of the format; the message says where reading stopped, and why."""
