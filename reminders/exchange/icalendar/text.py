"""Title, body and tags of what a calendar holds."""

from typing import Any

from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import text, texts
from reminders.schedule.message import BODY_LENGTH, TITLE_LENGTH

UNTITLED = "(no title)"
MAX_TAGS, TAG_LENGTH = 20, 50
# What stands in the body under a name, as people read it there.
IN_BODY = {
    "LOCATION": "Where",
    "URL": "Link",
    "CONFERENCE": "Join",
    "X-GOOGLE-CONFERENCE": "Join",
    "X-MICROSOFT-SKYPETEAMSMEETINGURL": "Join",
    "COMMENT": "Note",
}
# The same as DESCRIPTION or SUMMARY, as markup or for an older program.
SAME = (
    "X-ALT-DESC",
    "STYLED-DESCRIPTION",
    "X-MICROSOFT-CDO-ALLDAYEVENT",
    "X-MICROSOFT-MSNCALENDAR-ALLDAYEVENT",
    "X-FUNAMBOL-ALLDAY",
)


def literal(plain: str) -> str:
    """Return a text that is no template, however many braces it has."""
    return plain.replace("{", "{{").replace("}", "}}") if "{" in plain else plain


def shown(stored: str) -> str:
    """Return a text for people: braces as they are meant, placeholders as they stand."""
    return stored.replace("{{", "{").replace("}}", "}") if "{" in stored else stored


def one_line(plain: str) -> str:
    return " ".join(plain.split())


def words(component: Component, where: str, account: Account) -> dict[str, Any]:
    """Take what is said: `title`, `body` and `tags` as the API takes them."""
    title = one_line(text(component.take_one("SUMMARY"))) or UNTITLED
    described = text(component.take_one("DESCRIPTION"))
    for name in SAME:
        component.take(name)
    lines = [
        f"{label}: {value}"
        for name, label in IN_BODY.items()
        for found in component.take(name)
        if (value := text(found)) and value not in described
    ]
    body = "\n\n".join(filter(None, [described, "\n".join(dict.fromkeys(lines))]))
    return {
        "title": _cut(title, TITLE_LENGTH, "title", where, account),
        "body": _cut(body, BODY_LENGTH, "body", where, account),
        "tags": _tags(component, where, account),
    }


def _cut(plain: str, limit: int, name: str, where: str, account: Account) -> str:
    if len(literal(plain)) <= limit:
        return literal(plain)
    account.lose(where, f"its {name} is longer than {limit} characters, and is cut")
    kept = plain[: limit - 1]
    while len(literal(kept)) > limit - 1:
        kept = kept[: len(kept) - (len(literal(kept)) - limit + 1 + 1) // 2]
    return literal(kept) + "…"


def _tags(component: Component, where: str, account: Account) -> list[str]:
    found = [one_line(tag) for each in component.take("CATEGORIES") for tag in texts(each)]
    tags = list(dict.fromkeys(filter(None, found)))
    kept = [tag for tag in tags if len(tag) <= TAG_LENGTH][:MAX_TAGS]
    if len(kept) < len(tags):
        account.lose(
            where,
            f"{len(tags) - len(kept)} of its categories: a reminder has at most {MAX_TAGS} tags "
            f"of {TAG_LENGTH} characters",
        )
    return kept
