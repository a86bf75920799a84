from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.forms import modelform_factory
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.forms.widgets import ArrayWidget
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import pause_page
from accounts.forms import StoringForm
from accounts.timezones import in_words
from notifications.admin import OfUsers, WrittenByFoam
from notifications.models import Delivery
from reminders import dispatch, loop
from reminders.explain import explain
from reminders.fields import WallClockField
from reminders.message import span
from reminders.models import Occurrence, Reminder
from reminders.moment import clocks
from reminders.pausing import covering
from reminders.preview import messages, preview
from reminders.recurrence import RecurrenceError, Schedule
from reminders.response import Response
from reminders.verdicts import Verdict

SHOWN = 5
VERDICT_COLOURS = {
    Verdict.LOST: "danger",
    Verdict.OVERDUE: "danger",
    Verdict.UNDELIVERED: "danger",
    Verdict.MISSED: "warning",
    Verdict.SKIPPED: "warning",
    Verdict.PAUSED: "warning",
    Verdict.SENT: "success",
    Verdict.ACKNOWLEDGED: "success",
}
OCCURRENCE_COLOURS = {
    Occurrence.Status.PENDING: "info",
    Occurrence.Status.ACKNOWLEDGED: "success",
    Occurrence.Status.SNOOZED: "warning",
    Occurrence.Status.SKIPPED: "warning",
    Occurrence.Status.MISSED: "danger",
}
HOUR = timedelta(hours=1)
PREVIEW_HINT = "Say when it starts and in which time zone, and see here what that means."


class ReminderForm(StoringForm):
    class Meta:
        model = Reminder
        fields: list[str] = []  # the admin names them

    def store(self) -> None:
        # Left empty, a new reminder gets its owner's inbox.
        channels = self.cleaned_data["channels"]
        further = self.cleaned_data["escalate_channels"]
        is_new = self.instance.pk is None
        self.instance.store(timezone.now(), None if is_new and not channels else channels, further)


