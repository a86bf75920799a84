"""The parts of a calendar that an import loses: reported one by one, or counted by kind."""

from collections import Counter, defaultdict

from reminders.exchange.drafts import LossList
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.limits import MAX_LOSSES

# Properties that say nothing of the time, the text or the receiver of a reminder. Their loss is
# not reported.
BOOKKEEPING = frozenset(
    [
        "CALSCALE",
        "CLASS",
        "CREATED",
        "DTSTAMP",
        "LAST-MODIFIED",
        "METHOD",
        "PRODID",
        "REFRESH-INTERVAL",
        "SEQUENCE",
        "TRANSP",
        "VERSION",
        "X-LIC-ERROR",
        "X-MOZ-GENERATION",
        "X-MOZ-LASTACK",
        "X-PUBLISHED-TTL",
        "X-MICROSOFT-CDO-BUSYSTATUS",
        "X-MICROSOFT-CDO-INTENDEDSTATUS",
        "X-MICROSOFT-DISALLOW-COUNTER",
        "X-WR-ALARMUID",
        "X-WR-RELCALID",
        "X-APPLE-DEFAULT-ALARM",
        "X-APPLE-LOCAL-DEFAULT-ALARM",
    ]
)
REASONS = {
    "ACKNOWLEDGED": "what has been answered elsewhere is not known here",
    "ATTACH": "a reminder has no attachments",
    "ATTENDEE": "a reminder tells its owner's channels, and has no guests",
    "CONTACT": "a reminder has no contacts",
    "DTEND": "a reminder has no length",
    "DUE": "it is due at its start",
    "DURATION": "a reminder has no length",
    "EXRULE": "rules of exception are not supported: it may be due more often",
    "GEO": "a reminder has no place",
    "ORGANIZER": "a reminder belongs to who imports it",
    "PRIORITY": "reminders have no order",
    "RELATED-TO": "reminders are not linked",
    "RESOURCES": "a reminder has no resources",
    "RRULE": "a reminder has one rule; only the first is carried",
    "VALARM DESCRIPTION": "a reminder says its own title and body",
    "VALARM SUMMARY": "a reminder says its own title and body",
    "VAVAILABILITY": "is no reminder",
    "VFREEBUSY": "is no reminder",
    "VJOURNAL": "is no reminder",
}
# Kinds of properties and components that are listed.
MAX_COUNTED = 500
UNKNOWN_REASON = "FOAM has nothing like it"


class Losses:
    """The losses of one entry, or of a file. `where` is the part of the file that they concern."""

    def __init__(self, where: str = "the file") -> None:
        self.where = where
        self._described = LossList()
        self._counts: Counter[tuple[str, str]] = Counter()
        # The lines that cannot be read, by the kind of component.
        self._broken_lines: dict[str, list[int]] = defaultdict(list)

    def add(self, what: str, where: str = "") -> None:
        self._described.add(where or self.where, what)

    def merge(self, losses: "Losses") -> None:
        self._described.merge(losses._described)
        # Not by `+=`, which goes over all counts.
        self._counts.update(losses._counts)
        for where, numbers in losses._broken_lines.items():
            self._broken_lines[where] += numbers

    def count_unread(self, component: Component) -> None:
        """Count the properties and children that no reader has taken from a component."""
        where = component.name
        for name, properties in component.properties.items():
            if name not in BOOKKEEPING:
                self._counts[where, name] += len(properties)
        if component.broken_lines:
            self._broken_lines[where] += component.broken_lines
        self._counts.update((where, child.name) for child in component.children)

    def put_into(self, losses: LossList) -> None:
        """Add all losses to an empty list, with room for the counts by kind."""
        counted = LossList()
        for where, numbers in sorted(self._broken_lines.items()):
            counted.add(where or "the file", _broken_lines(sorted(numbers)))
        for (where, name), count in sorted(self._counts.items())[:MAX_COUNTED]:
            counted.add(where or "the file", _kind(where, name, count))
        described = self._described.first
        losses.first = described[: MAX_LOSSES - len(counted.first)]
        losses.omitted = self._described.omitted + len(described) - len(losses.first)
        losses.omitted += max(len(self._counts) - MAX_COUNTED, 0)
        losses.merge(counted)


def _broken_lines(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"a line that cannot be read: line {numbers[0]}"
    return f"a line that cannot be read ({len(numbers)} times), the first of which is {numbers[0]}"


def _kind(where: str, name: str, count: int) -> str:
    reason = REASONS.get(f"{where} {name}") or REASONS.get(name) or UNKNOWN_REASON
    times = f" ({count} times)" if count > 1 else ""
    return f"{name[:80]}{times}: {reason}"
