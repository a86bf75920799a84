"""The faults of a request, as {field, code, detail}: the first ones, and the number of the others.

A request of a megabyte can hold 50,000 faults. An answer that told each of them would be larger
than the request, and cost more to make than the request to send.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from rest_framework.exceptions import ErrorDetail

from accounts.api.strict_json import printable

Fault = dict[str, str]
MAX_ERRORS = 20
# Of one item among many.
MAX_ITEM_ERRORS = 5
# Of a name or a value that the client sent.
MAX_ECHO = 100
# Longer than any sentence of ours, its list of allowed names included.
MAX_DETAIL = 800
# The code of the line that counts the faults which are left out.
MORE = "more"


def field_errors(detail: Any, limit: int = MAX_ERRORS) -> list[Fault]:
    """Return the first faults of a ValidationError's detail, and a line that counts the others."""
    first: list[Fault] = []
    left = 0
    for field, error in _walk(detail, ""):
        code = getattr(error, "code", None) or "invalid"
        if code == MORE:
            left += _count_of(error)
        elif len(first) < limit:
            first.append({"field": field, "code": code, "detail": shorten_middle(str(error))})
        else:
            left += 1
    if left:
        first.append({"field": "", "code": MORE, "detail": _more(left)})
    return first


def unknown_names(names: Sequence[str], message: str) -> dict[str, list[ErrorDetail]]:
    """Return the errors of names that nobody knows; the first of them bears `message`."""
    errors = {name: [ErrorDetail("Unknown as well.", "unknown")] for name in names[:MAX_ERRORS]}
    errors[names[0]] = [ErrorDetail(message, "unknown")]
    if left := len(names) - len(errors):
        errors.setdefault("", []).append(ErrorDetail(_more(left), MORE))
    return errors


def shorten(text: str, limit: int = MAX_ECHO) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def shorten_middle(text: str) -> str:
    """Return a sentence without the middle of the value that it repeats."""
    if len(text) > MAX_DETAIL:
        text = f"{text[:MAX_ECHO]}…{text[-MAX_ECHO:]}"
    return printable(text)


class ErrorBudget:
    """How much an answer about many items may say of their faults, in characters.

    When it is spent, an item still has its first fault, in short.
    """

    def __init__(self, characters: int = 64_000) -> None:
        self.characters = characters

    def cut(self, faults: Sequence[Fault]) -> tuple[Fault, ...]:
        """Return what of an item's faults is told."""
        if self.characters <= 0:
            faults = [{**fault, "detail": shorten(fault["detail"])} for fault in faults[:1]]
        self.characters -= sum(len(text) for fault in faults for text in fault.values())
        return tuple(faults)


def _walk(detail: Any, field: str) -> Iterator[tuple[str, Any]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            part = shorten(printable(str(name)))
            yield from _walk(inner, f"{field}.{part}" if field else part)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _walk(inner, field)
    else:
        yield field, detail


def _more(count: int) -> str:
    return f"… and {count:,} more."


def _count_of(line: str) -> int:
    return int("".join(filter(str.isdecimal, line)))
