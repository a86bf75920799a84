"""The admin's search for reminders and for occurrences."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Q, QuerySet

from accounts.admin import search
from reminders.models import Occurrence, Reminder
from reminders.models.occurrence import occurrence_id

# The search for occurrences looks at this many reminders.
REMINDERS = 1000

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
        yield _containing(search.newest(rows.filter(owner__in=owners)), other_words)
    newest = search.newest(rows)
    yield _containing(newest, words)
    # A tag may have more than one word.
    yield newest.filter(tags__contains=[text])


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
