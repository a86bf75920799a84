"""What staff search for in the admin, by what is indexed, however many rows there are.

An id, an external id or an owner is looked up. The words of titles are in no index, as each would
cost every firing: they are looked for among the newest rows, and among those of an owner.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User

# Titles are looked for among so many, which takes a tenth of a second.
NEWEST = 50_000
SEARCHED = (
    f"Only the newest {NEWEST:,} are searched; put an owner first (“ada invoice”) to search all of "
    "theirs."
)
# So many rows are found; a list counts as far, and says that there are more.
MOST = 10_000
# So many owners begin with what was typed, and so many words of it are looked at.
OWNERS = 100
WORDS = 5
# What a person is known by; an owner, in lists of what is theirs, by less.
OWNER = ("username", "email")
PERSON = (*OWNER, "first_name", "last_name")
# An id has at most so many digits, and so it fits into a bigint.
DIGITS = 18


def words_of(text: str) -> list[str]:
    return text.split()[:WORDS]


def number_of(text: str) -> int | None:
    """Return the id that was typed, if it is one."""
    is_one = text.isascii() and text.isdigit() and len(text) <= DIGITS
    return int(text) if is_one else None


def owners(words: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
    """Yield, for each word, the owners whose username or e-mail address it begins; and the rest.

    Words that begin nobody's are passed over.
    """
    for place, word in enumerate(words):
        named = User.objects.filter(begins(word, *OWNER))
        found = list(named.values_list("pk", flat=True)[:OWNERS])
        if found:
            yield found, [*words[:place], *words[place + 1 :]]


def begins(word: str, *fields: str) -> Q:
    """Return the condition that a word begins one of some fields, in any case."""
    return reduce(or_, (Q((f"{each}__istartswith", word)) for each in fields))


def newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the newest NEWEST of some rows; ids grow with time."""
    first_left = rows.order_by("-pk").values_list("pk", flat=True)[NEWEST : NEWEST + 1]
    left = list(first_left)
    return rows.filter(pk__gt=left[0]) if left else rows


def containing(rows: QuerySet[Any], words: Iterable[str], *fields: str) -> QuerySet[Any]:
    """Return those with each word in one of some fields, in any case."""
    for word in words:
        rows = rows.filter(reduce(or_, (Q((f"{each}__icontains", word)) for each in fields)))
    return rows


def ids(found: Iterable[QuerySet[Any]]) -> list[int]:
    """Return the ids of all that was found, the newest first; of more than MOST, one more."""
    known: set[int] = set()
    for rows in found:
        known.update(rows.order_by("-pk").values_list("pk", flat=True)[: MOST + 1])
    return sorted(known, reverse=True)[: MOST + 1]
