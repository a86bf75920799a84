"""Strict JSON parser: UTF-8, unique names, finite numbers, text that can be stored."""

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError, ValidationError

# Twice the depth of any valid body, and shallow enough for every recursive function here.
MAX_DEPTH = 50
# Characters that PostgreSQL, JSON or a mail refuses: controls other than tab and line breaks, and
# halves of a surrogate pair.
UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# An escape that may stand for an unusable character. `_check` then clears whole surrogate pairs.
_SUSPECT = re.compile(r"\x7f|\\(?:[bf]|u(?:00[01]|007[fF]|[dD][89a-fA-F]))")


class UnusableJson(ValueError):
    """Refused JSON; `place` is the path of the wrong field, if it is known."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.message, self.place = message, place


def parse_json(body: bytes) -> Any:
    """Parse a request body. Raises UnusableJson."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableJson(f"This is not UTF-8: see byte {error.start}.") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise UnusableJson("This JSON is nested too deeply.") from None
    except UnusableJson:
        raise
    except ValueError as error:
        raise UnusableJson(f"JSON parse error - {error}") from None
    if text.count("[") + text.count("{") > MAX_DEPTH or _SUSPECT.search(text):
        _check(value)
    return value


def printable(text: str) -> str:
    """Escape the characters that cannot be shown."""
    return UNUSABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def describe_unusable(text: str) -> str | None:
    """Return the reason why `text` cannot be stored; None if it can."""
    match = UNUSABLE.search(text)
    if match is None:
        return None
    code = ord(match[0])
    if code >= 0xD800:
        return f"U+{code:04X} is one half of a surrogate pair, and no character."
    return (
        "Null characters are not allowed."
        if not code
        else (f"Control characters such as U+{code:04X} are not allowed.")
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names: set[str] = set()
        name = next(name for name, _ in pairs if name in names or names.add(name))  # type: ignore[func-returns-value]
        raise UnusableJson("This name is given twice in one object.", printable(name))
    return value


def _refuse_constant(name: str) -> None:
    raise UnusableJson(f"JSON parse error - {name} is no number.")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise UnusableJson("JSON parse error - this number is too large.")
    return number


def _check(value: Any) -> None:
    """Raise UnusableJson for text that cannot be stored, or for nesting too deep."""
    stack: list[tuple[Any, str, int]] = [(value, "", 0)]
    while stack:
        node, place, depth = stack.pop()
        if isinstance(node, str):
            if reason := describe_unusable(node):
                raise UnusableJson(reason, place)
            continue
        if isinstance(node, dict):
            for name in node:
                if reason := describe_unusable(name):
                    raise UnusableJson(reason, _below(place, printable(name)))
            children = list(node.items())
        elif isinstance(node, list):
            children = [(str(index), child) for index, child in enumerate(node)]
        else:
            continue
        if depth >= MAX_DEPTH:
            raise UnusableJson("This JSON is nested too deeply.", place.partition(".")[0])
        stack += [(child, _below(place, name), depth + 1) for name, child in reversed(children)]


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


class JSONParser(parsers.JSONParser):
    """Parses JSON, and refuses text that the database cannot store."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return parse_json(stream.read())
        except UnusableJson as error:
            if error.place:
                raise ValidationError({error.place: [error.message]}) from None
            raise ParseError(error.message) from None
