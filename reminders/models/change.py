"""The history of a reminder: its changes, their actors, and the schedule before each change.

`explain` reconstructs the past from it. A firing on time is not recorded here: it has its
occurrence.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.audit.records import AuditRecord, Diff, audit_values, diff_of, shorten_text
from notifications.models import Channel


class Change(AuditRecord):
    """A change of a reminder, written in the transaction of the change and never updated.

    `detail` contains no text of the owner's; `diff` does, for users who may see the reminder.
    """

    class Verb(models.TextChoices):
        CREATED = "created"  # `before` is what it was created as
        EDITED = "edited"  # `detail` names the fields, `diff` has what they said
        PAUSED = "paused"
        RESUMED = "resumed"
        DELETED = "deleted"
        RESTORED = "restored"  # after it was deleted
        TRIGGERED = "triggered"  # fired at once, beside its schedule
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
    # Its schedule, misfire policy and status before the change: see `schedule_snapshot`.
    before = models.JSONField()
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            # as_of, and the history of one reminder.
            models.Index(fields=["reminder", "at"], name="reminders_change_of_reminder"),
        ]

    def __str__(self) -> str:
        return f"{self.reminder_id} {self.verb}"


# Changes that do not affect whether a reminder fires.
IRRELEVANT = (Change.Verb.CREATED, Change.Verb.TRIGGERED)


def new_change(
    reminder: Any, verb: Change.Verb, now: datetime, detail: str = "", diff: Diff | None = None
) -> Change:
    """Return an unsaved change by the current actor; called before the reminder is changed."""
    before = schedule_snapshot(reminder)
    return Change(reminder=reminder, verb=verb, before=before, **audit_values(now, detail, diff))


def note(
    reminder: Any, verb: Change.Verb, now: datetime, detail: str = "", diff: Diff | None = None
) -> None:
    """Save a change; called with the row locked, before the reminder is changed."""
    new_change(reminder, verb, now, detail, diff).save()


def schedule_changes(reminder: Any) -> QuerySet[Change]:
    """Return the changes that affect whether a reminder fires."""
    changes: QuerySet[Change] = reminder.changes.exclude(verb__in=IRRELEVANT)
    return changes


def schedule_snapshot(reminder: Any) -> dict[str, str]:
    """Return the fields that decide whether and when a reminder fires, as text."""
    names = (*reminder.SCHEDULE, "misfire", "grace")
    values = {name: reminder._meta.get_field(name).value_to_string(reminder) for name in names}
    return {**values, "status": str(reminder.status)}


def as_of(reminder: Any, moment: datetime) -> Any:
    """Return a copy of the reminder with the schedule that it had at `moment`.

    Its status may be `finished` although it was active then: a reminder finishes without a change.
    """
    following = reminder.changes.filter(at__gte=moment).first()
    return reminder if following is None else before_change(reminder, following)


def before_change(reminder: Any, change: Change) -> Any:
    """Return a copy of the reminder with the schedule that it had before a change."""
    past = copy(reminder)
    past.plan = copy(reminder.plan)
    for name, text in change.before.items():
        is_text = name == "status"
        setattr(past, name, text if is_text else reminder._meta.get_field(name).to_python(text))
    return past


def deleted_at(reminder: Any, moment: datetime) -> datetime | None:
    """Return when a reminder was deleted that is deleted at `moment`; else None."""
    if reminder.deleted_at is not None and reminder.deleted_at < moment:
        return reminder.deleted_at
    both = (Change.Verb.DELETED, Change.Verb.RESTORED)
    last = reminder.changes.filter(verb__in=both, at__lt=moment).order_by("at", "id").last()
    return last.at if last is not None and last.verb == Change.Verb.DELETED else None


def diff_of_edit(stored: Any, edit: Any, many: Mapping[str, Iterable[Channel] | None]) -> Diff:
    """Return the differences between the stored and the edited reminder, by field.

    `many` contains the new channels by field; None keeps the present ones.
    """
    fixed = {"id", "owner"}
    fields = [f for f in stored._meta.concrete_fields if f.editable and f.name not in fixed]
    diff = diff_of(stored, edit, [field.name for field in fields])
    for name, rows in many.items():
        if rows is None:
            continue
        old = set(getattr(stored, name).values_list("pk", flat=True))
        new = {row.pk for row in rows}
        if old != new:
            diff[name] = [_names(old), _names(new)]
    return diff


def _names(ids: Iterable[int]) -> str:
    channels = Channel.objects.filter(pk__in=ids).only("kind", "name", "verified_at").order_by("pk")
    return shorten_text(", ".join(f"{row.get_kind_display()}: {row.name}" for row in channels))


def delete_old(before: datetime, batch: int) -> Iterator[int]:
    """Delete changes made before an instant in batches, and yield the number of each.

    The last change of a reminder's schedule stays: it is the start of the present schedule. Ids
    grow with time, so the first batch without an old row is the end.
    """
    last = 0
    rows = Change.objects.order_by("pk").values_list("pk", "at")
    newer = Change.objects.filter(reminder=OuterRef("reminder"), pk__gt=OuterRef("pk"))
    is_deletable = Q(verb__in=IRRELEVANT) | Exists(newer.exclude(verb__in=IRRELEVANT))
    while page := list(rows.filter(pk__gt=last)[:batch]):
        old = [pk for pk, at in page if at < before]
        if not old:
            return
        yield Change.objects.filter(is_deletable, pk__in=old).delete()[0]
        last = page[-1][0]


def first_line(error: str) -> str:
    """Return the first line of an error: later ones may quote a row with the owner's text."""
    return error.partition("\n")[0]
