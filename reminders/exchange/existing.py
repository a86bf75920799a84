"""Which reminders of a file a user has already, just as it says."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from accounts.models import User
from notifications.models import Channel
from reminders.api.batch import Item
from reminders.api.serializers import ReminderSerializer
from reminders.models import Reminder
from reminders.recurrence import RecurrenceError, canonical

MANY = ("channels", "escalate_channels")
# What a reminder says: all that the API takes.
SAID = tuple(
    name
    for name, field in ReminderSerializer().get_fields().items()
    if not field.read_only and name not in MANY
)

Said = dict[str, Any]


class _Request(NamedTuple):
    """What the fields of a serializer ask of a request."""

    user: User


class Known:
    """What a user has, as it was before an import, by what it says.

    Of two reminders that say the same, each matches one part of the file: a file that has both is
    taken in whole the first time, and changes nothing the second.
    """

    def __init__(self, user: User) -> None:
        self.user = user
        newest = Reminder.objects.order_by("-pk").values_list("pk", flat=True).first()
        self.there = Reminder.objects.owned_by(user).filter(pk__lte=newest or 0)
        self.matched: set[int] = set()
        request = {"request": _Request(user)}
        self.serializer = ReminderSerializer(partial=True, context=request)

    def among(self, items: Sequence[Item]) -> list[int | None]:
        """Return, for each item of an import, the id of the reminder that says all its fields.

        None where there is none, or the fields cannot be read: others will say why.
        """
        ids = [item.id for item in items if item.id]
        keys = [key for item in items if (key := _text(item.fields.get("external_id")))]
        titles = {_text(item.fields.get("title")) for item in items if _is_nameless(item)}
        by_id = {r.pk: r for r in _whole(self.there.filter(pk__in=ids))} if ids else {}
        by_key = {r.external_id: r for r in _whole(self.there.filter(external_id__in=keys))}
        by_words: dict[Any, list[int]] = {}
        same = self.there.filter(external_id=None, title__in=titles)
        for reminder in _whole(same.order_by("pk")) if titles else ():
            if reminder.pk not in self.matched:
                by_words.setdefault(_frozen(_stored(reminder)), []).append(reminder.pk)
        known = {dict(key)["title"] for key in by_words}
        found: list[int | None] = []
        for item in items:
            fields = item.fields
            if not _is_nameless(item):
                named = by_id.get(item.id) if item.id else by_key.get(_text(fields["external_id"]))
                found.append(self._named(fields, named))
            else:
                is_there = _text(fields.get("title")) in known
                found.append(self._by_words(fields, by_words) if is_there else None)
        return found

    @cached_property
    def usual(self) -> Said:
        """What a new reminder says that is told no more."""
        new = Reminder()
        inbox = Channel.objects.owned_by(self.user).filter(kind="inbox", address="")
        return {
            **{name: getattr(new, name) for name in SAID},
            "channels": frozenset(map(str, inbox.values_list("pk", flat=True))),
            "escalate_channels": frozenset(),
        }

    def _named(self, fields: Mapping[str, Any], there: Reminder | None) -> int | None:
        """What a draft leaves out, its reminder may have as it likes."""
        said = self._said(fields) if there else None
        if there is None or said is None:
            return None
        stored = _stored(there)
        return there.pk if all(stored[name] == value for name, value in said.items()) else None

    def _by_words(self, fields: Mapping[str, Any], by_words: dict[Any, list[int]]) -> int | None:
        said = self._said(fields)
        if said is None:
            return None
        found = by_words.get(_frozen({**self.usual, **said}))
        if not found:
            return None
        self.matched.add(found[0])
        return found.pop(0)

    def _said(self, fields: Mapping[str, Any]) -> Said | None:
        """Return what is given, as it would be stored."""
        plain = {name: value for name, value in fields.items() if name not in MANY}
        try:
            said: Said = dict(self.serializer.run_validation(plain))
            if "recurrence" in said:
                said["recurrence"] = canonical(said["recurrence"])
        except (ValidationError, RecurrenceError):
            return None
        if "leads" in said:
            said["leads"] = sorted(set(said["leads"]))
        given = {name: fields[name] for name in MANY if name in fields}
        if not all(isinstance(value, list) for value in given.values()):
            return None
        return said | {name: frozenset(map(str, value)) for name, value in given.items()}


def _whole(reminders: QuerySet[Reminder]) -> QuerySet[Reminder]:
    return reminders.prefetch_related(*MANY)


def _stored(reminder: Reminder) -> Said:
    said = {name: getattr(reminder, name) for name in SAID}
    for name in MANY:
        kept = [each for each in getattr(reminder, name).all() if each.deleted_at is None]
        said[name] = frozenset(str(channel.pk) for channel in kept)
    return said


def _frozen(said: Said) -> Any:
    return tuple(
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in sorted(said.items())
    )


def _is_nameless(item: Item) -> bool:
    """Whether an item says of no reminder that it is the one."""
    return not item.id and not item.fields.get("external_id")


def _text(value: Any) -> str:
    """Return what the database can be asked for."""
    return value.strip() if isinstance(value, str) and "\0" not in value else ""
