"""Placeholders in the words of a reminder, filled in when it speaks. Pure.

A text is a template when it has a `{`: there `{due}` stands for the due instant, and `{{` and `}}`
for braces. There is nothing else, so that whoever may write a reminder can do no more than words.
"""

import re
from collections.abc import Mapping

PLACEHOLDERS = ("due", "due_date", "due_time", "lead", "number")

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# Of what stands in braces and should not, so much is repeated.
_QUOTED = 30


def problem(text: str) -> str:
    """Say what is wrong with a text as a template, and what is allowed; empty when it is good."""
    if "{" not in text:
        return ""
    for token in _TOKEN.finditer(text):
        name = token[1]
        if name is None and len(token[0]) == 1:
            return f"A single {token[0]} is part of no placeholder. {_allowed()}"
        if name is not None and name not in PLACEHOLDERS:
            cut = name if len(name) <= _QUOTED else f"{name[:_QUOTED]}…"
            return f"There is no placeholder {{{cut}}}. {_allowed()}"
    return ""


def render(text: str, values: Mapping[str, str], limit: int) -> str:
    """Fill in the placeholders of a text, and cut what comes out to a limit.

    A text that is no good template was stored before there were any: it is shown as it is.
    """
    if "{" not in text or problem(text):
        return text
    said = _TOKEN.sub(lambda token: values[token[1]] if token[1] else token[0][0], text)
    return said if len(said) <= limit else f"{said[: limit - 1]}…"


def _allowed() -> str:
    *others, last = (f"{{{name}}}" for name in PLACEHOLDERS)
    return f"Use {', '.join(others)} or {last}; for a brace itself write {{{{ or }}}}."
