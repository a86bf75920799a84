"""What staff search for among reminders, and among their occurrences."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from accounts import search
from reminders.models import Occurrence, Reminder
from reminders.occurrence import occurrence_id

# So many reminders are looked at for their occurrences.
REMINDERS = 1000

FINDS_REMINDERS = (
    "Finds an id or external id, the beginning of an owner's username or e-mail address, and words "
    f"of titles: among the newest {search.NEWEST:,}, or with an owner before them among theirs."
)
FINDS_OCCURRENCES = (
    "Finds the id of an occurrence or its reminder, and what finds a reminder: an external id, an "
    f"owner's username or e-mail address, words of titles; of the newest {REMINDERS:,} found so."
)


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
