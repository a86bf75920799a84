"""Serializers of a preview, and of a sentence and the reminder that it means."""

from typing import Any, ClassVar

from rest_framework import serializers

from accounts.api.base import Instant, StrictSerializer
from accounts.models.user import validate_timezone
from reminders.api.fields import LeadDuration, WallClockTime
from reminders.api.serializers import ReminderSerializer
from reminders.models import Reminder
from reminders.natural_language import MAX_LENGTH
from reminders.recurrence import Fold, Gap
from reminders.schedule.preview import DEFAULT_COUNT


class ScheduleSerializer(ReminderSerializer):
    """The schedule and text of a reminder that is not stored, to preview."""

    after = Instant(
        required=False, help_text="Preview what is due after this instant. Now if left out."
    )
    count = serializers.IntegerField(
        min_value=1, max_value=100, default=DEFAULT_COUNT, help_text="Number of occurrences."
    )

    class Meta(ReminderSerializer.Meta):
        fields = [*Reminder.SCHEDULE, *Reminder.WORDS, "after", "count"]
        read_only_fields: list[str] = []
        extra_kwargs: ClassVar = {"title": {"required": False}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the fields as for a new reminder, whose schedule may be over."""
        attrs = super().validate(attrs)
        names = (*Reminder.SCHEDULE, *Reminder.WORDS)
        values = {name: attrs[name] for name in names if name in attrs}
        reminder = Reminder(owner=self.context["request"].user, **values)
        fields = Reminder._meta.get_fields()
        reminder.clean_fields(exclude={f.name for f in fields} - {*Reminder.SCHEDULE})
        reminder.clean()
        return {**attrs, "reminder": reminder}


class ClockChangeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["gap", "fold"])
    wall = WallClockTime(help_text="The wall-clock time in the schedule.")
    text = serializers.CharField(help_text="What the clock change does to it, as a sentence.")


class ShownSerializer(serializers.Serializer[Any]):
    due_at = serializers.DateTimeField(
        allow_null=True, help_text="Null for a time that a clock change skips (`gap: skip`)."
    )
    local = WallClockTime(help_text="The same in local time.")
    offset = serializers.CharField(
        allow_null=True, help_text="The offset of local time from UTC, such as +01:00."
    )
    clock_change = ClockChangeSerializer(allow_null=True)


class SaidSerializer(serializers.Serializer[Any]):
    fire_at = serializers.DateTimeField(help_text="When it will be sent.")
    lead = LeadDuration(help_text="How long before the due instant, such as PT15M.")
    title = serializers.CharField()
    body = serializers.CharField()


class PreviewSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(
        help_text="The schedule in words, such as “every Monday at 18:00”."
    )
    recurrence = serializers.CharField(help_text="The rule in canonical form.")
    timezone = serializers.CharField()
    occurrences = ShownSerializer(many=True)
    exhausted = serializers.BooleanField(
        help_text="True if nothing is due after the last of these occurrences."
    )
    messages = SaidSerializer(
        many=True,
        help_text="The first messages of such a new reminder, one for each lead. Empty without "
        "`title` and `body`.",
    )


class SentenceSerializer(StrictSerializer):
    """A sentence in English with the text and the schedule of a reminder."""

    text = serializers.CharField(
        max_length=MAX_LENGTH,
        help_text="Such as “water the plants every 3 days at 8am”, or a schedule alone, such as "
        "“every 3 days at 8am”.",
    )
    timezone = serializers.CharField(
        max_length=64,
        required=False,
        validators=[validate_timezone],
        help_text="IANA name for a sentence without a time zone. Your own if left out.",
    )


class PieceSerializer(serializers.Serializer[Any]):
    """A part of the sentence, and the field that was read from it."""

    field = serializers.CharField()
    text = serializers.CharField()
    start = serializers.IntegerField(help_text="Position of its first character, from 0.")
    end = serializers.IntegerField(help_text="Position after its last character.")


class DraftSerializer(serializers.Serializer[Any]):
    """Fields of a reminder as `POST reminders/` takes them."""

    title = serializers.CharField(help_text="Empty if the sentence is a schedule alone.")
    starts_at = WallClockTime()
    timezone = serializers.CharField()
    recurrence = serializers.CharField()
    exdates = serializers.ListField(child=WallClockTime())
    rdates = serializers.ListField(child=WallClockTime())
    gap = serializers.ChoiceField([gap.value for gap in Gap])
    fold = serializers.ChoiceField([fold.value for fold in Fold])
    leads = serializers.ListField(child=LeadDuration())
    tags = serializers.ListField(child=serializers.CharField())
    urgent = serializers.BooleanField()


class ParsedSerializer(serializers.Serializer[Any]):
    """The reminder that a sentence means. Nothing is stored."""

    reminder = DraftSerializer(source="reading.fields")
    understood = PieceSerializer(
        many=True,
        source="reading.understood",
        help_text="The parts of the sentence, and the field that was read from each.",
    )
    assumed = serializers.ListField(
        child=serializers.CharField(),
        source="reading.assumed",
        help_text="What the sentence left open, and the value that was assumed.",
    )
    preview = PreviewSerializer()
