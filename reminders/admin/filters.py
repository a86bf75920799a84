from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import TextFilter

from accounts.admin.changelist import StateFilter
from accounts.models import User
from notifications.models import Channel
from reminders.models import Reminder

# More owners or channels of one name than these are not looked for.
MOST = 100
# An id has fewer than these.
DIGITS = 19


class ReminderStateFilter(StateFilter):
    title = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        statuses = [(status, status.capitalize()) for status in Reminder.Status.values]
        return [*statuses, ("error", "Set aside with an error"), ("deleted", "Deleted")]

    def having(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "deleted":
            return rows.exclude(deleted_at=None)
        if value == "error":
            return rows.filter(status=Reminder.Status.ACTIVE, error__gt="")
        return rows.filter(status=value, deleted_at=None)


class DueFilter(admin.SimpleListFilter):
    """By when the tick takes them up, of which it has an index; the first to come first."""

    title = "next due"
    parameter_name = "due"
    WITHIN = {"now": timedelta(0), "hour": timedelta(hours=1), "day": timedelta(days=1)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "Overdue"), ("hour", "Within an hour"), ("day", "Within 24 hours")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        within = self.WITHIN.get(self.value() or "")
        return queryset if within is None else queryset.due(timezone.now() + within)  # type: ignore[attr-defined]


class ReminderOwnerFilter(TextFilter):
    title = "owner (username or e-mail)"
    parameter_name = "owner"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (text := (self.value() or "").strip()):
            return queryset
        owners = User.objects.filter(Q(username=text) | Q(email__iexact=text)).values_list("pk")
        return queryset.filter(owner__in=[pk for (pk,) in owners[:MOST]])


class ReminderTagFilter(TextFilter):
    title = "tag"
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        text = (self.value() or "").strip()
        return queryset.filter(tags__contains=[text]) if text else queryset


class ReminderChannelFilter(TextFilter):
    title = "channel (id or name)"
    parameter_name = "channel"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (text := (self.value() or "").strip()):
            return queryset
        is_meant = Q(pk=int(text)) if text.isdecimal() and len(text) < DIGITS else Q(name=text)
        channels = Channel.objects.filter(is_meant, deleted_at=None).values("pk")[:MOST]
        return queryset.filter(
            pk__in=Reminder.channels.through.objects.filter(channel__in=channels).values("reminder")
        )
