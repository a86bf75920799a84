"""The filters of the lists of reminders and of occurrences."""

from datetime import datetime
from typing import Any

from django.db.models import Func, Q, QuerySet, TextField, Value
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request

from accounts.api.filters import InstantFilter
from notifications.api.serializers import own_channels
from reminders.lists.conditions import ReminderFilters
from reminders.models import Occurrence, Reminder
from reminders.models.response import answered_since

SEARCH_HELP = (
    "Words of the title, the body or the tags, in any case. Up to 10,000 reminders are searched "
    "for any part of a word, more for words that begin so."
)


def own_reminders(request: Request | None) -> QuerySet[Reminder]:
    """Return the reminders that a filter may name; none without a request, as for the schema."""
    if request is None:
        return Reminder.objects.none()
    return Reminder.objects.owned_by(request.user)


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "description": "Given several times, as `tag=a&tag=b`: reminders with all of these tags.",
    }
)
class TagFilter(filters.CharFilter):
    """A filter that may be given several times."""

    is_repeatable = True


class ReminderFilter(filters.FilterSet):
    # One column of one row: nothing comes twice.
    status = filters.MultipleChoiceFilter(
        "plan__status", choices=Reminder.Status.choices, distinct=False
    )
    tag = TagFilter(method="with_tags", label="Tag")
    channel = filters.ModelChoiceFilter(field_name="channels", queryset=own_channels)
    due_after = InstantFilter("plan__next_due_at", lookup_expr="gte", label="Due from")
    due_before = InstantFilter("plan__next_due_at", lookup_expr="lt", label="Due before")
    updated_since = filters.CharFilter(
        method="ignore",
        label="Changed since",
        help_text="Only what changed since this moment. Give `start`, a time, or the `sync` of "
        "your last answer. Of the other parameters only `page_size` may be combined with it.",
    )
    search = filters.CharFilter(
        method="having",
        label="Search",
        help_text=SEARCH_HELP,
    )

    class Meta:
        model = Reminder
        fields = ["external_id"]

    def ignore(self, reminders: QuerySet[Reminder], name: str, value: str) -> Any:
        # BatchAndSyncViews answers such a request without filters.
        return reminders

    def with_tags(self, reminders: QuerySet[Reminder], name: str, value: str) -> QuerySet[Reminder]:
        return reminders.filter(tags__contains=self.data.getlist(name))

    def having(self, reminders: QuerySet[Reminder], name: str, value: str) -> QuerySet[Reminder]:
        lines = Func("tags", Value("\n"), function="array_to_string", output_field=TextField())
        reminders = reminders.alias(lines=lines)
        for word in value.split():
            reminders = reminders.filter(
                Q(title__icontains=word) | Q(body__icontains=word) | Q(lines__icontains=word)
            )
        return reminders

    def filter_queryset(self, queryset: Any) -> Any:
        """Return the rows of an export; a list reads its pages by their `list_filters`."""
        rows = super().filter_queryset(queryset)
        values, request = self.form.cleaned_data, self.request
        rows.list_filters = ReminderFilters(
            int(request.user.pk or 0),
            statuses=values["status"],
            tags=self.data.getlist("tag"),
            channel_id=values["channel"] and values["channel"].pk,
            external_id=values["external_id"] or None,
            due_from=values["due_after"],
            due_until=values["due_before"],
            text=values["search"],
        )
        return rows


class OccurrenceFilter(filters.FilterSet):
    reminder = filters.ModelChoiceFilter(queryset=own_reminders)
    external_id = filters.CharFilter("reminder__external_id", label="External id of the reminder")
    tag = TagFilter(method="with_tags", label="Tag")
    timezone = filters.CharFilter("reminder__timezone", label="Time zone of the reminder")
    answered_since = InstantFilter(
        method="answered",
        label="Answered since",
        help_text="Occurrences that were acknowledged, snoozed or skipped at this instant or "
        "later, however old they are.",
    )
    due_after = InstantFilter("due_at", lookup_expr="gte", label="Due from")
    due_before = InstantFilter("due_at", lookup_expr="lt", label="Due before")

    class Meta:
        model = Occurrence
        fields = ["status"]

    def with_tags(
        self, occurrences: QuerySet[Occurrence], name: str, value: str
    ) -> QuerySet[Occurrence]:
        return occurrences.filter(reminder__tags__contains=self.data.getlist(name))

    def answered(
        self, occurrences: QuerySet[Occurrence], name: str, since: datetime
    ) -> QuerySet[Occurrence]:
        return answered_since(occurrences, since)
