from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import tokens
from accounts.api.base import Instant, StrictSerializer
from accounts.models import ApiToken, Pause, User
from accounts.models.pause import LONGEST
from accounts.models.token import API_SCOPES


class MeSerializer(StrictSerializer, serializers.ModelSerializer[User]):
    """Your profile: names, time zone and quiet hours."""

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "timezone",
            "quiet_from",
            "quiet_until",
            "quiet_weekends",
        ]
        read_only_fields = ["id", "username", "email"]
        # Checked by `store`, which names the field.
        validators: list[Any] = []

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.store(timezone.now())
        return instance


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token as it is listed: without its secret, which only the answer that makes it has."""

    status = serializers.SerializerMethodField()
    is_current = serializers.SerializerMethodField(
        help_text="Whether this request was made with it."
    )

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "hint",
            "scopes",
            "status",
            "is_current",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
            "made_by",
        ]
        read_only_fields = fields
        extra_kwargs: ClassVar = {
            "hint": {"help_text": "How its secret begins."},
            "expires_at": {"help_text": "Null for never."},
            "last_used_at": {"help_text": "To the minute."},
            "made_by": {"help_text": "The token that it was made with; null for a person."},
        }

    @extend_schema_field(serializers.ChoiceField(ApiToken.Status.choices))
    def get_status(self, token: ApiToken) -> str:
        return token.status(timezone.now()).value

    def get_is_current(self, token: ApiToken) -> bool:
        return token == self.context["request"].auth


class NewTokenSerializer(StrictSerializer):
    """What is asked for in a new token: scopes, and how long it is good for."""

    name = serializers.CharField(max_length=100, help_text="What it is for.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(API_SCOPES),
        allow_empty=False,
        max_length=len(API_SCOPES),
        help_text="What it may do. With a token, only what that one may do itself.",
    )
    expires_at = Instant(
        required=False,
        allow_null=True,
        help_text="Null for never; in 90 days when left out. Not after the token that makes it.",
    )
    days = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=tokens.MOST_DAYS,
        help_text="Instead of expires_at: how many days it is good for.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        days, now = attrs.pop("days", None), self.context["now"]
        if days is not None and "expires_at" in attrs:
            raise serializers.ValidationError({"days": "Give either days or expires_at."})
        if days is not None:
            attrs["expires_at"] = now + timedelta(days=days)
        return attrs


class RenameTokenSerializer(StrictSerializer):
    """A token keeps its scopes and its time: only its name can be changed."""

    name = serializers.CharField(max_length=100, help_text="What it is for.")


class MadeTokenSerializer(ApiTokenSerializer):
    """A new token, with its secret."""

    secret = serializers.CharField(
        read_only=True, help_text="Shown in this answer only. FOAM keeps no more than its SHA-256."
    )

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "secret"]
        read_only_fields = fields


UNTIL = f"Null or left out for until somebody ends it; at most {LONGEST.days} days ahead."


class UntilSerializer(StrictSerializer):
    """When a pause ends by itself."""

    until = Instant(default=None, allow_null=True, help_text=UNTIL)


class PauseSerializer(StrictSerializer, serializers.ModelSerializer[Pause]):
    """Silence of all of your reminders, or of those with a tag, until an instant."""

    schema_rules: ClassVar = {
        "if": {"properties": {"scope": {"const": "tag"}}},
        "then": {"required": ["tag"], "properties": {"tag": {"minLength": 1}}},
        "else": {"properties": {"tag": {"maxLength": 0}}},
    }
    scope = serializers.ChoiceField([Pause.Scope.TAG.value, Pause.Scope.USER.value])
    until = Instant(default=None, allow_null=True, help_text=UNTIL)

    class Meta:
        model = Pause
        fields = ["id", "scope", "tag", "until", "reason", "created_at"]
        read_only_fields = ["created_at"]
        extra_kwargs: ClassVar = {
            "tag": {"help_text": "Of the reminders, with the scope `tag`; else empty."},
            "reason": {"help_text": "Told where it is explained why something did not fire."},
        }


class PausedBySerializer(serializers.ModelSerializer[Pause]):
    """The pause that covers something."""

    class Meta:
        model = Pause
        fields = ["scope", "tag", "until", "reason"]
