"""Docstrings and help texts as HTML."""

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe


def describe(text: str) -> SafeString:
    """Return the paragraphs of a docstring as HTML, with `code`."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    shown = [f"<p>{_with_code(escape(part))}</p>" for part in paragraphs if part]
    return mark_safe("".join(shown))  # noqa: S308 escaped above


def _with_code(text: str) -> str:
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return text
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
