"""What of a calendar is not carried over: said one by one where it matters, else once per kind."""

from collections import Counter

from reminders.exchange.drafts import Loss
from reminders.exchange.icalendar.syntax.parser import Component

# What says nothing of when, what or whom to remind: who wrote the file, how, and for which view.
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
OTHER = "FOAM has nothing like it"
# More than anyone reads; the number is told.
MAX_LOSSES = 1_000


class Account:
    """Collects losses; what is left of a component counts as lost."""

    def __init__(self) -> None:
        self._said: list[Loss] = []
        self._kinds: Counter[tuple[str, str]] = Counter()
        # The lines that cannot be read, by the kind of component.
        self._broken: dict[str, list[int]] = {}

    def merge(self, other: "Account") -> None:
        """Add all that another account has collected."""
        self._said += other._said
        self._kinds += other._kinds
        for where, numbers in other._broken.items():
            self._broken.setdefault(where, []).extend(numbers)

    def lose(self, where: str, what: str) -> None:
        self._said.append(Loss(where, what))

    def close(self, component: Component) -> None:
        """Count what nobody has taken of a component and what lies in it."""
        where = component.name
        for name, found in component.left.items():
            if name not in BOOKKEEPING:
                self._kinds[where, name] += len(found)
        if component.broken:
            self._broken.setdefault(where, []).extend(component.broken)
        for child in component.children:
            self._kinds[where, child.name] += 1

    def losses(self) -> list[Loss]:
        said = self._said[:MAX_LOSSES]
        if len(self._said) > MAX_LOSSES:
            said.append(Loss("the file", f"and {len(self._said) - MAX_LOSSES} more like these"))
        said += [
            Loss(where or "the file", _broken_lines(sorted(numbers)))
            for where, numbers in sorted(self._broken.items())
        ]
        return said + [
            Loss(where or "the file", _kind(where, name, count))
            for (where, name), count in sorted(self._kinds.items())[:MAX_LOSSES]
        ]


def _broken_lines(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"a line that cannot be read: line {numbers[0]}"
    return f"a line that cannot be read ({len(numbers)} times), the first of which is {numbers[0]}"


def _kind(where: str, name: str, count: int) -> str:
    why = REASONS.get(f"{where} {name}") or REASONS.get(name) or OTHER
    times = f" ({count} times)" if count > 1 else ""
    return f"{name[:80]}{times}: {why}"
