"""What reading a file yields, whatever its format."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Draft:
    """A reminder that a file asks for.

    `fields` as the API takes them (ReminderSerializer); one with an `external_id` that the owner
    has already is replaced. `where` tells a reader which part of the file it is: "line 12",
    'VEVENT "Stand-up"'.
    """

    where: str
    fields: dict[str, Any]
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of the file that is not carried over, and why: nothing is dropped silently."""

    where: str
    what: str


@dataclass(slots=True)
class Reading:
    drafts: list[Draft] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)


class Unreadable(ValueError):
    """This is no file of the format; the message says where reading stopped, and why."""
