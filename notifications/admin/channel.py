from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import DurationField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import pause_page, report, search
from accounts.duration_fields import DurationFormField
from accounts.forms import StoringForm
from accounts.history import KeepsChanges, Source, of_acts
from accounts.lists import Listed
from notifications import dependents, flood, holding, probe, verification
from notifications.admin.rows import OfUsers
from notifications.dependents import Dependents
from notifications.history import WORDS
from notifications.models import NEEDS_NO_PROOF, Channel

# What people know a channel by.
NAMES = ("name", "address")


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("disabled", "Disabled"),
            ("alone", "Left alone"),
            ("unverified", "Not verified"),
            ("deleted", "Deleted"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "disabled":
                return queryset.exclude(disabled_at=None).filter(deleted_at=None)
            case "alone":
                return queryset.filter(held_until__gt=timezone.now(), deleted_at=None)
            case "unverified":
                return queryset.filter(verified_at=None, deleted_at=None).exclude(
                    kind__in=NEEDS_NO_PROOF
                )
            case "deleted":
                return queryset.exclude(deleted_at=None)
        return queryset


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
class ChannelAdmin(OfUsers, Listed, KeepsChanges, ModelAdmin):
    form = ChannelForm
    formfield_overrides = {
        DurationField: {"form_class": DurationFormField, "widget": UnfoldAdminTextInputWidget}
    }
    list_display = ("name", "owner", "kind", "address", "show_state", "show_trouble", "created_at")
    list_filter = ("kind", StateFilter)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("name",)
    finds = (
        "Finds an id, the beginning of an owner's username or e-mail address, and parts of names "
        f"and addresses: among the newest {search.NEWEST:,}, or with an owner before them among "
        "theirs."
    )
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

    def find(self, rows: QuerySet[Channel], text: str) -> Iterator[QuerySet[Any]]:
        if (number := search.number_of(text)) is not None:
            yield rows.filter(pk=number)
        words = search.words_of(text)
        for owners, rest in search.owners(words):
            yield search.containing(search.newest(rows.filter(owner__in=owners)), rest, *NAMES)
        yield search.containing(search.newest(rows), words, *NAMES)

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        is_asked = obj is not None and not obj.is_verified
        return [name for name in self.fields if is_asked or name != "code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        fixed = ("owner", "kind") if obj else ()
        return (*self.readonly_fields, *fixed)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def acts_of(self, obj: Channel) -> list[Source]:
        return [of_acts(obj.changes.all(), WORDS)]

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
        if len(channels[:2]) != 1:
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
        now, until = timezone.now(), asked.cleaned_data["until"]

        def act(channel: Channel) -> str | None:
            holding.pause(channel, now, until)
            return None

        report.run(request, self, channels, act, "Paused")
        return None

    @admin.action(description="Resume selected channels", permissions=["change"])
    def resume(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        now = timezone.now()

        def act(channel: Channel) -> str | None:
            if not channel.is_paused(now):
                return "it was not paused"
            holding.resume(channel, now)
            return None

        report.run(request, self, channels, act, "Resumed")

    @admin.action(description="Enable selected channels", permissions=["change"])
    def enable(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        def act(channel: Channel) -> str | None:
            if channel.deleted_at or not channel.disabled_at:
                return "it is deleted" if channel.deleted_at else "it was not disabled"
            channel.enable()
            return None

        report.run(request, self, channels, act, "Enabled")

    @admin.action(description="Disable selected channels", permissions=["change"])
    def disable(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        now = timezone.now()

        def act(channel: Channel) -> str | None:
            if channel.deleted_at or channel.disabled_at:
                return "it is deleted" if channel.deleted_at else "it was disabled before"
            channel.disable(f"Disabled by {request.user}.", now)
            return None

        report.run(request, self, channels, act, "Disabled")

    @admin.action(description="Delete selected channels", permissions=["change"])
    def close(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        now = timezone.now()
        counts: list[Dependents] = []

        def act(channel: Channel) -> str | None:
            if channel.deleted_at:
                return "it was deleted before"
            found = dependents.of(channel)
            channel.close(now)
            counts.append(found)
            return None

        report.run(request, self, channels, act, "Deleted")
        if sum(each.undeliverable for each in counts):
            total = Dependents(*map(sum, zip(*counts, strict=True)))
            self.message_user(request, f"Of reminders, {total}.", messages.WARNING)
