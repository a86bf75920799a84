"""Serializers of a reminder, its upcoming instants and its explanation."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast

from django.contrib.postgres.fields import ArrayField
from django.db.models import DurationField
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.utils.html import is_html_input

from accounts.api.base import IsoDuration, ShortList, StrictSerializer
from accounts.api.serializers import PausedBySerializer
from accounts.models.user import validate_timezone
from accounts.timezones import zone
from notifications.models import Channel
from reminders.api.fields import LeadDuration, OwnChannels, WallClockTime
from reminders.engine import pauses
from reminders.explain.verdicts import Verdict
from reminders.models import Reminder
from reminders.models.fields import LeadField, WallClockField

# Sorts a pause without an end after all others.
NEVER = datetime.max.replace(tzinfo=UTC)


class UndeliveredSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="When it was given up.")
    channel = serializers.IntegerField(help_text="The channel that it did not reach.")
    delivery = serializers.IntegerField()
    reason = serializers.CharField(help_text="Why, in the receiver's words where there are any.")


class ReminderSerializer(StrictSerializer, serializers.ModelSerializer[Reminder]):
    """What to remind of, when, and on which channels; and where that stands."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        WallClockField: WallClockTime,
        DurationField: IsoDuration,
        ArrayField: ShortList,
        LeadField: LeadDuration,
    }
    timezone = serializers.CharField(
        max_length=64,
        required=False,
        validators=[validate_timezone],
        help_text="IANA name; yours when left out.",
    )
    channels = OwnChannels(
        many=True,
        required=False,
        help_text="Ids of your channels; your inbox when left out.",
    )
    unverified_channels = serializers.SerializerMethodField(
        help_text="Those of them that are not verified yet: nothing is sent there until they are."
    )
    is_deliverable = serializers.BooleanField(
        read_only=True,
        help_text="False when none of its channels takes messages: each is deleted, disabled or "
        "not verified.",
    )
    last_loss = serializers.SerializerMethodField(
        help_text="The message that did not arrive, when that is true of its last one; null when "
        "it arrived, or is on its way.",
    )
    escalate_channels = OwnChannels(
        many=True, required=False, help_text="Ids of your channels, for `escalate_after`."
    )
    paused_by = serializers.SerializerMethodField(
        help_text="The pause of a tag, of all of yours or of everything that covers it now; null "
        "for none. It has its plan meanwhile."
    )

    class Meta:
        model = Reminder
        fields = [
            "id",
            "title",
            "body",
            "starts_at",
            "timezone",
            "recurrence",
            "exdates",
            "rdates",
            "gap",
            "fold",
            "leads",
            "misfire",
            "grace",
            "channels",
            "unverified_channels",
            "is_deliverable",
            "last_loss",
            "nag_every",
            "nag_max",
            "escalate_after",
            "escalate_channels",
            "urgent",
            "tags",
            "external_id",
            "status",
            "paused_until",
            "paused_by",
            "next_due_at",
            "schedule_text",
            "error",
            "version",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "status",
            "paused_until",
            "next_due_at",
            "schedule_text",
            "error",
            "version",
        ]
        # The model's constraint is checked by `store`, with the owner, which is not a field here.
        validators: list[Any] = []

    def get_unverified_channels(self, reminder: Reminder) -> list[int]:
        channels = [channel for channel in reminder.channels.all() if channel.deleted_at is None]
        return [channel.pk for channel in channels if not channel.is_verified]

    @extend_schema_field(UndeliveredSerializer(allow_null=True))
    def get_last_loss(self, reminder: Reminder) -> dict[str, Any] | None:
        loss = reminder.last_loss
        return dict(UndeliveredSerializer(loss).data) if loss else None

    @extend_schema_field(PausedBySerializer(allow_null=True))
    def get_paused_by(self, reminder: Reminder) -> dict[str, Any] | None:
        """Return the pause that lasts longest; they are looked up once for all that are shown."""
        known = cast("dict[str, Any]", self.context).setdefault("pauses", {})
        if reminder.owner_id not in known:
            known[reminder.owner_id] = pauses.of_owner(reminder.owner_id, timezone.now())
        mine = [pause for pause in known[reminder.owner_id] if pause.is_of(reminder.tags)]
        if not mine:
            return None
        longest = max(mine, key=lambda pause: pause.until or NEVER)
        return dict(PausedBySerializer(longest).data)

    def to_representation(self, reminder: Reminder) -> dict[str, Any]:
        shown = super().to_representation(reminder)
        return {
            **shown,
            "channels": _kept(reminder.channels.all()),
            "escalate_channels": _kept(reminder.escalate_channels.all()),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Turn times that came with an offset into wall-clock times of the reminder's zone."""
        # A form in which none is chosen cannot say whether they were left out.
        if attrs.get("channels") == [] and is_html_input(self.initial_data):
            del attrs["channels"]
        if self.instance is not None and not self.partial:
            attrs = {**self._left_out(), **attrs}
        local = zone(self._timezone(attrs))
        for name in ("starts_at", "exdates", "rdates"):
            if name not in attrs:
                continue
            try:
                value = attrs[name]
                attrs[name] = (
                    [_wall_clock(each, local) for each in value]
                    if isinstance(value, list)
                    else _wall_clock(value, local)
                )
            except OverflowError:
                raise ValidationError({name: "This time is out of range."}) from None
        return attrs

    def _left_out(self) -> dict[str, Any]:
        """Return what a reminder has that was made without saying: to replace one is like that."""
        fields = {field.name: field for field in Reminder._meta.concrete_fields}
        names = [name for name, field in self.fields.items() if not field.read_only]
        plain = {name: fields[name].get_default() for name in names if name in fields}
        user = self.context["request"].user
        inbox = [Channel.objects.inbox_of(user)] if "channels" not in self.initial_data else []
        return {**plain, "timezone": user.timezone, "channels": inbox, "escalate_channels": []}

    def _timezone(self, attrs: dict[str, Any]) -> str:
        if "timezone" in attrs:
            return attrs["timezone"]
        if self.instance is not None:
            return self.instance.timezone
        attrs["timezone"] = self.context["request"].user.timezone
        return attrs["timezone"]

    def create(self, validated_data: dict[str, Any]) -> Reminder:
        return self._store(Reminder(), validated_data)

    def update(self, instance: Reminder, validated_data: dict[str, Any]) -> Reminder:
        return self._store(instance, validated_data)

    def _store(self, reminder: Reminder, values: dict[str, Any]) -> Reminder:
        now, channels = values.pop("now"), values.pop("channels", None)
        further = values.pop("escalate_channels", None)
        arrival = values.pop("arrival", None)
        for name, value in values.items():
            setattr(reminder, name, value)
        reminder.store(now, channels, further, arrival)
        return reminder


def _kept(channels: Iterable[Channel]) -> list[int]:
    return [channel.pk for channel in channels if channel.deleted_at is None]


def _wall_clock(value: datetime, local: Any) -> datetime:
    return value.astimezone(local).replace(tzinfo=None) if value.tzinfo else value


class UpcomingSerializer(serializers.Serializer[Any]):
    schedule_text = serializers.CharField()
    occurrences = serializers.ListField(child=serializers.DateTimeField())


class StepSerializer(serializers.Serializer[Any]):
    what = serializers.CharField(
        help_text="`reminder`, `change`, `schedule`, `due`, `triggered`, `fired`, `missed`, "
        "`skipped`, `delivery`, `attempt`, `nag`, `escalated`, `spoke_again`, `acknowledged`, "
        "`snoozed`, `next`, `tick`, `nearest`, or a verdict."
    )
    depth = serializers.IntegerField(
        help_text="It hangs under the last one before it with a smaller depth."
    )
    at = serializers.DateTimeField(allow_null=True)
    text = serializers.CharField()
    data = serializers.DictField(help_text="Ids and states, for programs.")  # type: ignore[assignment]


class ExplanationSerializer(serializers.Serializer[Any]):
    reminder = serializers.IntegerField(source="reminder.pk")
    timezone = serializers.CharField(help_text="In which the texts tell times.")
    begin = serializers.DateTimeField(allow_null=True, help_text="What was asked about.")
    end = serializers.DateTimeField(allow_null=True)
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    conclusion = serializers.CharField(help_text="The answer in a sentence.")
    steps = StepSerializer(many=True)
