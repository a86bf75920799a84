from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin.changelist import StateFilter
from reminders.models import Reminder


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
