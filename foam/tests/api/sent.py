"""What a browser sends for a form of a page, as it was served: also its hidden fields."""

from html.parser import HTMLParser
from typing import Any


def sent_by(page: str, form_id: str) -> dict[str, list[str]]:
    """Return the fields of a form by name, with what they hold."""
    reader = _Reader(form_id)
    reader.feed(page)
    reader.fields.pop("csrfmiddlewaretoken", None)
    return reader.fields


class _Reader(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._form_id = form_id
        self._is_inside = False
        self._templates = 0
        self._select = ""
        self._text: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = values.get("id") == self._form_id
        # Rows that a script adds are not there yet.
        self._templates += tag == "template"
        name = values.get("name", "")
        if not self._is_inside or self._templates or "disabled" in values:
            return
        if tag == "input" and name:
            self._input(name, values)
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in values:
            self._add(self._select, values.get("value", ""))
        elif tag == "textarea":
            self._text = (name, [])

    def handle_endtag(self, tag: str) -> None:
        self._templates -= tag == "template"
        if tag == "form":
            self._is_inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._text:
            name, parts = self._text
            # The first line break after the tag is none of the text.
            text = "".join(parts).removeprefix("\n")
            self._add(name, text.replace("\r\n", "\n").replace("\n", "\r\n"))
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text:
            self._text[1].append(data)

    def _input(self, name: str, values: dict[str, str]) -> None:
        kind = values.get("type", "text")
        if kind in {"submit", "button", "file"}:
            return
        if kind in {"checkbox", "radio"} and "checked" not in values:
            return
        self._add(name, values.get("value", "on" if kind == "checkbox" else ""))

    def _add(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)
