"""The agenda over HTTP: the instants of all reminders within a window."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin

from accounts.api.base import OwnedViewSet
from accounts.api.filters import InstantFilter
from accounts.instants import parse_instant
from notifications.api.serializers import own_channels
from reminders.api.filters import SEARCH_HELP, TagFilter
from reminders.lists.agenda import AgendaEntry, AgendaWindow, list_entries
from reminders.lists.conditions import ReminderFilters
from reminders.models import Reminder

WEEK = timedelta(days=7)


class AgendaFilter(filters.FilterSet):
    until = InstantFilter(
        label="Until",
        method="keep",
        help_text="The end of the window, itself not in it: at most 366 days after `from`. A week "
        "after it if left out.",
    )
    tag = TagFilter(method="keep", label="Tag")
    channel = filters.ModelChoiceFilter(queryset=own_channels, method="keep", label="Channel")
    search = filters.CharFilter(method="keep", label="Search", help_text=SEARCH_HELP)

    def keep(self, reminders: Any, name: str, value: Any) -> Any:
        return reminders

    def filter_queryset(self, queryset: Any) -> Any:
        """Return rows whose `list_filters` and `window` say what the agenda shows."""
        values, request, now = self.form.cleaned_data, self.request, timezone.now()
        begin = values["from"] or now
        window = AgendaWindow(begin, values["until"] or begin + WEEK, now)
        if window.until <= begin:
            raise ValidationError({"until": "Give an instant after `from`."})
        queryset.window = window
        queryset.list_filters = ReminderFilters(
            int(request.user.pk or 0),
            tags=self.data.getlist("tag"),
            channel_id=values["channel"] and values["channel"].pk,
            text=values["search"],
        )
        return queryset


# `from` is a word of Python, so no attribute of a class.
AgendaFilter.base_filters = {
    "from": InstantFilter(
        label="From",
        method="keep",
        help_text="The begin of the window. Now if left out, or if it is past: what is past has "
        "its occurrences.",
    ),
    **AgendaFilter.base_filters,
}


class AgendaEntrySerializer(serializers.Serializer[AgendaEntry]):
    """An instant at which a reminder is due."""

    due_at = serializers.DateTimeField(help_text="The due instant.")
    reminder = serializers.IntegerField(help_text="The id of the reminder.")
    title = serializers.CharField(help_text="The title of the reminder.")
    external_id = serializers.CharField(
        allow_null=True, help_text="Your own id of the reminder. Null if it has none."
    )
    tags = serializers.ListField(
        child=serializers.CharField(), help_text="The tags of the reminder."
    )
    timezone = serializers.CharField(help_text="The time zone of the reminder.")
    urgent = serializers.BooleanField(help_text="Whether quiet hours do not hold it back.")


class AgendaViewSet(ListModelMixin, OwnedViewSet):
    """The agenda: all due instants of your reminders within a window, the soonest first.

    Skipped instants are left out, and those within a pause. A reminder that is paused until a time
    in the window goes on from there. Give a shorter window or a filter where more than 5,000
    reminders may be due.
    """

    model = Reminder
    scope = "reminders"
    expensive = ("list",)
    serializer_class = AgendaEntrySerializer
    filterset_class = AgendaFilter
    # Read by the pagination: pages go forward, and an entry's place is its instant and reminder.
    default_ordering = "due_at"
    place_key = "reminder"
    is_forward_only = True

    def read_page(self, rows: Any, order: Any, place: Any, limit: int) -> Sequence[dict[str, Any]]:
        after = (parse_instant(place.value), place.id) if place else None
        return [
            {
                "due_at": entry.due_at,
                "reminder": entry.reminder_id,
                "title": entry.reminder.title,
                "external_id": entry.reminder.external_id,
                "tags": entry.reminder.tags,
                "timezone": entry.reminder.timezone,
                "urgent": entry.reminder.urgent,
            }
            for entry in list_entries(rows.list_filters, rows.window, after, limit)
        ]
