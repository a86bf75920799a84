from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db.models import DurationField, QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.reverse import reverse

from accounts.api.base import IsoDuration, StrictSerializer
from accounts.models import ApiToken, Scope
from notifications.channels import enabling
from notifications.channels.direct_send import Sent
from notifications.links import verification_codes
from notifications.links.signed_links import Answerable, urls
from notifications.models import Attempt, Channel, Delivery, InboxMessage
from notifications.models.channel import FOREVER
from notifications.outbox import hold_rules
from notifications.transports.mail.rendering import NOT_ME


def own_channels(request: Request | None) -> QuerySet[Channel]:
    """Return the channels that filters and fields accept; others are treated as not existing."""
    channels = Channel.objects.without_secrets()
    return channels.owned_by(request.user) if request else channels.none()


class ChannelSerializer(StrictSerializer, serializers.ModelSerializer[Channel]):
    """A place where you can be reached, and whether messages get there."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        DurationField: IsoDuration,
    }
    # True if this response contains the secret in full.
    reveal = False

    address = serializers.CharField(
        max_length=2048,
        required=False,
        allow_blank=True,
        help_text="An e-mail address or a URL; nothing for the inbox. Of an Apprise URL, such as "
        "`ntfys://topic`, what is shown here tells the host only.",
    )
    secret = serializers.CharField(
        max_length=2048,
        required=False,
        allow_blank=True,
        help_text="A webhook's signing secret, `whsec_…`. Made for you when left empty; shown in "
        "full only in the answer to the request that set it, and masked everywhere else. Of an "
        "Apprise URL the whole is secret: it may be given here or as `address`, and is not shown.",
    )
    previous_secret_until = serializers.SerializerMethodField(
        help_text="Until when messages are signed with the secret before, too; null when they are "
        "not."
    )
    is_verified = serializers.BooleanField(
        read_only=True, help_text="Nothing is sent to a channel that is not: see `verify`."
    )
    is_enabled = serializers.SerializerMethodField()
    held_until = serializers.SerializerMethodField(
        help_text="Until when it is left alone; null when it is not."
    )
    held_reason = serializers.CharField(
        read_only=True, help_text="What its receiver did to be left alone; empty once it answers."
    )
    paused_at = serializers.SerializerMethodField(
        help_text="Since when messages to it wait, by its owner's wish; null when they do not."
    )
    paused_until = serializers.SerializerMethodField(
        help_text="When that ends by itself; null when it does not."
    )
    not_set_up = serializers.SerializerMethodField(
        help_text="Why nothing can be sent this way on this server; empty when it can."
    )

    class Meta:
        model = Channel
        fields = [
            "id",
            "kind",
            "name",
            "address",
            "secret",
            "previous_secret_until",
            "at_most_once",
            "is_verified",
            "verified_at",
            "digest_at",
            "digest_every",
            "flood_limit",
            "is_enabled",
            "disabled_reason",
            "lost_at",
            "held_until",
            "held_reason",
            "paused_at",
            "paused_until",
            "not_set_up",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["verified_at", "disabled_reason", "lost_at"]
        extra_kwargs: ClassVar = {
            "lost_at": {
                "help_text": "Since when its messages have not arrived; null once one is accepted."
            },
            "digest_every": {
                "help_text": "Collect messages and send a digest so often, from midnight on: from "
                "PT15M to P1D."
            },
        }
        # `Channel.store` checks the model's constraint, as the owner is not a field here.
        validators: list[Any] = []

    def get_is_enabled(self, channel: Channel) -> bool:
        return channel.disabled_at is None

    def get_previous_secret_until(self, channel: Channel) -> datetime | None:
        until = channel.previous_secret_until
        return until if until and until > timezone.now() else None

    def get_held_until(self, channel: Channel) -> datetime | None:
        return channel.held_until if channel.is_held(timezone.now()) else None

    def get_paused_at(self, channel: Channel) -> datetime | None:
        return channel.paused_at if channel.is_paused(timezone.now()) else None

    def get_paused_until(self, channel: Channel) -> datetime | None:
        return finite(channel.paused_until) if channel.is_paused(timezone.now()) else None

    def get_not_set_up(self, channel: Channel) -> str:
        return channel.transport.unavailable()

    def validate_kind(self, kind: str) -> str:
        if self.instance is not None and kind != self.instance.kind:
            raise serializers.ValidationError("A channel keeps its kind: make a new one instead.")
        return kind

    def validate_secret(self, secret: str) -> str:
        """Keep the stored secret if the client sends back its masked form, as in a PUT of a GET."""
        if self.instance is not None and secret == self.instance.masked_secret:
            return self.instance.secret
        return secret

    def create(self, validated_data: dict[str, Any]) -> Channel:
        return self._store(Channel(), validated_data, reveal=True)

    def update(self, instance: Channel, validated_data: dict[str, Any]) -> Channel:
        is_new = validated_data.get("secret", instance.secret) != instance.secret
        if not is_new:
            validated_data.pop("secret", None)
        return self._store(instance, validated_data, reveal=is_new)

    def _store(self, channel: Channel, values: dict[str, Any], *, reveal: bool) -> Channel:
        for name, value in values.items():
            setattr(channel, name, value)
        hold_rules.store(channel, timezone.now(), values)
        self.reveal = reveal and not channel.transport.secret_leads
        return channel

    def to_representation(self, channel: Channel) -> dict[str, Any]:
        fields = super().to_representation(channel)
        fields["secret"] = channel.secret if self.reveal else channel.masked_secret
        return fields


def finite(at: datetime | None) -> datetime | None:
    """Return the instant; None for FOREVER."""
    return None if at is None or at >= FOREVER else at


class ResumeSerializer(StrictSerializer):
    """The fate of the messages that a pause holds."""

    drop = serializers.BooleanField(
        default=False, help_text="Cancel what waits for the end of the pause."
    )


class DependentsSerializer(serializers.Serializer[Any]):
    reminders = serializers.IntegerField(help_text="How many reminders lead to the channel.")
    undeliverable = serializers.IntegerField(
        help_text="How many of them no other channel takes messages for."
    )


class CodeSerializer(StrictSerializer):
    """The code that verifies a channel."""

    code = serializers.CharField(
        max_length=20,
        required=False,
        help_text="The six digits that were sent there; without them a new code is sent.",
    )


class VerificationSerializer(serializers.Serializer[Any]):
    """The state of a channel's verification."""

    is_verified = serializers.BooleanField()
    detail = serializers.CharField(help_text="What was done, in a sentence.")
    delivery = serializers.IntegerField(
        allow_null=True, source="delivery_id", help_text="The message that was sent for it."
    )


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    latency_ms = serializers.SerializerMethodField()

    class Meta:
        model = Attempt
        fields = ["number", "outcome", "detail", "latency_ms", "ended_at"]

    def get_latency_ms(self, attempt: Attempt) -> float | None:
        return milliseconds(attempt.latency)


