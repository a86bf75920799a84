"""The reminders that use a channel, as counted by the apps above this one."""

from collections.abc import Callable
from typing import NamedTuple

from notifications.models import Channel


class Dependents(NamedTuple):
    """The number of reminders that use a channel, and of those without another usable channel."""

    reminders: int = 0
    undeliverable: int = 0

    def __str__(self) -> str:
        if not self.reminders:
            return "no reminder led there"
        count = "1 reminder" if self.reminders == 1 else f"{self.reminders:,} reminders"
        if not self.undeliverable:
            return f"{count} led there, and all have another channel"
        return f"{count} led there, {self.undeliverable:,} of which lead nowhere now"


CountDependents = Callable[[Channel], Dependents]

# The functions that count the dependents of a channel: see foam.hooks.
counters: list[CountDependents] = []


def of(channel: Channel) -> Dependents:
    """Return the dependents of a channel in all apps."""
    counts = [count(channel) for count in counters]
    return Dependents(
        sum(count.reminders for count in counts), sum(count.undeliverable for count in counts)
    )
