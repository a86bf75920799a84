from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import DurationField, QuerySet
from django.forms import modelform_factory
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.contrib.forms.widgets import ArrayWidget
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin.changelist import Listed, NewestValues
from accounts.admin.edits import EditForm
from accounts.admin.history import (
    SOURCES,
    EntrySource,
    HistoryEntry,
    KeepsChanges,
    actor_name,
    of_acts,
)
from accounts.admin.owner_choices import ChoosesOwner, LabelledField
from accounts.models import User
from accounts.models.duration_fields import DurationFormField
from accounts.timezones import format_instant
from notifications.admin import (
    OfUsers,
    cached_per_request,
    failure_of,
    labelled_with_owner,
    read_failures,
)
from notifications.explain.html import lines_of
from notifications.models import Channel
from reminders.admin.actions import ReminderActions
from reminders.admin.filters import (
    DueFilter,
    ReminderChannelFilter,
    ReminderOwnerFilter,
    ReminderStateFilter,
    ReminderTagFilter,
)
from reminders.admin.import_export import ImportExport
from reminders.admin.outcomes import (
    LISTED_OCCURRENCES,
    PAGES,
    VERDICT_COLOURS,
    last_outcomes,
)
from reminders.admin.search import FINDS_REMINDERS, matching_reminders
from reminders.engine.pauses import covering_pauses
from reminders.explain.explanation import explain
from reminders.explain.verdicts import CHANGE
from reminders.models import Reminder, Response
from reminders.models.fields import WallClockField
from reminders.recurrence import RecurrenceError, Schedule
from reminders.schedule.message import format_lead
from reminders.schedule.preview import messages as preview_messages
from reminders.schedule.preview import preview_schedule

PREVIEW_HINT = (
    "For a preview, fill in the start (2026-12-07 18:00) and the time zone (Europe/Berlin)."
)
MANY = ("channels", "escalate_channels")
GONE_CHANNEL = "A channel that was chosen is deleted. Choose another one."


class ReminderForm(EditForm):
    class Meta:
        model = Reminder
        fields: list[str] = []  # the admin names them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in MANY:
            # Whose channels the search offers; of a new reminder the field of the owner says so.
            if name in self.fields and self.instance.owner_id:
                self.fields[name].widget.widget.attrs["data-owner"] = self.instance.owner_id

    def clean(self) -> Any:
        data = super().clean()
        owner = self.instance.owner if self.instance.pk else self.cleaned_data.get("owner")
        for name in MANY:
            channels = self.cleaned_data.get(name) or ()
            foreign = [row for row in channels if owner is not None and row.owner_id != owner.pk]
            if foreign:
                names = ", ".join(map(labelled_with_owner, foreign))
                self.add_error(name, f"Choose channels of {owner}. These are not: {names}.")
        return data


