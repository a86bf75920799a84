"""What changed of a reminder, and what held until then: so that its past can be explained.

A firing leaves nothing here (it has its occurrence), nor does a creation (`created_at` tells).
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef


class Change(models.Model):
    """One change of a reminder, written in the transaction that makes it and never edited."""

    class Verb(models.TextChoices):
        EDITED = "edited"  # `detail` names the fields, never what they say
        PAUSED = "paused"
        RESUMED = "resumed"
        DELETED = "deleted"
        SET_ASIDE = "set_aside"  # the tick could not fire it; `detail` is the error
        REPLANNED = "replanned"  # by the command of that name; `detail` is the move

    # Without a foreign key in the database, as for an occurrence.
    reminder = models.ForeignKey(
        "reminders.Reminder",
        models.CASCADE,
        related_name="changes",
        db_constraint=False,
        db_index=False,
    )
    at = models.DateTimeField()
    verb = models.CharField(max_length=16, choices=Verb)
    # Its schedule, misfire policy and status, as they were until `at`: see `held`.
    before = models.JSONField()
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            # as_of, and the story of one reminder.
            models.Index(fields=["reminder", "at"], name="reminders_change_of_reminder"),
        ]

    def __str__(self) -> str:
        return f"{self.reminder_id} {self.verb}"


def change(reminder: Any, verb: Change.Verb, now: datetime, detail: str = "") -> Change:
    """Return the record of a change, not saved; `reminder` is still as it was before it."""
    return Change(reminder=reminder, at=now, verb=verb, before=held(reminder), detail=detail)


def note(reminder: Any, verb: Change.Verb, now: datetime, detail: str = "") -> None:
    """Record a change, with the row locked and still as it was before it."""
    change(reminder, verb, now, detail).save()


def held(reminder: Any) -> dict[str, str]:
    """Return what decides whether and when a reminder fires, each field as its text."""
    names = (*reminder.SCHEDULE, "misfire", "grace", "status")
    return {name: reminder._meta.get_field(name).value_to_string(reminder) for name in names}


def as_of(reminder: Any, moment: datetime) -> Any:
    """Return a copy of the reminder as it stood when `moment` came: what fires then fires by that.

    But for its status `finished`, which is also how one that was active then ended.
    """
    following = reminder.changes.filter(at__gte=moment).first()
    return reminder if following is None else until(reminder, following)


def until(reminder: Any, following: Change) -> Any:
    """Return a copy of the reminder as it stood until a change."""
    found = copy(reminder)
    for name, text in following.before.items():
        setattr(found, name, reminder._meta.get_field(name).to_python(text))
    return found


def edited(stored: Any, edit: Any, many: Mapping[str, Iterable[Any] | None]) -> list[str]:
    """Name what an edit changes of the stored reminder.

    `many` has, by field, what is to be in a relation to many; None leaves it.
    """
    fixed = {"id", "owner", "status"}
    fields = [f for f in stored._meta.concrete_fields if f.editable and f.name not in fixed]
    names = [f.name for f in fields if f.value_from_object(stored) != f.value_from_object(edit)]
    for name, rows in many.items():
        if rows is not None and {r.pk for r in rows} != {r.pk for r in getattr(stored, name).all()}:
            names.append(name)
    return names


def forget(before: datetime, batch: int) -> Iterator[int]:
    """Remove what changed `before`, by batch; yield how many each time.

    The last change of a reminder stays: it tells since when it has been as it is. Ids grow with
    time: the first batch that holds nothing old is the end.
    """
    last = 0
    rows = Change.objects.order_by("pk").values_list("pk", "at")
    newer = Change.objects.filter(reminder=OuterRef("reminder"), pk__gt=OuterRef("pk"))
    while found := list(rows.filter(pk__gt=last)[:batch]):
        old = [pk for pk, at in found if at < before]
        if not old:
            return
        yield Change.objects.filter(Exists(newer), pk__in=old).delete()[0]
        last = found[-1][0]


def first_line(error: str) -> str:
    """Return an error without the row that a database may quote, with the words of a reminder."""
    return error.partition("\n")[0]
