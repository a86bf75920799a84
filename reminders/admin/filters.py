from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from reminders.models import Reminder


class StateFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        statuses = [(status, status.capitalize()) for status in Reminder.Status.values]
        return [*statuses, ("error", "Set aside with an error"), ("deleted", "Deleted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "deleted":
            return queryset.exclude(deleted_at=None)
        if value == "error":
            return queryset.filter(status=Reminder.Status.ACTIVE, error__gt="")
        return queryset.filter(status=value, deleted_at=None) if value else queryset


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
