"""The admin's search for reminders and for occurrences."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Q, QuerySet

from accounts.admin import search
from reminders.lists.staff import ids_with_tag, ids_with_words
from reminders.models import Occurrence, Reminder
from reminders.models.occurrence import occurrence_id

# The search for occurrences looks at this many reminders.
REMINDERS = 1000
# Ids that an index gives in no order: of more the newest are searched.
ENOUGH = search.MAX_FOUND + 1

FINDS_REMINDERS = (
    "Search by id, external id, tag, words of the title, or the start of an owner's username or "
    f"e-mail address. {search.SEARCHED}"
)
FINDS_OCCURRENCES = (
    "Search by occurrence id, or by anything that finds its reminder. The newest "
    f"{REMINDERS:,} reminders that match are taken."
)


def matching_reminders(rows: QuerySet[Reminder], text: str) -> Iterator[QuerySet[Any]]:
    """Yield the reminders that a text may mean."""
    if (number := search.number_of(text)) is not None:
        yield rows.filter(pk=number)
    yield rows.filter(external_id=text, deleted_at=None)
    words = search.words_of(text)
    for owners, other_words in search.owners(words):
        own = rows.filter(owner__in=owners)
        ids = ids_with_words(owners, " ".join(other_words), ENOUGH) if other_words else []
        if len(ids) == ENOUGH:
            yield _containing(search.newest(own), other_words)
        else:
            yield own.filter(pk__in=ids) if other_words else search.newest(own)
    newest = search.newest(rows)
    yield _containing(newest, words)
    # A tag may have more than one word.
    yield with_tag(rows, newest, text)


def with_tag(rows: QuerySet[Reminder], among: QuerySet[Reminder], tag: str) -> QuerySet[Reminder]:
    """Return the rows with a tag; of a tag of many rows those of `among`."""
    ids = ids_with_tag(tag, ENOUGH)
    return among.filter(tags__contains=[tag]) if len(ids) == ENOUGH else rows.filter(pk__in=ids)


def _containing(rows: QuerySet[Reminder], words: Iterable[str]) -> QuerySet[Reminder]:
    """Return the reminders that have each word in their title, or as a tag."""
    for word in words:
        rows = rows.filter(Q(title__icontains=word) | Q(tags__contains=[word]))
    return rows


def matching_occurrences(rows: QuerySet[Occurrence], text: str) -> Iterator[QuerySet[Any]]:
    """Yield the occurrences that a text may mean, by themselves and by their reminders."""
    number = search.number_of(text)
    number = occurrence_id(text) if number is None else number
    if number is not None:
        yield rows.filter(pk=number)
    reminders = search.ids(matching_reminders(Reminder.objects.exclude_system(), text))[:REMINDERS]
    if reminders:
        yield rows.filter(reminder__in=reminders)