@admin.register(Reminder)
class ReminderAdmin(
    ChoosesOwner, OfUsers, Listed, ReminderActions, ImportExport, KeepsChanges, ModelAdmin
):
    form = ReminderForm
    list_display = ("title", "owner", "show_schedule", "show_next", "show_status", "show_trouble")
    list_filter = (
        ReminderStateFilter,
        DueFilter,
        ReminderOwnerFilter,
        ReminderTagFilter,
        ReminderChannelFilter,
        "misfire",
        ("timezone", NewestValues),
    )
    # The filters with a text have a button.
    list_filter_submit = True
    search_fields = ("title",)
    finds = FINDS_REMINDERS
    # By no column: to sort by one would read the whole table.
    sortable_by = ()
    autocomplete_fields = ("owner", "channels", "escalate_channels")
    formfield_overrides = {
        ArrayField: {"widget": ArrayWidget},
        WallClockField: {"widget": UnfoldAdminTextInputWidget},
        DurationField: {"form_class": DurationFormField, "widget": UnfoldAdminTextInputWidget},
    }
    readonly_fields = (
        "show_status",
        "paused_until",
        "show_pauses",
        "show_upcoming",
        "show_next",
        "show_outcomes",
        "show_trouble",
        "created_at",
        "updated_at",
    )
    fieldsets = (
        (
            "How it stands",
            {
                "fields": (
                    "show_status",
                    "paused_until",
                    "show_pauses",
                    "show_next",
                    "show_trouble",
                    "show_outcomes",
                )
            },
        ),
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
        ("Dates", {"fields": ("created_at", "updated_at")}),
    )
    actions = (*ReminderActions.actions, *ImportExport.actions)
    actions_list = ImportExport.actions_list
    actions_detail = ("explain", "restore_one")

    class Media:
        js = ("reminders/preview.js", "reminders/owner.js")
        css = {"all": ("reminders/preview.css", "reminders/outcomes.css")}

    def shown_by_default(self, rows: QuerySet[Reminder]) -> QuerySet[Reminder]:
        return rows.not_deleted()  # type: ignore[attr-defined]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # As a search of the same choice offers them (ChannelAdmin.choices_for).
        channels = Channel.objects.exclude_system().filter(deleted_at=None).select_related("owner")
        kwargs["queryset"] = channels.without_secrets()
        kwargs["form_class"] = partial(LabelledField, label_of=labelled_with_owner)
        kwargs["error_messages"] = {"invalid_choice": GONE_CHANNEL}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        owner = User.objects.filter(pk=initial.get("owner") or 0).first()
        return {"timezone": owner.timezone, **initial} if owner else initial

    def prepare(self, rows: Iterable[Reminder]) -> None:
        read_failures(channel for reminder in rows for channel in reminder.channels.all())

    def find(self, rows: QuerySet[Reminder], text: str) -> Iterator[QuerySet[Reminder]]:
        return matching_reminders(rows, text)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # What is due next comes first where that is asked for: the tick has an index of it.
        return ("plan__next_fire_at", "id") if DueFilter.parameter_name in request.GET else ("-id",)

    def get_urls(self) -> Any:
        view = require_POST(self.admin_site.admin_view(self.preview))
        return [path("preview/", view, name="reminders_reminder_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest) -> JsonResponse:
        """Return the preview of an unsaved form, or an error for each field; nothing is stored."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        form = self._form_as_it_stands(request)
        if not form.is_valid():
            return JsonResponse(
                {"errors": {name: errors[0] for name, errors in form.errors.items()}}
            )
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
        """Return a form with the fields of the preview; texts and owner may still be empty."""
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
        """Show why a reminder did or did not fire, at the time in the request or recently."""
        reminder = self.get_object(request, object_id)
        if reminder is None:
            raise Http404
        at, now, error = request.GET.get("at", "").strip(), timezone.now(), ""
        try:
            explanation = explain(reminder, now, at)
        except ValidationError as refusal:
            error, explanation = refusal.messages[0], explain(reminder, now)
        context = {
            **self.admin_site.each_context(request),
            "title": "Why it did or did not fire",
            "opts": self.opts,
            "original": reminder,
            "at": at,
            "error": error,
            "explanation": explanation,
            "colour": VERDICT_COLOURS.get(explanation.verdict, "info"),
            "lines": lines_of(explanation.steps, explanation.timezone, PAGES),
        }
        return TemplateResponse(request, "reminders/explain.html", context)

    def acts_of(self, obj: Reminder) -> list[EntrySource]:
        answers = Response.objects.filter(occurrence__reminder=obj)
        responses = answers.select_related("user", "occurrence").order_by("-at", "-pk")
        return [of_acts(obj.changes.all(), CHANGE), EntrySource(responses, _answered)]

    def get_fieldsets(self, request: HttpRequest, obj: Reminder | None = None) -> Any:
        # A new reminder has neither a state nor dates yet.
        return self.fieldsets if obj else self.fieldsets[1:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Reminder | None = None) -> Any:
        return (*self.readonly_fields, "owner") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Reminder, form: Any, change: bool) -> None:
        # Left empty, a new reminder gets its owner's inbox.
        channels, further = (form.cleaned_data[name] for name in MANY)
        is_left_empty = not change and not channels
        obj.store(timezone.now(), None if is_left_empty else channels, further)
        for channel in {*obj.channels.all(), *obj.escalate_channels.all()}:
            if channel.refusal:
                text = f"Nothing goes to {channel}: {channel.refusal}"
                self.message_user(request, text, messages.WARNING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: `Reminder.store` has saved the channels with the reminder."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reminder]:
        reminders: Any = super().get_queryset(request).select_related("owner")
        return reminders.prefetch_related("channels").with_last_loss()

    @display(description="Next due")
    def show_next(self, reminder: Reminder) -> str:
        if reminder.next_due_at is None:
            return "—"
        return format_instant(reminder.next_due_at, reminder.clock)

    @display(
        description="Status",
        label={"active": "success", "paused": "warning", "finished": "info", "deleted": "danger"},
    )
    def show_status(self, reminder: Reminder) -> str:
        return "deleted" if reminder.deleted_at else reminder.status

    @display(description="Covered by")
    @cached_per_request
    def show_pauses(self, reminder: Reminder) -> str:
        """List the pauses of its tags, of its user and of everything."""
        pauses = covering_pauses(reminder, timezone.now())
        return "; ".join(pause.sentence(reminder.timezone) for pause in pauses) or "—"

    @display(description="Trouble")
    def show_trouble(self, reminder: Reminder) -> str:
        """List what keeps the reminder from firing, or its next messages from arriving."""
        troubles = [reminder.error] if reminder.error else []
        if switched_off := reminder.owner.switched_off_text:
            troubles.append(switched_off)
        if reminder.next_due_at:
            unusable = reminder.unusable_channels()
            troubles += [f"{channel}: {channel.refusal}" for channel in unusable]
        if loss := reminder.last_loss:
            troubles.append(f"Its last message did not arrive: {loss.reason}")
        for channel in reminder.channels.all():
            if not channel.refusal and (failure := failure_of(channel)):
                troubles.append(f"{channel}: {failure}")
        return "; ".join(troubles) or "—"

    @display(description="Schedule")
    def show_schedule(self, reminder: Reminder) -> str:
        return reminder.schedule_text

    @display(description="Preview")
    @cached_per_request
    def show_upcoming(self, reminder: Reminder) -> SafeString:
        try:
            content = _preview(reminder) if reminder.pk else PREVIEW_HINT
        except RecurrenceError as error:
            content = error.message
        return format_html(
            '<div class="foam-preview" aria-live="polite" data-preview-url="{}"'
            ' data-preview-hint="{}">{}</div>',
            reverse("admin:reminders_reminder_preview")
            + (f"?reminder={reminder.pk}" if reminder.pk else ""),
            PREVIEW_HINT,
            content,
        )

    @display(description="Last outcomes")
    @cached_per_request
    def show_outcomes(self, reminder: Reminder) -> SafeString | str:
        return last_outcomes(reminder, timezone.now())


def _preview(reminder: Reminder) -> SafeString:
    now, schedule = timezone.now(), reminder.schedule
    texts = preview_messages(reminder, now, reminder.count) if reminder.title else []
    context = replace(preview_schedule(schedule, now, LISTED_OCCURRENCES), messages=texts)
    return render_to_string(
        "reminders/preview.html", {"preview": context, "leads": _leads(schedule)}
    )


def _leads(schedule: Schedule) -> str:
    """Return the leads as text; empty if the reminder fires only when it is due."""
    if not any(schedule.leads):
        return ""
    words = [f"{format_lead(lead)} before" if lead else "when due" for lead in schedule.leads]
    return ", ".join(reversed(words))


def _answered(response: Response) -> HistoryEntry:
    due = f"{response.occurrence.due_at:%Y-%m-%d %H:%M:%S} UTC"
    until = f", {response.detail}" if response.detail else ""
    what = f"{response.verb} what was due on {due}{until}"
    return HistoryEntry(response.at, actor_name(response), SOURCES.get(response.face, ""), what, {})
