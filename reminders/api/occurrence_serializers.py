"""Serializers of occurrences, and of the responses to them."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.api.base import Instant, IsoDuration, StrictSerializer
from reminders.actions.responses import check_until
from reminders.api.fields import LeadDuration
from reminders.models import Occurrence, Response


class OccurrenceSerializer(serializers.ModelSerializer[Occurrence]):
    lead = LeadDuration(read_only=True)
    reference = serializers.CharField(
        read_only=True, help_text="What its deliveries call it: `deliveries/?reference=…`."
    )

    class Meta:
        model = Occurrence
        fields = [
            "id",
            "reminder",
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
        help_text="Whose name it was done in.",
    )

    class Meta:
        model = Response
        fields = ["verb", "at", "face", "user", "channel", "detail"]


class OccurrenceDetailSerializer(OccurrenceSerializer):
    responses = ResponseSerializer(many=True, read_only=True)

    class Meta(OccurrenceSerializer.Meta):
        fields = [*OccurrenceSerializer.Meta.fields, "responses"]


class AnsweredSerializer(OccurrenceDetailSerializer):
    """An occurrence, and whether this answer was the first."""

    changed = serializers.SerializerMethodField(
        help_text="False when it had been so already, and nothing was changed."
    )

    class Meta(OccurrenceDetailSerializer.Meta):
        fields = [*OccurrenceDetailSerializer.Meta.fields, "changed"]

    def get_changed(self, occurrence: Occurrence) -> bool:
        return bool(self.context["changed"])


class SnoozeSerializer(StrictSerializer):
    """Until when; `until` or `for`, which is added to now."""

    schema_rules: ClassVar = {"minProperties": 1, "maxProperties": 1}
    until = Instant(required=False, help_text="At most a year ahead.")

    def get_fields(self) -> dict[str, Any]:
        # No attribute can have this name.
        length = IsoDuration(required=False, help_text="How long, such as PT10M.")
        return {**super().get_fields(), "for": length}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return when it is to speak again, whichever way that was given."""
        if len(attrs) != 1:
            raise ValidationError({"until": "Give either until (an instant) or for (a duration)."})
        name, now = next(iter(attrs)), self.context["now"]
        try:
            until = attrs["until"] if name == "until" else now + attrs["for"]
            check_until(until, now)
        except OverflowError:
            raise ValidationError({name: "This time is out of range."}) from None
        except DjangoValidationError as error:
            raise ValidationError({name: error.messages}) from error
        return {"until": until}
