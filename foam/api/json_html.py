"""JSON answers of the API as HTML, with links at ids and addresses."""

import json
from functools import lru_cache
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

_INDENT = "  "


def linked(value: Any, noun: str | None) -> SafeString:
    """Return JSON as HTML with links. `noun` is the kind of `id` at the top and in `results`."""
    return _value(value, "", noun, 0)


def _value(value: Any, key: str, noun: str | None, depth: int) -> SafeString:
    if isinstance(value, dict) and value:
        inner = noun if key in ("", "results") else None
        rows = [
            (json.dumps(name), _value(member, name, inner, depth + 1))
            for name, member in value.items()
        ]
        return _block("{", "}", depth, [format_html("<b>{}</b>: {}", *row) for row in rows])
    if isinstance(value, list) and value:
        if not any(isinstance(element, dict | list) for element in value):
            items = [(_value(element, key, noun, depth),) for element in value]
            return format_html("[{}]", format_html_join(", ", "{}", items))
        return _block("[", "]", depth, [_value(element, key, noun, depth + 1) for element in value])
    href = _address(key, value, noun)
    text = json.dumps(value, ensure_ascii=False)
    if href:
        return format_html('<a href="{}">{}</a>', href, text)
    return format_html("<span class={}>{}</span>", _kind(value), text)


def _block(begin: str, end: str, depth: int, rows: list[SafeString]) -> SafeString:
    inner = mark_safe("\n" + _INDENT * (depth + 1))  # noqa: S308 only blanks
    joined = format_html_join(mark_safe(",") + inner, "{}", ((row,) for row in rows))
    return format_html("{}{}{}\n{}{}", begin, inner, joined, _INDENT * depth, end)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "string"
    return "literal" if value is None or isinstance(value, bool | dict | list) else "number"


def _address(key: str, value: Any, noun: str | None) -> str | None:
    if isinstance(value, str):
        if value.startswith(("http://", "https://")):
            return value
        kind, _, number = value.partition(":")
        number = number.split(":")[0]
        is_reference = key == "reference" and number.isascii() and number.isdigit()
        return _detail(kind, int(number)) if is_reference else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if key == "id":
        return _detail(noun, value) if noun else None
    named = key.rsplit("_", maxsplit=1)[-1]
    return _detail(named, value) or _detail(named.removesuffix("s"), value)


@lru_cache(maxsize=4096)
def _detail(noun: str, number: int) -> str | None:
    try:
        return reverse(f"{noun}-detail", args=[number])
    except NoReverseMatch:
        return None
