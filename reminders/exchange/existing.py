"""Finds the reminders of a user that an import would not change."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError

from accounts.models import User
from notifications.models import Channel
from reminders.api.batch import CHANNEL_FIELDS, Item
from reminders.api.serializers import ReminderSerializer
from reminders.models import Reminder
from reminders.recurrence import RecurrenceError, canonical

FIELDS = tuple(
    name
    for name, field in ReminderSerializer().get_fields().items()
    if not field.read_only and name not in CHANNEL_FIELDS
)

# Field values as stored; channels as a frozenset of ids, which are text.
Content = dict[str, Any]


class _Request(NamedTuple):
    """The part of a request that the fields of a serializer need."""

    user: User


class ExistingReminders:
    """The reminders that a user had before an import.

    An item of an import names its reminder by id or external id. Other items are compared by
    content, and each reminder matches once: a file with two equal reminders creates both the first
    time, and changes nothing the second time.
    """

    def __init__(self, user: User) -> None:
        self.user = user
        newest = Reminder.objects.order_by("-pk").values_list("pk", flat=True).first()
        self.reminders = Reminder.objects.owned_by(user).filter(pk__lte=newest or 0)
        self.matched_ids: set[int] = set()
        request = {"request": _Request(user)}
        self.serializer = ReminderSerializer(partial=True, context=request)

    def match(self, items: Sequence[Item]) -> list[int | None]:
        """Return, for each item, the id of the reminder that has all its values already.

        None if there is none, or if a value is invalid: the import itself reports that.
        """
        by_name = self._by_name(items)
        by_content = self._by_content(items)
        titles = {dict(content)["title"] for content in by_content}
        ids: list[int | None] = []
        for item in items:
            if name := _name(item):
                ids.append(self._match_named(item.fields, by_name.get(name)))
            elif _storable(item.fields.get("title")) in titles:
                ids.append(self._match_content(item.fields, by_content))
            else:
                ids.append(None)
        return ids

    def _by_name(self, items: Sequence[Item]) -> dict[int | str, Reminder]:
        names = list(filter(None, map(_name, items)))
        if not names:
            return {}
        ids = [name for name in names if isinstance(name, int)]
        external_ids = [name for name in names if isinstance(name, str)]
        named = self.reminders.filter(Q(pk__in=ids) | Q(external_id__in=external_ids))
        by_name: dict[int | str, Reminder] = {}
        for reminder in _with_channels(named):
            by_name[reminder.pk] = reminder
            by_name[reminder.external_id or reminder.pk] = reminder
        return by_name

    def _by_content(self, items: Sequence[Item]) -> dict[Any, list[int]]:
        titles = {_storable(item.fields.get("title")) for item in items if not _name(item)}
        by_content: dict[Any, list[int]] = {}
        if titles:
            same_title = self.reminders.filter(external_id=None, title__in=titles).order_by("pk")
            for reminder in _with_channels(same_title):
                if reminder.pk not in self.matched_ids:
                    by_content.setdefault(_hashable(_stored(reminder)), []).append(reminder.pk)
        return by_content

    @cached_property
    def defaults(self) -> Content:
        """The content of a new reminder from an item without any field."""
        new = Reminder()
        inbox = Channel.objects.owned_by(self.user).filter(kind="inbox", address="")
        return {
            **{name: getattr(new, name) for name in FIELDS},
            "channels": frozenset(map(str, inbox.values_list("pk", flat=True))),
            "escalate_channels": frozenset(),
        }

    def _match_named(self, fields: Mapping[str, Any], reminder: Reminder | None) -> int | None:
        """Compare the given fields only: an update leaves all others unchanged."""
        content = self._content(fields) if reminder else None
        if reminder is None or content is None:
            return None
        return reminder.pk if content.items() <= _stored(reminder).items() else None

    def _match_content(
        self, fields: Mapping[str, Any], by_content: dict[Any, list[int]]
    ) -> int | None:
        content = self._content(fields)
        ids = by_content.get(_hashable(self.defaults | content)) if content is not None else None
        if not ids:
            return None
        self.matched_ids.add(ids[0])
        return ids.pop(0)

    def _content(self, fields: Mapping[str, Any]) -> Content | None:
        """Return the given fields as they would be stored, or None if a value is invalid."""
        plain = {name: value for name, value in fields.items() if name not in CHANNEL_FIELDS}
        try:
            content: Content = dict(self.serializer.run_validation(plain))
            if "recurrence" in content:
                content["recurrence"] = canonical(content["recurrence"])
        except (ValidationError, RecurrenceError):
            return None
        if "leads" in content:
            content["leads"] = sorted(set(content["leads"]))
        for name in CHANNEL_FIELDS:
            if name in fields:
                if not isinstance(fields[name], list):
                    return None
                content[name] = frozenset(map(str, fields[name]))
        return content


def _with_channels(reminders: QuerySet[Reminder]) -> QuerySet[Reminder]:
    return reminders.prefetch_related(*CHANNEL_FIELDS)


def _stored(reminder: Reminder) -> Content:
    content = {name: getattr(reminder, name) for name in FIELDS}
    for name in CHANNEL_FIELDS:
        channels = getattr(reminder, name).all()
        content[name] = frozenset(str(c.pk) for c in channels if c.deleted_at is None)
    return content


def _hashable(content: Content) -> Any:
    return tuple(
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in sorted(content.items())
    )


def _name(item: Item) -> int | str | None:
    """Return the id or external id by which an item names its reminder."""
    return item.id or _storable(item.fields.get("external_id")) or None


def _storable(value: Any) -> str:
    """Return a text that PostgreSQL can compare; empty for any other value."""
    return value.strip() if isinstance(value, str) and "\0" not in value else ""
