"""Docstrings and help texts as HTML."""

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe


def describe(text: str) -> SafeString:
    """Return the paragraphs of a docstring as HTML, with `code`."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    html = [f"<p>{_with_code(escape(text))}</p>" for text in paragraphs if text]
    return mark_safe("".join(html))  # noqa: S308 escaped above


def _with_code(text: str) -> str:
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return text
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
