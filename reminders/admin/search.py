"""What staff search for among reminders, and among their occurrences."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from accounts import search
from reminders.models import Occurrence, Reminder
from reminders.occurrence import occurrence_id

REMINDERS_HELP = (
    "Id, external id, the beginning of its owner's e-mail or username, or words of the title "
    f"(of the owner's, or else of all, the newest {search.NEWEST:,})"
)
OCCURRENCES_HELP = (
    "Id of it or of its reminder, or what finds its reminder: external id, the beginning of the "
    "owner's e-mail or username, words of a new title"
)
# So many reminders are looked at for their occurrences.
REMINDERS = 1000


def found(rows: QuerySet[Reminder], text: str) -> Iterator[QuerySet[Any]]:
    """Yield the reminders that a text may mean."""
    if (number := search.number_of(text)) is not None:
        yield rows.filter(pk=number)
    yield rows.filter(external_id=text, deleted_at=None)
    words = search.words_of(text)
    for owners, rest in search.owners(words):
        yield search.containing(search.newest(rows.filter(owner__in=owners)), rest, "title")
    yield search.containing(search.newest(rows), words, "title")


def found_occurrences(rows: QuerySet[Occurrence], text: str) -> Iterator[QuerySet[Any]]:
    """Yield the occurrences that a text may mean, by themselves and by their reminders."""
    number = search.number_of(text)
    number = occurrence_id(text) if number is None else number
    if number is not None:
        yield rows.filter(pk=number)
    reminders = search.ids(found(Reminder.objects.of_users(), text))[:REMINDERS]
    if reminders:
        yield rows.filter(reminder__in=reminders)
