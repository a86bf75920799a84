from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import quotas, tokens
from accounts.api.base import Instant, StrictSerializer
from accounts.models import ApiToken, Pause, User
from accounts.models.pause import MAX_PAUSE
from accounts.models.token import API_SCOPES
from accounts.quota_list import BY_NAME, OF_ONE_ROW, QUOTAS


class LimitSerializer(serializers.Serializer[Any]):
    """A quota: how much of it is used, and its limit."""

    used = serializers.IntegerField()
    limit = serializers.IntegerField()
    counts = serializers.CharField(help_text="What it counts, in words.")


class LimitsSerializer(serializers.Serializer[Any]):
    """The quotas of an account, by name."""

    def get_fields(self) -> dict[str, Any]:
        return {
            quota.name: LimitSerializer(help_text=f"{quota.unit[0].upper()}{quota.unit[1:]}.")
            for quota in QUOTAS
            if quota.name not in OF_ONE_ROW
        }


class MeSerializer(StrictSerializer, serializers.ModelSerializer[User]):
    """Your profile: names, time zone, quiet hours, and your limits."""

    limits = serializers.SerializerMethodField()

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
            "limits",
        ]
        read_only_fields = ["id", "username", "email"]
        # `store` checks the model's constraints, and names the field.
        validators: list[Any] = []

    @extend_schema_field(LimitsSerializer)
    def get_limits(self, user: User) -> dict[str, dict[str, Any]]:
        return {
            name: {"used": used, "limit": limit, "counts": BY_NAME[name].unit}
            for name, (used, limit) in quotas.use_of(user.pk).items()
        }

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.store(timezone.now())
        return instance


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """An API token without its secret, which only the answer to its creation shows."""

    status = serializers.SerializerMethodField()
    is_current = serializers.SerializerMethodField(
        help_text="Whether this request was sent with this token."
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
            "hint": {"help_text": "The first characters of its secret, such as `foam_1a2b…`."},
            "expires_at": {"help_text": "Null if it never expires."},
            "last_used_at": {"help_text": "Exact to the minute."},
            "made_by": {
                "help_text": "Id of the token that created this one; null if a person created it."
            },
        }

    @extend_schema_field(serializers.ChoiceField(ApiToken.Status.choices))
    def get_status(self, token: ApiToken) -> str:
        return token.status(timezone.now()).value

    def get_is_current(self, token: ApiToken) -> bool:
        return token == self.context["request"].auth


class NewTokenSerializer(StrictSerializer):
    """A new token: its name, scopes and expiry."""

    name = serializers.CharField(
        max_length=100, help_text="Your name for it, such as the program that uses it."
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(API_SCOPES),
        allow_empty=False,
        max_length=len(API_SCOPES),
        help_text="What it may do. If you send this request with a token, only scopes that it has.",
    )
    expires_at = Instant(
        required=False,
        allow_null=True,
        help_text="Null: never. Left out: in 90 days. A token that you send this request with must "
        "not expire earlier.",
    )
    days = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=tokens.MAX_DAYS,
        help_text="Days until it expires, instead of `expires_at`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        days, now = attrs.pop("days", None), self.context["now"]
        if days is not None and "expires_at" in attrs:
            raise serializers.ValidationError({"days": "Give either days or expires_at."})
        if days is not None:
            attrs["expires_at"] = now + timedelta(days=days)
        return attrs


class RenameTokenSerializer(StrictSerializer):
    """The new name of a token. Its scopes and expiry cannot be changed."""

    name = serializers.CharField(
        max_length=100, help_text="Your name for it, such as the program that uses it."
    )


class MadeTokenSerializer(ApiTokenSerializer):
    """A new token, with its secret."""

    secret = serializers.CharField(
        read_only=True,
        help_text="Copy it now: no other answer shows it. FOAM stores its SHA-256 only.",
    )

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "secret"]
        read_only_fields = fields


UNTIL = f"Null or left out: until you end the pause. At most {MAX_PAUSE.days} days ahead."


class UntilSerializer(StrictSerializer):
    """The end of a pause."""

    until = Instant(default=None, allow_null=True, help_text=UNTIL)


class PauseSerializer(StrictSerializer, serializers.ModelSerializer[Pause]):
    """A pause of all your reminders, or of your reminders with a tag."""

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
            "tag": {"help_text": "The tag to pause, with the scope `tag`; else empty."},
            "reason": {"help_text": "Shown by `explain/` for reminders that did not fire."},
        }


class PausedBySerializer(serializers.ModelSerializer[Pause]):
    """The pause that covers a reminder."""

    class Meta:
        model = Pause
        fields = ["scope", "tag", "until", "reason"]