def milliseconds(latency: timedelta | None) -> float | None:
    return None if latency is None else round(latency.total_seconds() * 1000, 1)


class TestSerializer(serializers.Serializer[Sent]):
    """The outcome of a test message; with status 202 it is still on its way."""

    delivery = serializers.IntegerField(source="delivery.pk")
    url = serializers.SerializerMethodField(help_text="Where the delivery tells all of it.")
    status = serializers.CharField(source="delivery.status")
    outcome = serializers.ChoiceField(
        Attempt.Outcome.choices, source="attempt.outcome", default=None, allow_null=True
    )
    detail = serializers.CharField(
        source="attempt.detail", default="", help_text="What the receiver said."
    )
    latency_ms = serializers.SerializerMethodField()

    def get_url(self, sent: Sent) -> str:
        return reverse("delivery-detail", [sent.delivery.pk], request=self.context["request"])

    def get_latency_ms(self, sent: Sent) -> float | None:
        return milliseconds(sent.attempt.latency) if sent.attempt else None


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    message_id = serializers.CharField(
        read_only=True, help_text="The id that the receiver sees, the same at each attempt."
    )
    next_attempt_at = serializers.SerializerMethodField(
        help_text="Null when it has ended, or waits for somebody to resume its channel."
    )

    class Meta:
        model = Delivery
        fields = [
            "id",
            "message_id",
            "reference",
            "channel",
            "title",
            "body",
            "due_at",
            "status",
            "reason",
            "attempt",
            "next_attempt_at",
            "urgent",
            "held",
            "digest",
            "created_at",
            "finished_at",
        ]

    def get_next_attempt_at(self, delivery: Delivery) -> datetime | None:
        return finite(delivery.next_attempt_at)


class DeliveryDetailSerializer(DeliverySerializer):
    attempts = AttemptSerializer(many=True, read_only=True)

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "attempts"]


# Actions of links that change a channel, and the scope that a token needs to get such a link.
CHANNEL_ACTIONS = {
    NOT_ME: Scope.CHANNELS_WRITE,
    **{
        action.name: Scope.CHANNELS_WRITE
        for action in (*enabling.ACTIONS, *verification_codes.ACTIONS)
    },
}


class InboxMessageSerializer(serializers.ModelSerializer[InboxMessage]):
    actions = serializers.SerializerMethodField(
        help_text="The links that answer it, by name: each asks on a page, or acts on a POST. "
        "A token gets those that its scopes allow: `channels:write` for what stops or enables a "
        "channel, else `reminders:write`."
    )

    class Meta:
        model = InboxMessage
        fields = ["id", "title", "body", "due_at", "received_at", "read_at", "actions"]

    def get_actions(self, message: InboxMessage) -> dict[str, str]:
        return allowed_links(message, self.context["request"].auth)


def allowed_links(message: Answerable, auth: Any) -> dict[str, str]:
    """Return the links of a message that the scopes of the token allow, by action.

    A link acts without a token, so a token that may only read must not get it.
    """
    links = urls(message)
    if not isinstance(auth, ApiToken):
        return links
    return {
        name: link
        for name, link in links.items()
        if CHANNEL_ACTIONS.get(name, Scope.REMINDERS_WRITE) in auth.scopes
    }
