from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import TextFilter

from accounts.admin import search
from accounts.admin.changelist import StateFilter
from accounts.models import User
from notifications.models import Channel
from reminders.admin.search import with_tag
from reminders.models import Reminder

# Channels of one name whose reminders a filter shows.
MAX_CHANNELS = 100


class ReminderStateFilter(StateFilter):
    title = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        statuses = [(status, status.capitalize()) for status in Reminder.Status.values]
        return [*statuses, ("error", "Set aside with an error"), ("deleted", "Deleted")]

    def having(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "deleted":
            return rows.exclude(deleted_at=None)
        if value == "error":
            return rows.filter(plan__status=Reminder.Status.ACTIVE, plan__error__gt="")
        return rows.filter(plan__status=value, deleted_at=None)


class DueFilter(admin.SimpleListFilter):
    """A filter by the next firing, by the index of the tick: the soonest first."""

    title = "next due"
    parameter_name = "due"
    WITHIN = {"now": timedelta(0), "hour": timedelta(hours=1), "day": timedelta(days=1)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "Overdue"), ("hour", "Within an hour"), ("day", "Within 24 hours")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        within = self.WITHIN.get(self.value() or "")
        return queryset if within is None else queryset.due(timezone.now() + within)  # type: ignore[attr-defined]


class ExactFilter(TextFilter):
    """A filter by a typed text, which must match exactly."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        text = (self.value() or "").strip()
        return self.having(queryset, text) if text else queryset

    def having(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows that have the text."""
        raise NotImplementedError


class ReminderOwnerFilter(ExactFilter):
    title = "owner (username or e-mail)"
    parameter_name = "owner"

    def having(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        owners = User.objects.filter(Q(username=text) | Q(email__iexact=text))
        return rows.filter(owner__in=list(owners.values_list("pk", flat=True)[: search.MAX_OWNERS]))


class ReminderTagFilter(ExactFilter):
    title = "tag"
    parameter_name = "tag"

    def having(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return with_tag(rows, rows, text)


class ReminderChannelFilter(ExactFilter):
    title = "channel (id or name)"
    parameter_name = "channel"

    def having(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        number = search.number_of(text)
        condition = Q(name=text) if number is None else Q(pk=number)
        channels = Channel.objects.filter(condition, deleted_at=None).values("pk")[:MAX_CHANNELS]
        links = Reminder.channels.through.objects.filter(channel__in=channels)
        return rows.filter(pk__in=links.values("reminder"))
