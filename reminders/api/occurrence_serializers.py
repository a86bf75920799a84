"""Serializers of occurrences, and of the responses to them."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.api.base import Instant, IsoDuration, StrictSerializer
from accounts.instants import OUT_OF_RANGE
from reminders.actions.responses import check_until
from reminders.api.fields import LeadDuration
from reminders.models import Occurrence, Response


class OccurrenceSerializer(serializers.ModelSerializer[Occurrence]):
    title = serializers.CharField(
        source="reminder.title",
        read_only=True,
        help_text="The present title of its reminder; a message has that of its time.",
    )
    external_id = serializers.CharField(
        source="reminder.external_id", read_only=True, allow_null=True
    )
    tags = serializers.ListField(
        source="reminder.tags", child=serializers.CharField(), read_only=True
    )
    timezone = serializers.CharField(source="reminder.timezone", read_only=True)
    lead = LeadDuration(read_only=True)
    reference = serializers.CharField(
        read_only=True,
        help_text="Finds its deliveries: `GET deliveries/?reference=occurrence:12`.",
    )

    class Meta:
        model = Occurrence
        fields = [
            "id",
            "reminder",
            "title",
            "external_id",
            "tags",
            "timezone",
            "due_at",
            "lead",
            "status",
            "reason",
            "recorded_at",
            "reference",
            "follow_up_at",
            "nags",
            "escalated_at",
        ]


class ResponseSerializer(serializers.ModelSerializer[Response]):
    user = serializers.CharField(
        source="user.username",
        default=None,
        allow_null=True,
        help_text="Username of the person who answered.",
    )

    class Meta:
        model = Response
        fields = ["verb", "at", "face", "user", "channel", "detail"]


class OccurrenceDetailSerializer(OccurrenceSerializer):
    responses = ResponseSerializer(many=True, read_only=True)

    class Meta(OccurrenceSerializer.Meta):
        fields = [*OccurrenceSerializer.Meta.fields, "responses"]


class AnsweredSerializer(OccurrenceDetailSerializer):
    """An occurrence, and whether this request changed it."""

    changed = serializers.SerializerMethodField(
        help_text="False if it was in this state already, and nothing was changed."
    )

    class Meta(OccurrenceDetailSerializer.Meta):
        fields = [*OccurrenceDetailSerializer.Meta.fields, "changed"]

    def get_changed(self, occurrence: Occurrence) -> bool:
        return bool(self.context["changed"])


class SnoozeSerializer(StrictSerializer):
    """The end of a snooze: `until`, or `for`, which is added to now."""

    schema_rules: ClassVar = {"minProperties": 1, "maxProperties": 1}
    until = Instant(required=False, help_text="At most a year ahead.")

    def get_fields(self) -> dict[str, Any]:
        # `for` is a keyword of Python, so it cannot be an attribute.
        duration = IsoDuration(required=False, help_text="How long, such as PT10M.")
        return {**super().get_fields(), "for": duration}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return `until`, computed from `for` if that was given."""
        if len(attrs) != 1:
            message = "Give either until, such as 2026-11-23T17:00:00Z, or for, such as PT10M."
            raise ValidationError({"until": message})
        name, now = next(iter(attrs)), self.context["now"]
        try:
            until = attrs["until"] if name == "until" else now + attrs["for"]
            check_until(until, now)
        except OverflowError:
            raise ValidationError({name: OUT_OF_RANGE}) from None
        except DjangoValidationError as error:
            raise ValidationError({name: error.messages}) from error
        return {"until": until}
