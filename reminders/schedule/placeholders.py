"""Placeholders in title and body of a reminder, filled in when it fires. Pure.

`{due}` is replaced by the due instant, `{{` and `}}` by braces. There are no expressions: a user
who may write a reminder must not be able to run code.
"""

import re
from collections.abc import Mapping

PLACEHOLDERS = ("due", "due_date", "due_time", "lead", "number")

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# An error message quotes this many characters of an unknown placeholder.
_MAX_QUOTED = 30


def placeholder_error(text: str) -> str:
    """Return what is wrong with the placeholders of a text, and what is allowed; empty if valid."""
    if "{" not in text:
        return ""
    for token in _TOKEN.finditer(text):
        name = token[1]
        if name is None and len(token[0]) == 1:
            return f"A single {token[0]} is part of no placeholder. {_allowed()}"
        if name is not None and name not in PLACEHOLDERS:
            cut = name if len(name) <= _MAX_QUOTED else f"{name[:_MAX_QUOTED]}…"
            return f"There is no placeholder {{{cut}}}. {_allowed()}"
    return ""


def render(text: str, values: Mapping[str, str], limit: int) -> str:
    """Return a text with its placeholders filled in, cut to `limit` characters.

    A text with invalid placeholders is older than placeholders, and is returned unchanged.
    """
    if "{" not in text or placeholder_error(text):
        return text
    result = _TOKEN.sub(lambda token: values[token[1]] if token[1] else token[0][0], text)
    return result if len(result) <= limit else f"{result[: limit - 1]}…"


def _allowed() -> str:
    *first, last = (f"{{{name}}}" for name in PLACEHOLDERS)
    return f"Use {', '.join(first)} or {last}; for a brace itself write {{{{ or }}}}."
