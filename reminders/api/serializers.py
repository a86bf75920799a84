"""Serializers of a reminder, its upcoming instants and its explanation."""

from collections.abc import Iterable
from copy import copy
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from django.contrib.postgres.fields import ArrayField
from django.db.models import DurationField, prefetch_related_objects
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.utils.html import is_html_input

from accounts.api.base import IsoDuration, ShortList, StrictSerializer
from accounts.api.serializers import PausedBySerializer
from accounts.instants import OUT_OF_RANGE
from accounts.models.user import validate_timezone
from accounts.timezones import zone
from notifications.models import Channel
from reminders.api.fields import LeadDuration, OwnChannel, WallClockTime
from reminders.engine import pauses
from reminders.explain.verdicts import Verdict
from reminders.models import Reminder
from reminders.models.fields import LeadField, WallClockField
from reminders.models.reminder_queryset import CHANNELS

# Sorts a pause without an end after all others.
NEVER = datetime.max.replace(tzinfo=UTC)


class UndeliveredSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="When FOAM gave up.")
    channel = serializers.IntegerField(help_text="Id of the channel that it did not reach.")
    delivery = serializers.IntegerField(help_text="Id of the delivery.")
    reason = serializers.CharField(
        help_text="The error, with the receiver's answer if it sent one."
    )


