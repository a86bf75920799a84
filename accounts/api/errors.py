"""Errors of a request as {field, code, detail}: the first ones, and the number of the others.

A request of a megabyte can hold 50,000 errors. An answer that listed each would be larger than the
request, and cost the server more than the client.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from rest_framework.exceptions import ErrorDetail

from accounts.api.strict_json import printable

Fault = dict[str, str]
MAX_ERRORS = 20
# Errors listed for one item of a batch.
MAX_ITEM_ERRORS = 5
# Characters of a name or a value that an error repeats from the request.
MAX_ECHO = 100
# Characters. Longer than any error text of FOAM's own, with its list of allowed names.
MAX_DETAIL = 800
# Code of the last error, which counts those left out.
MORE = "more"


def field_errors(detail: Any, limit: int = MAX_ERRORS) -> list[Fault]:
    """Return the first errors of a ValidationError, and the number of the others."""
    first: list[Fault] = []
    omitted = 0
    for field, error in _walk(detail, ""):
        code = getattr(error, "code", None) or "invalid"
        if code == MORE:
            omitted += _count_of(error)
        elif len(first) < limit:
            first.append({"field": field, "code": code, "detail": shorten_middle(str(error))})
        else:
            omitted += 1
    if omitted:
        first.append({"field": "", "code": MORE, "detail": _more(omitted)})
    return first


def unknown_names(names: Sequence[str], message: str) -> dict[str, list[ErrorDetail]]:
    """Return the errors of unknown fields or parameters; the first has `message`."""
    errors = {name: [ErrorDetail("Unknown as well.", "unknown")] for name in names[:MAX_ERRORS]}
    errors[names[0]] = [ErrorDetail(message, "unknown")]
    if omitted := len(names) - len(errors):
        errors.setdefault("", []).append(ErrorDetail(_more(omitted), MORE))
    return errors


def shorten(text: str, limit: int = MAX_ECHO) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def shorten_middle(text: str) -> str:
    """Cut the middle of an error text that repeats a long value."""
    if len(text) > MAX_DETAIL:
        text = f"{text[:MAX_ECHO]}…{text[-MAX_ECHO:]}"
    return printable(text)


class ErrorBudget:
    """Characters that an answer about many items may spend on their errors.

    When the budget is spent, an item still has its first error, shortened.
    """

    def __init__(self, characters: int = 64_000) -> None:
        self.characters = characters

    def cut(self, faults: Sequence[Fault]) -> tuple[Fault, ...]:
        """Return an item's errors, cut to the budget, and spend it."""
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
