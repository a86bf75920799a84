from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import DurationField, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin import bulk_actions, search
from accounts.admin.changelist import Listed, StateFilter
from accounts.admin.confirmation import confirmed
from accounts.admin.edits import EDITION, EditForm
from accounts.admin.history import EntrySource, KeepsChanges, of_acts
from accounts.admin.owner_choices import ChoosesOwner
from accounts.admin.pause_form import UntilForm
from accounts.models.duration_fields import DurationFormField
from notifications.admin.base import (
    OfUsers,
    failure_of,
    labelled_with_owner,
    read_failures,
    trouble_of,
)
from notifications.channels import dependents, direct_send, verification
from notifications.channels.dependents import Dependents
from notifications.models import Channel, flood
from notifications.models.channel_change import VERB_LABELS
from notifications.models.verification import NEEDS_NO_PROOF
from notifications.outbox import hold_rules

# The columns that a search by words looks at.
SEARCHED_COLUMNS = ("name", "address")

VERIFY_HELP = (
    "An e-mail address or a chat gets a message with a code; a webhook is sent a challenge. "
    "Reminders go there only when the code is entered or the challenge answered."
)
TEST_HELP = "The owner gets one test message there, at once."
PAUSE_HELP = "Messages wait until then, urgent ones as well. None is lost."
RESUME_HELP = "Messages that waited for the end of the pause go out at once."
ENABLE_HELP = "Messages go there again from now on. What was cancelled meanwhile is not sent."
DISABLE_HELP = (
    "Nothing more is sent there, and messages that wait are cancelled. The owner is told on "
    "another channel."
)
DELETE_HELP = (
    "Nothing more is sent there, messages that wait are cancelled, and the address and secret are "
    "erased. This cannot be undone."
)