class ReminderSerializer(StrictSerializer, serializers.ModelSerializer[Reminder]):
    """A reminder: its text, schedule and channels, and its current state."""

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
        help_text="IANA name, such as Europe/Berlin. Your own if left out.",
    )
    channels = OwnChannel(
        many=True,
        required=False,
        help_text="Ids of your channels. Your inbox if left out.",
    )
    unverified_channels = serializers.SerializerMethodField(
        help_text="Ids of the channels that are not verified yet. Nothing is sent there until you "
        "verify them."
    )
    is_deliverable = serializers.BooleanField(
        read_only=True,
        help_text="False if none of its channels takes messages: each is deleted, disabled or not "
        "verified.",
    )
    last_loss = serializers.SerializerMethodField(
        help_text="Its last message, if that did not arrive. Null if it arrived or is on its way.",
    )
    escalate_channels = OwnChannel(
        many=True,
        required=False,
        help_text="Ids of the channels that get the escalation: see `escalate_after`.",
    )
    # Columns of its plan.
    status = serializers.ChoiceField(choices=Reminder.Status.choices, read_only=True)
    paused_until = serializers.DateTimeField(allow_null=True, read_only=True)
    next_due_at = serializers.DateTimeField(allow_null=True, read_only=True)
    error = serializers.CharField(read_only=True)
    paused_by = serializers.SerializerMethodField(
        help_text="The current pause of one of its tags, of all your reminders or of everything; "
        "null for none. `next_due_at` is shown during a pause as well."
    )

    class Meta:
        model = Reminder
        fields = [
            "id",
            "title",
            "body",
            *Reminder.SCHEDULE,
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
        read_only_fields = ["schedule_text", "version"]
        # `store` checks the model's constraint, as it needs the owner, which is not a field here.
        validators: list[Any] = []

    def get_fields(self) -> dict[str, Any]:
        """Return copies of fields that are made once: to make them takes as long as to validate."""
        return {name: _copy(field) for name, field in _made_fields(type(self)).items()}

    def get_unverified_channels(self, reminder: Reminder) -> list[int]:
        return _not_deleted_ids(
            channel for channel in reminder.channels.all() if not channel.is_verified
        )

    @extend_schema_field(UndeliveredSerializer(allow_null=True))
    def get_last_loss(self, reminder: Reminder) -> dict[str, Any] | None:
        loss = reminder.last_loss
        return dict(UndeliveredSerializer(loss).data) if loss else None

    @extend_schema_field(PausedBySerializer(allow_null=True))
    def get_paused_by(self, reminder: Reminder) -> dict[str, Any] | None:
        """Return the pause that ends last. Reads an owner's pauses once for all of an answer."""
        by_owner = cast("dict[str, Any]", self.context).setdefault("pauses", {})
        if reminder.owner_id not in by_owner:
            in_force = pauses.pauses_of_owner(reminder.owner_id, timezone.now())
            by_owner[reminder.owner_id] = list(in_force)
        covering = [pause for pause in by_owner[reminder.owner_id] if pause.is_of(reminder.tags)]
        if not covering:
            return None
        last = max(covering, key=lambda pause: pause.until or NEVER)
        return dict(PausedBySerializer(last).data)

    def to_representation(self, reminder: Reminder) -> dict[str, Any]:
        if not getattr(reminder, "_prefetched_objects_cache", None):
            # At once, as several fields read them. A list has them already.
            prefetch_related_objects([reminder], *CHANNELS)
        return {
            **super().to_representation(reminder),
            "channels": _not_deleted_ids(reminder.channels.all()),
            "escalate_channels": _not_deleted_ids(reminder.escalate_channels.all()),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Convert times with an offset to wall-clock times of the reminder's zone."""
        # A form without a chosen channel cannot say whether channels were left out.
        if attrs.get("channels") == [] and is_html_input(self.initial_data):
            del attrs["channels"]
        if self.instance is not None and not self.partial:
            attrs = {**self._defaults(), **attrs}
        local = zone(self._timezone(attrs))
        for name in ("starts_at", "exdates", "rdates"):
            if name not in attrs:
                continue
            try:
                value = attrs[name]
                attrs[name] = (
                    [_wall_clock(time, local) for time in value]
                    if isinstance(value, list)
                    else _wall_clock(value, local)
                )
            except OverflowError:
                raise ValidationError({name: OUT_OF_RANGE}) from None
        return attrs

    def _defaults(self) -> dict[str, Any]:
        """Return the values of a new reminder, which a PUT gives to the fields it leaves out."""
        fields = {field.name: field for field in Reminder._meta.concrete_fields}
        names = [name for name, field in self.fields.items() if not field.read_only]
        columns = {name: fields[name].get_default() for name in names if name in fields}
        user = self.context["request"].user
        inbox = [Channel.objects.inbox_of(user)] if "channels" not in self.initial_data else []
        return {**columns, "timezone": user.timezone, "channels": inbox, "escalate_channels": []}

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
        escalation_channels = values.pop("escalate_channels", None)
        for name, value in values.items():
            setattr(reminder, name, value)
        reminder.store(now, channels, escalation_channels)
        return reminder


def _copy(field: Any) -> Any:
    """Copy a field that belongs to no serializer yet; only its child knows the field itself."""
    copied = copy(field)
    for name in ("child", "child_relation"):
        if child := getattr(field, name, None):
            setattr(copied, name, copy(child))
            getattr(copied, name).parent = copied
    return copied


@cache
def _made_fields(serializer: type[ReminderSerializer]) -> dict[str, Any]:
    return serializers.ModelSerializer.get_fields(serializer())


def _not_deleted_ids(channels: Iterable[Channel]) -> list[int]:
    return sorted(channel.pk for channel in channels if channel.deleted_at is None)


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
        help_text="The level in the tree: a step belongs to the last step before it with a smaller "
        "depth."
    )
    at = serializers.DateTimeField(allow_null=True)
    text = serializers.CharField()
    data = serializers.DictField(help_text="Ids and states, for programs.")  # type: ignore[assignment]


class ExplanationSerializer(serializers.Serializer[Any]):
    reminder = serializers.IntegerField(source="reminder.pk")
    timezone = serializers.CharField(help_text="The time zone of the times in the texts.")
    begin = serializers.DateTimeField(allow_null=True, help_text="The moment asked about: `at`.")
    end = serializers.DateTimeField(allow_null=True)
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    conclusion = serializers.CharField(help_text="The answer in a sentence.")
    steps = StepSerializer(many=True)