@admin.register(Reminder)
class ReminderAdmin(OfUsers, ModelAdmin):
    form = ReminderForm
    list_display = ("title", "owner", "schedule_text", "show_next", "show_status", "show_trouble")
    list_filter = ("status", "deleted_at", "misfire", "timezone")
    search_fields = ("title", "owner__username", "external_id", "tags")
    list_select_related = ("owner",)
    ordering = ("-id",)
    autocomplete_fields = ("owner", "channels", "escalate_channels")
    formfield_overrides = {
        ArrayField: {"widget": ArrayWidget},
        WallClockField: {"widget": UnfoldAdminTextInputWidget},
    }
    readonly_fields = (
        "show_status",
        "paused_until",
        "show_pauses",
        "show_upcoming",
        "show_deliveries",
        "show_trouble",
        "created_at",
        "updated_at",
    )
    fieldsets = (
        (None, {"fields": ("owner", "title", "body", "channels", "tags", "external_id")}),
        (
            "When",
            {
                "fields": (
                    "starts_at",
                    "timezone",
                    "recurrence",
                    "show_upcoming",
                    "exdates",
                    "rdates",
                    "leads",
                )
            },
        ),
        (
            "Until it is done",
            {
                "fields": (
                    "nag_every",
                    "nag_max",
                    "escalate_after",
                    "escalate_channels",
                    "urgent",
                )
            },
        ),
        (
            "Special cases",
            {"fields": ("gap", "fold", "misfire", "grace"), "classes": ("collapse",)},
        ),
        (
            "State",
            {
                "fields": (
                    "show_status",
                    "paused_until",
                    "show_pauses",
                    "show_deliveries",
                    "show_trouble",
                    "created_at",
                    "updated_at",
                )
            },
        ),
    )
    actions = ("pause", "resume", "skip_next", "fire_now", "close")
    actions_detail = ("explain",)

    class Media:
        js = ("reminders/preview.js",)
        css = {"all": ("reminders/preview.css",)}

    def get_urls(self) -> Any:
        view = require_POST(self.admin_site.admin_view(self.preview))
        return [path("preview/", view, name="reminders_reminder_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest) -> JsonResponse:
        """Show what a form means and will say, or an error for each field; nothing is stored."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        form = self._form_as_it_stands(request)
        if not form.is_valid():
            return JsonResponse({"errors": {name: each[0] for name, each in form.errors.items()}})
        stored = self.get_object(request, request.GET.get("reminder", ""))
        if stored is not None:
            form.instance.owner = stored.owner
            form.instance.fired_count, form.instance.fired_due_at = stored.count
        try:
            html = _preview(form.instance)
        except RecurrenceError as error:
            return JsonResponse({"errors": {error.field: error.message}})
        return JsonResponse({"html": html, "errors": {}})

    def _form_as_it_stands(self, request: HttpRequest) -> Any:
        """Return a form for what the preview shows; what it can do without may still be empty."""
        form = modelform_factory(
            Reminder,
            fields=(*Reminder.SCHEDULE, *Reminder.WORDS, "owner"),
            formfield_callback=partial(self.formfield_for_dbfield, request=request),
        )(request.POST)
        for name in (*Reminder.WORDS, "owner"):
            form.fields[name].required = False
        return form

    @action(description="Explain", url_path="explain", permissions=["view"])
    def explain(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show why a reminder did or did not fire, at the moment asked for or of late."""
        reminder = self.get_object(request, object_id)
        if reminder is None:
            raise Http404
        at, now, error = request.GET.get("at", "").strip(), timezone.now(), ""
        try:
            explanation = explain(reminder, now, at)
        except ValidationError as refusal:
            error, explanation = refusal.messages[0], explain(reminder, now)
        steps = [
            (step, clocks(step.at, explanation.timezone) if step.at else "")
            for step in explanation.steps
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": "Why it did or did not fire",
            "opts": self.opts,
            "original": reminder,
            "at": at,
            "error": error,
            "explanation": explanation,
            "colour": VERDICT_COLOURS.get(explanation.verdict, "info"),
            "steps": steps,
        }
        return TemplateResponse(request, "reminders/explain.html", context)

    def get_fieldsets(self, request: HttpRequest, obj: Reminder | None = None) -> Any:
        # A new reminder has no state yet.
        return self.fieldsets if obj else self.fieldsets[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Reminder | None = None) -> Any:
        return (*self.readonly_fields, "owner") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Reminder, form: Any, change: bool) -> None:
        """The form has stored it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The form has stored the channels, too."""

    @display(description="Next", ordering="next_due_at")
    def show_next(self, reminder: Reminder) -> str:
        if reminder.next_due_at is None:
            return "—"
        return in_words(reminder.next_due_at, reminder.timezone)

    @display(
        description="Status",
        ordering="status",
        label={"active": "success", "paused": "warning", "finished": "info", "deleted": "danger"},
    )
    def show_status(self, reminder: Reminder) -> str:
        return "deleted" if reminder.deleted_at else reminder.status

    @display(description="Covered by")
    def show_pauses(self, reminder: Reminder) -> str:
        """Of a tag, of all of its user, or of everything."""
        pauses = covering(reminder, timezone.now())
        return "; ".join(f"{each}: {each.told(reminder.timezone)}" for each in pauses) or "—"

    @display(description="Trouble")
    def show_trouble(self, reminder: Reminder) -> str:
        return reminder.error or "—"

    @display(description="Next due")
    def show_upcoming(self, reminder: Reminder) -> SafeString:
        try:
            shown = _preview(reminder) if reminder.pk else PREVIEW_HINT
        except RecurrenceError as error:
            shown = error.message
        return format_html(
            '<div class="foam-preview" aria-live="polite" data-preview-url="{}"'
            ' data-preview-hint="{}">{}</div>',
            reverse("admin:reminders_reminder_preview")
            + (f"?reminder={reminder.pk}" if reminder.pk else ""),
            PREVIEW_HINT,
            shown,
        )

    @display(description="Last messages")
    def show_deliveries(self, reminder: Reminder) -> SafeString | str:
        last = reminder.occurrences.order_by("-pk")[:SHOWN]
        deliveries = (
            Delivery.objects.of(*(occurrence.reference for occurrence in last))
            .select_related("channel")
            .order_by("-pk")
        )
        lines = (
            (d.due_at.strftime("%Y-%m-%d %H:%M:%S"), d.channel, d.status, d.reason)
            for d in deliveries
        )
        return format_html_join("", "<div>{} UTC · {} · {} {}</div>", lines) or "None yet."

    @admin.action(description="Pause selected reminders…", permissions=["change"])
    def pause(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        asked = pause_page.ask(request, self, reminders)
        if isinstance(asked, HttpResponse):
            return asked
        now = timezone.now()
        for reminder in reminders:
            reminder.pause(now, asked.cleaned_data["until"])
        self.message_user(request, f"Paused {len(reminders)}.")
        return None

    @admin.action(description="Resume selected reminders", permissions=["change"])
    def resume(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> None:
        now = timezone.now()
        for reminder in reminders:
            reminder.resume(now)
        self.message_user(request, f"Resumed {len(reminders)}.")

    @admin.action(description="Skip next of selected reminders", permissions=["change"])
    def skip_next(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> None:
        now, by = timezone.now(), _by(request)
        skipped = [loop.skip_next(reminder, now, by) for reminder in reminders]
        count = sum(each is not None for each in skipped)
        self.message_user(request, f"Skipped the next of {count}; the others have no next one.")

    @admin.action(description="Fire selected reminders now", permissions=["change"])
    def fire_now(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> None:
        now = timezone.now()
        kept = reminders.kept()  # type: ignore[attr-defined]
        for reminder in kept:
            dispatch.trigger(reminder, now)
        self.message_user(request, f"Fired {len(kept)}.")

    @admin.action(description="Delete selected reminders", permissions=["change"])
    def close(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> None:
        now = timezone.now()
        for reminder in reminders:
            reminder.close(now)
        self.message_user(request, f"Deleted {len(reminders)}.")


def _preview(reminder: Reminder) -> SafeString:
    now, schedule = timezone.now(), reminder.schedule
    said = messages(reminder, now, reminder.count) if reminder.title else []
    shown = replace(preview(schedule, now, SHOWN), messages=said)
    return render_to_string("reminders/preview.html", {"preview": shown, "leads": _leads(schedule)})


def _leads(schedule: Schedule) -> str:
    """Say how long before it is due a reminder speaks; nothing if only when it is due."""
    if not any(schedule.leads):
        return ""
    words = [f"{span(lead)} before" if lead else "when due" for lead in schedule.leads]
    return ", ".join(reversed(words))


def _by(request: HttpRequest) -> loop.By:
    return loop.By("admin", request.user.pk)


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
        now, by = timezone.now(), _by(request)
        count = sum(loop.acknowledge(each, now, by) for each in occurrences)
        self._say(request, "Acknowledged", count, len(occurrences))

    @admin.action(description="Snooze selected occurrences for 1 h", permissions=["answer"])
    def snooze(self, request: HttpRequest, occurrences: QuerySet[Occurrence]) -> None:
        now, by = timezone.now(), _by(request)
        count = sum(loop.snooze(each, now + HOUR, now, by) for each in occurrences)
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
