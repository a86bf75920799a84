from datetime import timedelta

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from notifications.admin import OfUsers, WrittenByFoam
from reminders import loop
from reminders.admin.by import by
from reminders.models import Occurrence
from reminders.response import Response

OCCURRENCE_COLOURS = {
    Occurrence.Status.PENDING: "info",
    Occurrence.Status.ACKNOWLEDGED: "success",
    Occurrence.Status.SNOOZED: "warning",
    Occurrence.Status.SKIPPED: "warning",
    Occurrence.Status.MISSED: "danger",
}
HOUR = timedelta(hours=1)


class ResponseInline(WrittenByFoam, TabularInline):
    model = Response
    verbose_name_plural = "who answered, and how"
    extra = 0
    fields = ("at", "verb", "face", "user", "channel", "detail")
    readonly_fields = fields
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Response]:
        return super().get_queryset(request).select_related("user", "channel")


@admin.register(Occurrence)
class OccurrenceAdmin(OfUsers, WrittenByFoam, ModelAdmin):
    list_display = ("reminder", "due_at", "lead", "show_status", "reason", "recorded_at")
    list_filter = ("status", "recorded_at")
    search_fields = ("reminder__title", "reminder__owner__username")
    list_select_related = ("reminder",)
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "reminder",
        "due_at",
        "lead",
        "status",
        "reason",
        "recorded_at",
        "follow_up_at",
        "nags",
        "escalated_at",
        "reference",
    )
    readonly_fields = fields
    inlines = (ResponseInline,)
    actions = ("acknowledge", "snooze")
    actions_detail = ("explain",)

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("reminders.change_occurrence")

    @admin.action(description="Acknowledge selected occurrences", permissions=["answer"])
    def acknowledge(self, request: HttpRequest, occurrences: QuerySet[Occurrence]) -> None:
        now, whom = timezone.now(), by(request)
        count = sum(loop.acknowledge(each, now, whom) for each in occurrences)
        self._say(request, "Acknowledged", count, len(occurrences))

    @admin.action(description="Snooze selected occurrences for 1 h", permissions=["answer"])
    def snooze(self, request: HttpRequest, occurrences: QuerySet[Occurrence]) -> None:
        now, whom = timezone.now(), by(request)
        count = sum(loop.snooze(each, now + HOUR, now, whom) for each in occurrences)
        self._say(request, "Snoozed", count, len(occurrences))

    def _say(self, request: HttpRequest, done: str, count: int, of: int) -> None:
        self.message_user(request, f"{done} {count} of {of}; only what waits for an answer can be.")

    @action(description="Explain", url_path="explain", permissions=["view"])
    def explain(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show how this came about, on the page that explains its reminder."""
        occurrence = self.get_object(request, object_id)
        if occurrence is None:
            raise Http404
        page = reverse("admin:reminders_reminder_explain", args=[occurrence.reminder_id])
        return redirect(f"{page}?at={occurrence.due_at:%Y-%m-%dT%H:%M:%SZ}")

    @display(description="Status", ordering="status", label=OCCURRENCE_COLOURS)
    def show_status(self, occurrence: Occurrence) -> str:
        return occurrence.status
