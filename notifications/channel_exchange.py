"""Channels in an export file: the owner's settings, without secrets."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from accounts.durations import iso_duration
from accounts.models import User
from notifications.api.serializers import ChannelSerializer
from notifications.models import Channel, ChannelChange
from notifications.models.channel_change import record_change

FIELDS = ("kind", "name", "address", "at_most_once", "digest_at", "digest_every", "flood_limit")


class RestoredChannel(NamedTuple):
    channel: Channel
    is_new: bool
    is_changed: bool


def key(channel: Channel) -> str:
    """Return the name of a channel, unique among its owner's, on any FOAM."""
    return f"{channel.kind}:{channel.address}"


def key_of(fields: Mapping[str, Any]) -> str:
    return f"{fields.get('kind')}:{fields.get('address', '')}"


def fields(channel: Channel) -> dict[str, Any]:
    """Return the input of ChannelSerializer that creates the same channel, without its secret."""
    at, every = channel.digest_at, channel.digest_every
    return {name: getattr(channel, name) for name in FIELDS} | {
        "digest_at": at and at.isoformat(),
        "digest_every": every and iso_duration(every),
    }


def restore(user: User, settings: Mapping[str, Any]) -> RestoredChannel:
    """Create a user's channel from `settings`, or apply them to the existing one.

    A new channel is not verified, and gets a new secret if FOAM makes it. Raises ValidationError.
    """
    channels = Channel.objects.owned_by(user)
    kind, address = settings.get("kind"), settings.get("address", "")
    channel = channels.filter(kind=kind, address=address).first()
    if channel is not None:
        edit = {name: value for name, value in settings.items() if name not in {"kind", "address"}}
        differs = any(fields(channel)[name] != value for name, value in edit.items())
        if differs:
            serializer = ChannelSerializer(channel, data=edit, partial=True)
            serializer.is_valid(raise_exception=True)
            channel = serializer.save()
        return RestoredChannel(channel, is_new=False, is_changed=differs)
    serializer = ChannelSerializer(data=dict(settings))
    serializer.is_valid(raise_exception=True)
    if _lacks_secret(settings):
        return RestoredChannel(
            _store_incomplete(Channel(owner=user, **serializer.validated_data)), True, True
        )
    return RestoredChannel(serializer.save(owner=user), is_new=True, is_changed=True)


def _lacks_secret(settings: Mapping[str, Any]) -> bool:
    """Tell whether the address is only the visible part of a secret URL (Apprise)."""
    return settings.get("kind") == Channel.Kind.APPRISE and "…" in settings.get("address", "")


def _store_incomplete(channel: Channel) -> Channel:
    """Store a channel without its secret, which the owner must enter before it can be verified.

    `Channel.store` would refuse it, as an owner who creates a channel can give its secret.
    """
    channel.clean_fields()
    channel.validate_constraints()
    Channel.objects.check_quotas(channel.owner_id)
    channel.save()
    record_change(channel.pk, ChannelChange.Verb.CREATED, channel.created_at)
    return channel
