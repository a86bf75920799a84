from typing import Any

from rest_framework import serializers

from accounts.api.base import StrictSerializer
from accounts.models.user import validate_timezone
from reminders.exchange.formats import FORMATS, WRITABLE
from reminders.exchange.importer import ImportOutcome, ImportReport, ImportResult


class ImportOptions(serializers.Serializer[Any]):
    """The query parameters of an import."""

    format = serializers.ChoiceField(
        sorted(FORMATS),
        required=False,
        help_text="Without it, what `Content-Type` or the name of the file tells.",
    )
    dry_run = serializers.BooleanField(
        default=False, help_text="Try all of it, tell what would come of it, and keep nothing."
    )
    timezone = serializers.CharField(
        max_length=64,
        required=False,
        validators=[validate_timezone],
        help_text="IANA name, for times that the file tells without a zone; yours when left out.",
    )


class ExportOptions(serializers.Serializer[Any]):
    format = serializers.ChoiceField(sorted(WRITABLE), default="jsonl")


class FileSerializer(StrictSerializer):
    """A file of reminders."""

    file = serializers.FileField()


class ReasonSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class TakenSerializer(serializers.Serializer[ImportResult]):
    where = serializers.CharField(help_text="Which part of the file it is.")
    name = serializers.CharField(help_text="The title of a reminder, the key of a channel.")
    result = serializers.ChoiceField(
        [outcome.value for outcome in ImportOutcome],
        help_text="`unchanged` was there already, and said the same.",
    )
    id = serializers.IntegerField(allow_null=True)
    errors = ReasonSerializer(many=True, help_text="Why it was refused.")  # type: ignore[assignment]


class LossSerializer(serializers.Serializer[Any]):
    where = serializers.CharField()
    what = serializers.CharField()


class CountsSerializer(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()


class ReportSerializer(serializers.Serializer[ImportReport]):
    dry_run = serializers.BooleanField(source="is_dry_run")
    counts = CountsSerializer(help_text="How many reminders had which result.")
    reminders = TakenSerializer(many=True, help_text="One for each that the file asks for.")
    channels = TakenSerializer(many=True)
    losses = LossSerializer(many=True, help_text="What of the file is not carried over, and why.")
