"""Search in the admin, which takes the same time with any number of rows.

Ids, external ids, owners and tags are found by an index, and so are the words of one owner's
reminders. Words of all owners, and of other rows, are searched in the newest rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User

# Rows whose titles are searched, which takes a tenth of a second.
NEWEST_ROWS = 50_000
SEARCHED = (
    f"Only the newest {NEWEST_ROWS:,} are searched; put an owner first (“ada invoice”) to search "
    "all of theirs."
)
# Rows that a search finds. Not fewer than a list counts, which shows that there are more.
MAX_FOUND = 10_000
# Owners that match a word, and words of the text that are used.
MAX_OWNERS = 100
MAX_WORDS = 5
# Fields by which a search finds the owner of a row, and a user.
OWNER = ("username", "email")
PERSON = (*OWNER, "first_name", "last_name")
# Digits of an id, so that it fits into a bigint.
MAX_ID_DIGITS = 18


def words_of(text: str) -> list[str]:
    return text.split()[:MAX_WORDS]


def number_of(text: str) -> int | None:
    """Return the text as an id; None if it is none."""
    is_id = text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS
    return int(text) if is_id else None


def owners(words: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
    """Yield, for each word that begins a username or e-mail address, (owner ids, other words)."""
    for index, word in enumerate(words):
        users = User.objects.filter(begins(word, *OWNER))
        owner_ids = list(users.values_list("pk", flat=True)[:MAX_OWNERS])
        if owner_ids:
            yield owner_ids, [*words[:index], *words[index + 1 :]]


def begins(word: str, *fields: str) -> Q:
    """Return the condition that one of the fields begins with a word, in any case."""
    return reduce(or_, (Q((f"{field}__istartswith", word)) for field in fields))


def newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the newest NEWEST_ROWS of some rows, by id."""
    ids = rows.order_by("-pk").values_list("pk", flat=True)
    last_excluded = list(ids[NEWEST_ROWS : NEWEST_ROWS + 1])
    return rows.filter(pk__gt=last_excluded[0]) if last_excluded else rows


def containing(rows: QuerySet[Any], words: Iterable[str], *fields: str) -> QuerySet[Any]:
    """Return the rows with each word in one of the fields, in any case."""
    for word in words:
        rows = rows.filter(reduce(or_, (Q((f"{field}__icontains", word)) for field in fields)))
    return rows


def ids(parts: Iterable[QuerySet[Any]]) -> list[int]:
    """Return the ids of all rows in these parts, newest first, at most MAX_FOUND + 1."""
    merged: set[int] = set()
    for rows in parts:
        merged.update(rows.order_by("-pk").values_list("pk", flat=True)[: MAX_FOUND + 1])
    return sorted(merged, reverse=True)[: MAX_FOUND + 1]
