from collections.abc import Iterable
from typing import Any


class RecurrenceError(ValueError):
    """A schedule that cannot be used.

    `field` is the name of the field at fault (recurrence, starts_at, timezone, exdates, rdates,
    gap, fold or leads); `message` names the part and what is allowed.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message

    def __reduce__(self) -> tuple[type["RecurrenceError"], tuple[str, str]]:
        return type(self), (self.field, self.message)


def clip(text: str) -> str:
    """Return a text cut to the length that fits into a message."""
    return text if len(text) <= 40 else f"{text[:37]}..."


def as_tuple(field: str, values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the values of a field; raise RecurrenceError where they are no list."""
    try:
        return tuple(values)
    except TypeError:
        raise RecurrenceError(field, "must be a list") from None
