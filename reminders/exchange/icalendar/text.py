"""Title, body and tags of an entry."""

from typing import Any

from reminders.exchange.icalendar.entry import Entry
from reminders.exchange.icalendar.syntax.values import text, texts
from reminders.exchange.plain import escape_braces, one_line
from reminders.schedule.message import BODY_LENGTH, TITLE_LENGTH

UNTITLED = "(no title)"
MAX_TAGS, TAG_LENGTH = 20, 50
# The properties that are appended to the body, and their labels.
IN_BODY = {
    "LOCATION": "Where",
    "URL": "Link",
    "CONFERENCE": "Join",
    "X-GOOGLE-CONFERENCE": "Join",
    "X-MICROSOFT-SKYPETEAMSMEETINGURL": "Join",
    "COMMENT": "Note",
}
# They repeat DESCRIPTION or SUMMARY, as markup or for an older program.
DUPLICATES = ("X-ALT-DESC", "STYLED-DESCRIPTION")


def take_text(entry: Entry) -> dict[str, Any]:
    """Take the text of an entry; return `title`, `body` and `tags` as the API takes them."""
    component = entry.component
    title = one_line(text(component.take_one("SUMMARY"))) or UNTITLED
    description = text(component.take_one("DESCRIPTION"))
    for name in DUPLICATES:
        component.take(name)
    lines = [
        f"{label}: {value}"
        for name, label in IN_BODY.items()
        for prop in component.take(name)
        if (value := text(prop)) and value not in description
    ]
    body = "\n\n".join(filter(None, [description, "\n".join(dict.fromkeys(lines))]))
    return {
        "title": _cut(title, TITLE_LENGTH, "title", entry),
        "body": _cut(body, BODY_LENGTH, "body", entry),
        "tags": _tags(entry),
    }


def _cut(plain: str, limit: int, name: str, entry: Entry) -> str:
    if len(escape_braces(plain)) > limit:
        entry.lose(f"its {name} is longer than {limit} characters, and is cut")
    return escape_braces(plain, limit)


def _tags(entry: Entry) -> list[str]:
    categories = (tag for prop in entry.component.take("CATEGORIES") for tag in texts(prop))
    tags = list(dict.fromkeys(filter(None, map(one_line, categories))))
    short_tags = [tag for tag in tags if len(tag) <= TAG_LENGTH][:MAX_TAGS]
    if count := len(tags) - len(short_tags):
        limit = f"a reminder has at most {MAX_TAGS} tags of {TAG_LENGTH} characters"
        entry.lose(f"{count} of its categories: {limit}")
    return short_tags
