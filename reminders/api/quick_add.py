"""Quick add: a new reminder from a sentence, with what was understood and assumed."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import MAX_RELATED_IDS, OwnedViewSet
from reminders.api.parse import SentencePreview, parse_sentence
from reminders.api.preview_serializers import DraftSerializer, PieceSerializer, SentenceSerializer
from reminders.api.serializers import ReminderSerializer

TEXT = "text"


class QuickAddSerializer(SentenceSerializer):
    """A new reminder as a sentence in English."""

    # The button of its form in the browsable API.
    form_title = "Create from a sentence"
    # ReminderSerializer checks whose they are.
    channels = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        max_length=MAX_RELATED_IDS,
        help_text="Ids of your channels. Your inbox if left out.",
    )
    external_id = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Your own id of it, unique among your reminders.",
    )


class AddedReminderSerializer(ReminderSerializer):
    """A new reminder, with what was understood of its sentence, and what was assumed."""

    understood = serializers.SerializerMethodField(
        help_text="The parts of the sentence, and the field that was read from each."
    )
    assumed = serializers.SerializerMethodField(
        help_text="What the sentence left open, and the value that was assumed."
    )

    class Meta(ReminderSerializer.Meta):
        fields = [*ReminderSerializer.Meta.fields, "understood", "assumed"]

    @extend_schema_field(PieceSerializer(many=True))
    def get_understood(self, reminder: Any) -> Any:
        return PieceSerializer(self._parsed.reading.understood, many=True).data

    def get_assumed(self, reminder: Any) -> list[str]:
        return list(self._parsed.reading.assumed)

    @property
    def _parsed(self) -> SentencePreview:
        return self.context["parsed"]


class QuickAddViews(OwnedViewSet):
    """The creation of reminders from fields or from a sentence: a part of their view."""

    @extend_schema(
        request=PolymorphicProxySerializer(
            "NewReminder", [ReminderSerializer, QuickAddSerializer], None
        ),
        responses={
            201: PolymorphicProxySerializer(
                "CreatedReminder", [AddedReminderSerializer, ReminderSerializer], None
            )
        },
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a reminder from its fields, or from a sentence: `{"text": "tea at 5pm"}`.

        A sentence creates the reminder that `parse/` shows for it. The answer then has
        `understood` and `assumed` as well.
        """
        if isinstance(request.data, Mapping) and TEXT in request.data:
            return self._create_from_sentence(request)
        return self.create_from_fields(request)

    def create_from_fields(self, request: Request) -> Response:
        """Create a reminder from the fields of the body."""
        raise NotImplementedError

    def _create_from_sentence(self, request: Request) -> Response:
        context: Any = self.get_serializer_context()
        now = timezone.now()
        body = QuickAddSerializer(data=request.data, context=context)
        body.is_valid(raise_exception=True)
        owner: Any = request.user
        values = {"timezone": owner.timezone, **body.validated_data}
        text, zone = values.pop(TEXT), values.pop("timezone")
        parsed = parse_sentence(text, zone, owner, now)
        if not parsed.reading.fields["title"]:
            raise ValidationError({TEXT: "Say what to remind of as well: “tea every day at 5pm”."})
        draft = {**DraftSerializer(parsed.reading.fields).data, **values}
        context["parsed"] = parsed
        serializer = AddedReminderSerializer(data=draft, context=context)
        serializer.is_valid(raise_exception=True)
        serializer.save(owner=owner, now=now)
        return Response(serializer.data, 201)
