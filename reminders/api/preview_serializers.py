"""Serializers of a preview, and of a sentence and the reminder that it means."""

from typing import Any, ClassVar

from rest_framework import serializers

from accounts.api.base import Instant, StrictSerializer
from accounts.models.user import validate_timezone
from reminders.api.fields import LeadDuration, WallClockTime
from reminders.api.serializers import ReminderSerializer
from reminders.models import Reminder
from reminders.natural_language import MAX_LENGTH
from reminders.schedule.preview import DEFAULT_COUNT


class ScheduleSerializer(ReminderSerializer):
    """Schedule and words of a reminder that is not stored, and what to show of it."""

    after = Instant(required=False, help_text="Show what is due after this instant; now.")
    count = serializers.IntegerField(
        min_value=1, max_value=100, default=DEFAULT_COUNT, help_text="How many occurrences."
    )

    class Meta(ReminderSerializer.Meta):
        fields = [*Reminder.SCHEDULE, *Reminder.WORDS, "after", "count"]
        read_only_fields: list[str] = []
        extra_kwargs: ClassVar = {"title": {"required": False}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check what a reminder with these would be checked for, but for its future."""
        attrs = super().validate(attrs)
        names = (*Reminder.SCHEDULE, *Reminder.WORDS)
        chosen = {name: attrs[name] for name in names if name in attrs}
        reminder = Reminder(owner=self.context["request"].user, **chosen)
        fields = Reminder._meta.get_fields()
        reminder.clean_fields(exclude={f.name for f in fields} - {*Reminder.SCHEDULE})
        reminder.clean()
        return {**attrs, "reminder": reminder}


class ClockChangeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["gap", "fold"])
    wall = WallClockTime(help_text="The wall-clock time that was asked for.")
    text = serializers.CharField(help_text="What the change of the clock does to it, in words.")


class ShownSerializer(serializers.Serializer[Any]):
    due_at = serializers.DateTimeField(
        allow_null=True, help_text="Null for one that the clock skips (`gap: skip`)."
    )
    local = WallClockTime(help_text="What the wall clock shows then.")
    offset = serializers.CharField(
        allow_null=True, help_text="The wall clock's from UTC, such as +01:00."
    )
    clock_change = ClockChangeSerializer(allow_null=True)


class SaidSerializer(serializers.Serializer[Any]):
    fire_at = serializers.DateTimeField(help_text="When it will be sent.")
    lead = LeadDuration(help_text="How long before the due instant that is.")
    title = serializers.CharField()
    body = serializers.CharField()


class PreviewSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(help_text="The schedule in words.")
    recurrence = serializers.CharField(help_text="In canonical form.")
    timezone = serializers.CharField()
    occurrences = ShownSerializer(many=True)
    exhausted = serializers.BooleanField(help_text="Nothing is due after the last of these.")
    messages = SaidSerializer(
        many=True,
        help_text="The next messages, one for each lead, as a new reminder would say them; "
        "empty without `title` and `body`.",
    )


class SentenceSerializer(StrictSerializer):
    """A sentence in English that says what to remind of and when."""

    text = serializers.CharField(
        max_length=MAX_LENGTH,
        help_text="Such as “water the plants every 3 days at 8am”, or only when.",
    )
    timezone = serializers.CharField(
        max_length=64,
        required=False,
        validators=[validate_timezone],
        help_text="IANA name, where the sentence names none; yours when left out.",
    )


class PieceSerializer(serializers.Serializer[Any]):
    """A part of the sentence, and the field that it became."""

    field = serializers.CharField()
    text = serializers.CharField()
    start = serializers.IntegerField(help_text="Where it begins, in characters from 0.")
    end = serializers.IntegerField()


class DraftSerializer(serializers.Serializer[Any]):
    """Fields of a reminder as `POST reminders/` takes them."""

    title = serializers.CharField(help_text="Empty where the sentence says only when.")
    starts_at = WallClockTime()
    timezone = serializers.CharField()
    recurrence = serializers.CharField()
    exdates = serializers.ListField(child=WallClockTime())
    rdates = serializers.ListField(child=WallClockTime())
    gap = serializers.CharField()
    fold = serializers.CharField()
    leads = serializers.ListField(child=LeadDuration())
    tags = serializers.ListField(child=serializers.CharField())
    urgent = serializers.BooleanField()


class ParsedSerializer(serializers.Serializer[Any]):
    """What a sentence means. Nothing is stored."""

    reminder = DraftSerializer(source="reading.fields")
    understood = PieceSerializer(
        many=True,
        source="reading.understood",
        help_text="Which part of the sentence became what.",
    )
    assumed = serializers.ListField(
        child=serializers.CharField(),
        source="reading.assumed",
        help_text="What was not said, and what is taken for it.",
    )
    preview = PreviewSerializer()
