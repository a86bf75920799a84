from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import pause_page
from accounts.forms import StoringForm
from notifications import flood, holding, probe, verification
from notifications.models import Attempt, Channel, Delivery, InboxMessage

DELIVERY_COLOURS = {
    "queued": "info",
    "sending": "info",
    "sent": "success",
    "dead": "danger",
    "cancelled": "warning",
    "collected": "success",
}
OUTCOME_COLOURS = {
    "sent": "success",
    "transient": "warning",
    "permanent": "danger",
    "uncertain": "warning",
}


class WrittenByFoam:
    """Staff look at these rows; only FOAM writes them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfUsers:
    """Lists, counts and opens what is of users; the canary stays behind the scenes."""

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).of_users()  # type: ignore[misc]


class ChannelForm(StoringForm):
    code = forms.CharField(
        required=False,
        max_length=20,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text="The six digits that were sent to this address. To have a code sent, or a "
        "webhook challenged, choose it in the list of channels and the action “Verify”.",
    )

    class Meta:
        model = Channel
        fields: list[str] = []  # the admin names them

    def store(self) -> None:
        now = timezone.now()
        holding.store(self.instance, now, self.changed_data)
        if code := self.cleaned_data.get("code"):
            verification.verify(self.instance, code, now)


@admin.register(Channel)
class ChannelAdmin(OfUsers, ModelAdmin):
    form = ChannelForm
    list_display = ("name", "owner", "kind", "address", "show_state", "show_trouble", "created_at")
    list_filter = ("kind", "verified_at", "disabled_at", "deleted_at")
    ordering = ("-id",)
    search_fields = ("name", "address", "owner__username")
    list_select_related = ("owner",)
    autocomplete_fields = ("owner",)
    fields = (
        "owner",
        "kind",
        "name",
        "address",
        "masked_secret",
        "previous_secret_until",
        "at_most_once",
        "verified_at",
        "code",
        "digest_at",
        "digest_every",
        "flood_limit",
        "show_flood",
        "show_state",
        "show_trouble",
        "created_at",
        "updated_at",
    )
    readonly_fields = (
        "masked_secret",
        "previous_secret_until",
        "verified_at",
        "show_flood",
        "show_state",
        "show_trouble",
        "created_at",
        "updated_at",
    )
    actions = ("verify", "test", "pause", "resume", "enable", "disable", "close")

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        is_asked = obj is not None and not obj.is_verified
        return [name for name in self.fields if is_asked or name != "code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        fixed = ("owner", "kind") if obj else ()
        return (*self.readonly_fields, *fixed)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(
        description="State",
        label={
            "in use": "success",
            "disabled": "danger",
            "deleted": "warning",
            "left alone": "warning",
            "paused": "warning",
            "not verified": "warning",
            "not set up": "info",
        },
    )
    def show_state(self, channel: Channel) -> str:
        if channel.deleted_at:
            return "deleted"
        if channel.disabled_at:
            return "disabled"
        if not channel.is_verified:
            return "not verified"
        if channel.is_paused(timezone.now()):
            return "paused"
        if channel.is_held(timezone.now()):
            return "left alone"
        return "not set up" if channel.transport.unavailable() else "in use"

    @display(description="Flood guard")
    def show_flood(self, channel: Channel) -> str:
        if not (limit := channel.limit):
            return "off"
        beyond = flood.beyond(channel.pk, limit, timezone.now())
        return f"{limit} an hour; within a day {beyond} beyond that were held for a digest"

    @display(description="Trouble")
    def show_trouble(self, channel: Channel) -> str:
        return channel.trouble(timezone.now()) or "—"

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """The form has stored it."""

    @admin.action(description="Verify the selected channel", permissions=["change"])
    def verify(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        """Challenge it, or send it a code."""
        with self.asking(request, channels) as chosen:
            for channel in chosen:
                asked = verification.request(channel, timezone.now())
                self.message_user(request, f"{channel}: {asked.detail}")

    @admin.action(description="Send a test message to the selected channel", permissions=["change"])
    def test(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        with self.asking(request, channels) as chosen:
            for channel in chosen:
                sent = probe.test(channel, timezone.now())
                level = messages.WARNING if sent.delivery.status == "dead" else messages.INFO
                self.message_user(request, f"{channel}: {sent}", level)

    @contextmanager
    def asking(
        self, request: HttpRequest, channels: QuerySet[Channel]
    ) -> Iterator[QuerySet[Channel]]:
        """Yield the channel that was chosen, one at a time as each takes a while; show refusals."""
        if len(channels) != 1:
            self.message_user(request, "Choose one channel at a time.", messages.WARNING)
            channels = channels.none()
        try:
            yield channels
        except (probe.TooMany, probe.Unusable) as refusal:
            self.message_user(request, str(refusal), messages.ERROR)

    @admin.action(description="Pause selected channels…", permissions=["change"])
    def pause(self, request: HttpRequest, channels: QuerySet[Channel]) -> HttpResponse | None:
        asked = pause_page.ask(request, self, channels)
        if isinstance(asked, HttpResponse):
            return asked
        now = timezone.now()
        for channel in channels:
            holding.pause(channel, now, asked.cleaned_data["until"])
        self.message_user(request, f"Paused {len(channels)}.")
        return None

    @admin.action(description="Resume selected channels", permissions=["change"])
    def resume(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        now = timezone.now()
        for channel in channels:
            holding.resume(channel, now)
        self.message_user(request, f"Resumed {len(channels)}.")

    @admin.action(description="Enable selected channels", permissions=["change"])
    def enable(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        for channel in channels:
            channel.enable()
        self.message_user(request, f"Enabled {len(channels)}.")

    @admin.action(description="Disable selected channels", permissions=["change"])
    def disable(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        now = timezone.now()
        for channel in channels:
            channel.disable(f"Disabled by {request.user}.", now)
        self.message_user(request, f"Disabled {len(channels)}.")

    @admin.action(description="Delete selected channels", permissions=["change"])
    def close(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        now = timezone.now()
        for channel in channels:
            channel.close(now)
        self.message_user(request, f"Deleted {len(channels)}.")


class AttemptInline(WrittenByFoam, TabularInline):
    model = Attempt
    extra = 0
    fields = ("number", "show_outcome", "detail", "latency", "ended_at")
    readonly_fields = fields
    can_delete = False

    @display(description="Outcome", label=OUTCOME_COLOURS)
    def show_outcome(self, attempt: Attempt) -> str:
        return attempt.outcome


@admin.register(Delivery)
class DeliveryAdmin(OfUsers, WrittenByFoam, ModelAdmin):
    list_display = (
        "title",
        "channel",
        "show_status",
        "held",
        "attempt",
        "due_at",
        "next_attempt_at",
        "reason",
    )
    list_filter = ("status", "held", "urgent", "channel__kind")
    search_fields = ("reference", "title", "channel__owner__username")
    list_select_related = ("channel",)
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "title",
        "body",
        "channel",
        "message_id",
        "reference",
        "due_at",
        "show_status",
        "reason",
        "attempt",
        "max_attempts",
        "next_attempt_at",
        "urgent",
        "held",
        "digest",
        "created_at",
        "finished_at",
    )
    readonly_fields = fields
    inlines = (AttemptInline,)
    actions = ("retry",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_delivery")

    @display(description="Status", label=DELIVERY_COLOURS, ordering="status")
    def show_status(self, delivery: Delivery) -> str:
        return delivery.status

    @admin.action(description="Retry selected dead deliveries", permissions=["retry"])
    def retry(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        now = timezone.now()
        count = sum(delivery.retry(now) for delivery in deliveries)
        self.message_user(request, f"Queued {count} of {len(deliveries)}; only dead ones can be.")


@admin.register(InboxMessage)
class InboxMessageAdmin(WrittenByFoam, ModelAdmin):
    list_display = ("title", "channel", "due_at", "received_at", "read_at")
    list_filter = ("received_at", "read_at")
    search_fields = ("title", "channel__owner__username")
    list_select_related = ("channel",)
    ordering = ("-id",)
    fields = (
        "title",
        "body",
        "channel",
        "due_at",
        "received_at",
        "read_at",
        "message_id",
        "reference",
    )
