from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import DurationField
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.utils.html import is_html_input

from accounts.api.base import Instant, IsoDuration, ShortList, StrictSerializer
from accounts.api.serializers import PausedBySerializer
from accounts.durations import DurationError
from accounts.instants import OUT_OF_RANGE, OutOfRange, parse_time
from accounts.models.user import validate_timezone
from accounts.timezones import zone
from notifications.api.serializers import own_channels
from notifications.models import Channel
from reminders.actions.responses import check_until
from reminders.engine import pauses
from reminders.explain.verdicts import Verdict
from reminders.models import Occurrence, Reminder, Response
from reminders.models.fields import LeadField, WallClockField
from reminders.natural_language import MAX_LENGTH
from reminders.recurrence import Lead
from reminders.schedule.preview import DEFAULT_COUNT

# A moment after each that a pause may end at.
NEVER = datetime.max.replace(tzinfo=UTC)


class WallClock(serializers.DateTimeField):
    """Wall-clock time. With an offset it is an instant, and converted to the reminder's zone."""

    input_kind = "wall"
    default_error_messages: ClassVar = {
        "invalid": "Give a wall-clock time such as 2026-11-23T18:00:00.",
        "out_of_range": OUT_OF_RANGE,
    }

    def to_internal_value(self, value: Any) -> datetime:
        if isinstance(value, datetime):
            return value.replace(microsecond=0)
        try:
            return parse_time(value).replace(microsecond=0)
        except OutOfRange:
            self.fail("out_of_range")
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: Any) -> Any:
        return value.isoformat()


class LeadDuration(IsoDuration):
    """A lead: P1D is the same time on the day before, PT24H is 24 hours."""

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.fail("invalid")
        try:
            return Lead.read(value)
        except DurationError:
            self.fail("invalid")

    def to_representation(self, value: Any) -> str:
        return str(Lead.of(value))


class OwnChannels(serializers.PrimaryKeyRelatedField):
    """One's own channels; those in the context's `channels`, by id, are not looked up again."""

    def get_queryset(self) -> Any:
        return own_channels(self.context.get("request"))

    def to_internal_value(self, data: Any) -> Any:
        known = self.context.get("channels", {})
        if type(data) is int and data in known:
            return known[data]
        return super().to_internal_value(data)


class UndeliveredSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="When it was given up.")
    channel = serializers.IntegerField(help_text="The channel that it did not reach.")
    delivery = serializers.IntegerField()
    reason = serializers.CharField(help_text="Why, in the receiver's words where there are any.")


class ReminderSerializer(StrictSerializer, serializers.ModelSerializer[Reminder]):
    """What to remind of, when, and on which channels; and where that stands."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        WallClockField: WallClock,
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
            known[reminder.owner_id] = pauses.pauses_of_owner(reminder.owner_id, timezone.now())
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
    wall = WallClock(help_text="The wall-clock time that was asked for.")
    text = serializers.CharField(help_text="What the change of the clock does to it, in words.")


class ShownSerializer(serializers.Serializer[Any]):
    due_at = serializers.DateTimeField(
        allow_null=True, help_text="Null for one that the clock skips (`gap: skip`)."
    )
    local = WallClock(help_text="What the wall clock shows then.")
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
    starts_at = WallClock()
    timezone = serializers.CharField()
    recurrence = serializers.CharField()
    exdates = serializers.ListField(child=WallClock())
    rdates = serializers.ListField(child=WallClock())
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
