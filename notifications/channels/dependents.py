"""What leads to a channel, and would lead nowhere without it: other apps count their own."""

from collections.abc import Callable
from typing import NamedTuple

from notifications.models import Channel


class Dependents(NamedTuple):
    """How many reminders lead to a channel, and for how many of them no other takes messages."""

    reminders: int = 0
    undeliverable: int = 0

    def __str__(self) -> str:
        if not self.reminders:
            return "no reminder led there"
        count = "1 reminder" if self.reminders == 1 else f"{self.reminders:,} reminders"
        if not self.undeliverable:
            return f"{count} led there, and all have another channel"
        return f"{count} led there, {self.undeliverable:,} of which lead nowhere now"


Count = Callable[[Channel], Dependents]

_registered: list[Count] = []


def register(count: Count) -> None:
    """Have an app count what of its own leads to a channel."""
    _registered.append(count)


def of(channel: Channel) -> Dependents:
    """Return how many there are, in all apps."""
    counts = [count(channel) for count in _registered]
    return Dependents(
        sum(each.reminders for each in counts), sum(each.undeliverable for each in counts)
    )