class ChannelStateFilter(StateFilter):
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("disabled", "Disabled"),
            ("alone", "Left alone"),
            ("unverified", "Not verified"),
            ("deleted", "Deleted"),
        ]

    def having(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        existing = rows.filter(deleted_at=None)
        match value:
            case "disabled":
                return existing.exclude(disabled_at=None)
            case "alone":
                return existing.filter(held_until__gt=timezone.now())
            case "unverified":
                return existing.filter(verified_at=None).exclude(kind__in=NEEDS_NO_PROOF)
            case "deleted":
                return rows.exclude(deleted_at=None)
        return existing


class ChannelForm(EditForm):
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


@admin.register(Channel)
class ChannelAdmin(ChoosesOwner, OfUsers, Listed, KeepsChanges, ModelAdmin):
    form = ChannelForm
    formfield_overrides = {
        DurationField: {"form_class": DurationFormField, "widget": UnfoldAdminTextInputWidget}
    }
    list_display = ("name", "owner", "kind", "address", "show_state", "show_trouble", "created_at")
    list_filter = ("kind", ChannelStateFilter)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("name",)
    finds = (
        "Search by id, part of the name or address, or the start of an owner's username or e-mail "
        f"address. {search.SEARCHED}"
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

    def shown_by_default(self, rows: QuerySet[Channel]) -> QuerySet[Channel]:
        return rows.filter(deleted_at=None)

    def choices_for(self, rows: QuerySet[Channel], query: QueryDict) -> QuerySet[Channel]:
        """Return the channels that a form's search offers: those of the chosen owner, if any."""
        rows = rows.filter(deleted_at=None).select_related("owner")
        owner = query.get("owner", "")
        if not owner:
            return rows
        number = search.number_of(owner)
        return rows.none() if number is None else rows.filter(owner=number)

    label_of = staticmethod(labelled_with_owner)

    def prepare(self, rows: Iterable[Channel]) -> None:
        read_failures(rows)

    def find(self, rows: QuerySet[Channel], text: str) -> Iterator[QuerySet[Any]]:
        if (number := search.number_of(text)) is not None:
            yield rows.filter(pk=number)
        words = search.words_of(text)
        for owners, name_words in search.owners(words):
            owned = search.newest(rows.filter(owner__in=owners))
            yield search.containing(owned, name_words, *SEARCHED_COLUMNS)
        yield search.containing(search.newest(rows), words, *SEARCHED_COLUMNS)

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        if obj is None:
            # A new channel has no state yet.
            return [name for name in self.fields if name not in {*self.readonly_fields, "code"}]
        return [name for name in self.fields if name != "code" or not obj.is_verified]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        return (*self.readonly_fields, "owner", "kind") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def acts_of(self, obj: Channel) -> list[EntrySource]:
        return [of_acts(obj.changes.all(), VERB_LABELS)]

    @display(
        description="State",
        label={
            "in use": "success",
            "failing": "danger",
            "disabled": "danger",
            "deleted": "warning",
            "left alone": "warning",
            "paused": "warning",
            "not verified": "warning",
            "not set up": "info",
        },
    )
    def show_state(self, channel: Channel) -> str:
        now = timezone.now()
        states = (
            ("deleted", channel.deleted_at),
            ("disabled", channel.disabled_at),
            ("not verified", not channel.is_verified),
            ("paused", channel.is_paused(now)),
            ("left alone", channel.is_held(now)),
            ("not set up", channel.transport.unavailable()),
            ("failing", failure_of(channel)),
        )
        return next((state for state, is_so in states if is_so), "in use")

    @display(description="Flood guard")
    def show_flood(self, channel: Channel) -> str:
        if not (limit := channel.limit):
            return "off"
        beyond = flood.count_over_limit(channel.pk, limit, timezone.now())
        return f"{limit} an hour; within a day {beyond} beyond that were held for a digest"

    @display(description="Trouble")
    def show_trouble(self, channel: Channel) -> str:
        return trouble_of(channel, timezone.now()) or "—"

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        hold_rules.store(obj, timezone.now(), form.changed_data)
        if code := form.cleaned_data.get("code"):
            try:
                verification.verify(obj, code, timezone.now())
            except ValidationError as refusal:
                # Raising it would roll back the count of this try.
                request._wrong_code = refusal  # type: ignore[attr-defined]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Save the form; show a wrong code at its field, after the other fields were saved."""
        view = super().changeform_view
        answer = view(request, object_id, form_url, extra_context)
        refusal = getattr(request, "_wrong_code", None)
        if refusal is None:
            return answer
        channel = Channel.objects.get(pk=object_id or 0)
        form = self.get_form(request, channel, change=True)(instance=channel)
        sent: Any = request
        sent.POST = request.POST.copy()
        sent.POST[EDITION] = form.fields[EDITION].initial
        sent._refusal = refusal
        return view(request, object_id, form_url, extra_context)

    @admin.action(description="Verify the selected channel…", permissions=["change"])
    @confirmed("Verify", VERIFY_HELP)
    def verify(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        """Challenge a channel's receiver, or send it a code."""
        with self.single_channel(request, channels) as selected:
            for channel in selected:
                status = verification.request(channel, timezone.now())
                self.message_user(request, f"{channel}: {status.detail}")

    @admin.action(
        description="Send a test message to the selected channel…", permissions=["change"]
    )
    @confirmed("Send a test message to", TEST_HELP)
    def test(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        with self.single_channel(request, channels) as selected:
            for channel in selected:
                sent = direct_send.test(channel, timezone.now())
                level = messages.WARNING if sent.delivery.status == "dead" else messages.INFO
                self.message_user(request, f"{channel}: {sent}", level)

    @contextmanager
    def single_channel(
        self, request: HttpRequest, channels: QuerySet[Channel]
    ) -> Iterator[QuerySet[Channel]]:
        """Yield the selected channel, or none if there are several; show why it was refused.

        One at a time, as the request waits for each receiver.
        """
        if len(channels[:2]) != 1:
            self.message_user(request, "Choose one channel at a time.", messages.WARNING)
            channels = channels.none()
        try:
            yield channels
        except (
            direct_send.HourlyLimitReached,
            direct_send.TooManyAtOnce,
            direct_send.UnusableChannel,
        ) as refusal:
            self.message_user(request, str(refusal), messages.ERROR)

    @admin.action(description="Pause selected channels…", permissions=["change"])
    @confirmed("Pause", PAUSE_HELP, form=UntilForm)
    def pause(
        self, request: HttpRequest, channels: QuerySet[Channel], options: dict[str, Any]
    ) -> HttpResponse | None:
        now, until = timezone.now(), options["until"]

        def act(channel: Channel) -> str | None:
            hold_rules.pause(channel, now, until)
            return None

        return bulk_actions.run(request, self, channels, act, "Paused")

    @admin.action(description="Resume selected channels…", permissions=["change"])
    @confirmed("Resume", RESUME_HELP)
    def resume(self, request: HttpRequest, channels: QuerySet[Channel]) -> HttpResponse | None:
        now = timezone.now()

        def act(channel: Channel) -> str | None:
            if not channel.is_paused(now):
                return "it was not paused"
            hold_rules.resume(channel, now)
            return None

        return bulk_actions.run(request, self, channels, act, "Resumed")

    @admin.action(description="Enable selected channels…", permissions=["change"])
    @confirmed("Enable", ENABLE_HELP)
    def enable(self, request: HttpRequest, channels: QuerySet[Channel]) -> HttpResponse | None:
        def act(channel: Channel) -> str | None:
            if channel.deleted_at or not channel.disabled_at:
                return "it is deleted" if channel.deleted_at else "it was not disabled"
            channel.enable()
            return None

        return bulk_actions.run(request, self, channels, act, "Enabled")

    @admin.action(description="Disable selected channels…", permissions=["change"])
    @confirmed("Disable", DISABLE_HELP)
    def disable(self, request: HttpRequest, channels: QuerySet[Channel]) -> HttpResponse | None:
        now = timezone.now()

        def act(channel: Channel) -> str | None:
            if channel.deleted_at or channel.disabled_at:
                return "it is deleted" if channel.deleted_at else "it was disabled before"
            channel.disable(f"Disabled by {request.user}.", now)
            return None

        return bulk_actions.run(request, self, channels, act, "Disabled")

    @admin.action(description="Delete selected channels…", permissions=["change"])
    @confirmed("Delete", DELETE_HELP, is_final=True)
    def close(self, request: HttpRequest, channels: QuerySet[Channel]) -> HttpResponse | None:
        now = timezone.now()
        counts: list[Dependents] = []

        def act(channel: Channel) -> str | None:
            if channel.deleted_at:
                return "it was deleted before"
            count = dependents.of(channel)
            channel.close(now)
            counts.append(count)
            return None

        answer = bulk_actions.run(request, self, channels, act, "Deleted")
        if sum(count.undeliverable for count in counts):
            total = Dependents(*map(sum, zip(*counts, strict=True)))
            self.message_user(request, f"Of reminders, {total}.", messages.WARNING)
        return answer
