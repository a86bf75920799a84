from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from accounts.admin import bulk_actions
from accounts.admin.changelist import Listed
from accounts.admin.confirmation import confirmed
from accounts.timezones import format_instant
from notifications.admin import OfUsers, WrittenByFoam, cached_per_request, owner_link
from reminders.actions import responses
from reminders.admin.outcomes import OCCURRENCE_COLOURS, story
from reminders.admin.search import FINDS_OCCURRENCES, matching_occurrences
from reminders.models import Occurrence

HOUR = timedelta(hours=1)
ACKNOWLEDGES = "They count as done: no more is said of them, and messages that wait are cancelled."
SNOOZES = "Messages that wait are cancelled, and each is said again in an hour."
WAITS_FOR_NOTHING = "it does not wait for an answer"


@admin.register(Occurrence)
class OccurrenceAdmin(OfUsers, WrittenByFoam, Listed, ModelAdmin):
    list_display = (
        "reminder",
        "show_owner",
        "due_at",
        "lead",
        "show_status",
        "reason",
        "recorded_at",
    )
    # No other column has an index.
    list_filter = ("status", "recorded_at")
    search_fields = ("reminder__title",)
    finds = FINDS_OCCURRENCES
    list_select_related = ("reminder__owner",)
    ordering = ("-id",)
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("reminder", "show_owner", "show_due", "show_story")}),
        (
            "The row",
            {
                "fields": (
                    "lead",
                    "show_status",
                    "reason",
                    "recorded_at",
                    "follow_up_at",
                    "nags",
                    "escalated_at",
                    "reference",
                )
            },
        ),
    )
    readonly_fields = tuple(name for _, part in fieldsets for name in part["fields"])
    actions = ("acknowledge", "snooze")
    actions_detail = ("explain",)

    class Media:
        css = {"all": ("notifications/chain.css", "reminders/explain.css")}

    def find(self, rows: QuerySet[Occurrence], text: str) -> Iterator[QuerySet[Any]]:
        return matching_occurrences(rows, text)

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("reminders.change_occurrence")

    @admin.action(description="Acknowledge selected occurrences…", permissions=["answer"])
    @confirmed("Acknowledge", ACKNOWLEDGES)
    def acknowledge(
        self, request: HttpRequest, occurrences: QuerySet[Occurrence]
    ) -> HttpResponse | None:
        now = timezone.now()

        def act(occurrence: Occurrence) -> str | None:
            return None if responses.acknowledge(occurrence, now) else WAITS_FOR_NOTHING

        return bulk_actions.run(request, self, occurrences, act, "Acknowledged")

    @admin.action(description="Snooze selected occurrences for 1 h…", permissions=["answer"])
    @confirmed("Snooze for an hour:", SNOOZES)
    def snooze(
        self, request: HttpRequest, occurrences: QuerySet[Occurrence]
    ) -> HttpResponse | None:
        now = timezone.now()
        until: datetime = now + HOUR

        def act(occurrence: Occurrence) -> str | None:
            return None if responses.snooze(occurrence, until, now) else WAITS_FOR_NOTHING

        return bulk_actions.run(request, self, occurrences, act, "Snoozed")

    @action(description="Explain", url_path="explain", permissions=["view"])
    def explain(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the explanation of its reminder at the due time."""
        occurrence = self.get_object(request, object_id)
        if occurrence is None:
            raise Http404
        page = reverse("admin:reminders_reminder_explain", args=[occurrence.reminder_id])
        return redirect(f"{page}?at={occurrence.due_at:%Y-%m-%dT%H:%M:%SZ}")

    @display(description="Its story")
    @cached_per_request
    def show_story(self, occurrence: Occurrence) -> SafeString:
        return story(occurrence, timezone.now())

    @display(description="Owner")
    def show_owner(self, occurrence: Occurrence) -> SafeString:
        return owner_link(occurrence.reminder.owner)

    @display(description="Due")
    def show_due(self, occurrence: Occurrence) -> str:
        return format_instant(occurrence.due_at, occurrence.reminder.clock)

    @display(description="Status", label=OCCURRENCE_COLOURS)
    def show_status(self, occurrence: Occurrence) -> str:
        return occurrence.status
