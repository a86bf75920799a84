"""What changed of a reminder, who changed it, and what held until then.

So its past can be explained. A firing on time leaves nothing here: it has its occurrence.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.audit.records import AuditRecord, Diff, actor_fields, diff_of, shorten_text
from notifications.models import Channel


class Change(AuditRecord):
    """One change of a reminder, written in the transaction that makes it and never edited.

    `detail` holds no words of its owner's; `diff` does, for who may see the reminder.
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


# What says nothing of why a reminder did or did not fire.
PLAIN = (Change.Verb.CREATED, Change.Verb.TRIGGERED)


def change(
    reminder: Any, verb: Change.Verb, now: datetime, detail: str = "", diff: Diff | None = None
) -> Change:
    """Return the record of a change by who is at work, not saved.

    `reminder` is still as it was before it.
    """
    before = held(reminder)
    return Change(
        reminder=reminder,
        at=now,
        verb=verb,
        before=before,
        detail=detail,
        diff=diff,
        **actor_fields(),
    )


def note(
    reminder: Any, verb: Change.Verb, now: datetime, detail: str = "", diff: Diff | None = None
) -> None:
    """Record a change, with the row locked and still as it was before it."""
    change(reminder, verb, now, detail, diff).save()


def of_its_schedule(reminder: Any) -> QuerySet[Change]:
    """Return what an explanation of its firings tells."""
    changes: QuerySet[Change] = reminder.changes.exclude(verb__in=PLAIN)
    return changes


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


def deleted_at(reminder: Any, moment: datetime) -> datetime | None:
    """Return since when a reminder was deleted at `moment`; None when it was not, or restored."""
    if reminder.deleted_at is not None and reminder.deleted_at < moment:
        return reminder.deleted_at
    both = (Change.Verb.DELETED, Change.Verb.RESTORED)
    last = reminder.changes.filter(verb__in=both, at__lt=moment).order_by("at", "id").last()
    return last.at if last is not None and last.verb == Change.Verb.DELETED else None


def edited(stored: Any, edit: Any, many: Mapping[str, Iterable[Channel] | None]) -> Diff:
    """Return what an edit changes of the stored reminder, by the name of the field.

    `many` has, by field, the channels that are to be there; None leaves those that are.
    """
    fixed = {"id", "owner", "status"}
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
    told = Channel.objects.filter(pk__in=ids).only("kind", "name", "verified_at").order_by("pk")
    return shorten_text(", ".join(f"{each.get_kind_display()}: {each.name}" for each in told))


def forget(before: datetime, batch: int) -> Iterator[int]:
    """Remove what changed `before`, by batch; yield how many each time.

    The last change of a reminder's schedule stays: it tells since when that has been as it is. Ids
    grow with time: the first batch that holds nothing old is the end.
    """
    last = 0
    rows = Change.objects.order_by("pk").values_list("pk", "at")
    newer = Change.objects.filter(reminder=OuterRef("reminder"), pk__gt=OuterRef("pk"))
    is_told = Q(verb__in=PLAIN) | Exists(newer.exclude(verb__in=PLAIN))
    while found := list(rows.filter(pk__gt=last)[:batch]):
        old = [pk for pk, at in found if at < before]
        if not old:
            return
        yield Change.objects.filter(is_told, pk__in=old).delete()[0]
        last = found[-1][0]


def first_line(error: str) -> str:
    """Return an error without the row that a database may quote, with the words of a reminder."""
    return error.partition("\n")[0]
