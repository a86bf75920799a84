"""Channels in a file: what their owners set, but for secrets, which stay where they are."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from accounts.durations import iso_duration
from accounts.models import User
from notifications.api.serializers import ChannelSerializer
from notifications.models import Channel, ChannelChange
from notifications.models.channel_change import record_change

FIELDS = ("kind", "name", "address", "at_most_once", "digest_at", "digest_every", "flood_limit")


class Restored(NamedTuple):
    channel: Channel
    is_new: bool
    is_changed: bool


def key(channel: Channel) -> str:
    """Return what names a channel among its owner's, here and elsewhere."""
    return f"{channel.kind}:{channel.address}"


def key_of(fields: Mapping[str, Any]) -> str:
    return f"{fields.get('kind')}:{fields.get('address', '')}"


def fields(channel: Channel) -> dict[str, Any]:
    """Return what ChannelSerializer takes to make the same channel, without its secret."""
    at, every = channel.digest_at, channel.digest_every
    return {name: getattr(channel, name) for name in FIELDS} | {
        "digest_at": at and at.isoformat(),
        "digest_every": every and iso_duration(every),
    }


def restore(user: User, wanted: Mapping[str, Any]) -> Restored:
    """Make the channel `wanted` for a user, or set up as wanted the one that is there.

    A new one is not verified, and gets a new secret where FOAM makes it. Raises ValidationError.
    """
    there = Channel.objects.owned_by(user)
    found = there.filter(kind=wanted.get("kind"), address=wanted.get("address", "")).first()
    if found is not None:
        given = {name: value for name, value in wanted.items() if name not in {"kind", "address"}}
        differs = any(fields(found)[name] != value for name, value in given.items())
        if differs:
            serializer = ChannelSerializer(found, data=given, partial=True)
            serializer.is_valid(raise_exception=True)
            found = serializer.save()
        return Restored(found, is_new=False, is_changed=differs)
    serializer = ChannelSerializer(data=dict(wanted))
    serializer.is_valid(raise_exception=True)
    if _lacks_its_secret(wanted):
        return Restored(_promise(Channel(owner=user, **serializer.validated_data)), True, True)
    return Restored(serializer.save(owner=user), is_new=True, is_changed=True)


def _lacks_its_secret(wanted: Mapping[str, Any]) -> bool:
    """Whether the address is only what was shown of one that is a secret as a whole (Apprise)."""
    return wanted.get("kind") == Channel.Kind.APPRISE and "…" in wanted.get("address", "")


def _promise(channel: Channel) -> Channel:
    """Store a channel whose owner has yet to say where it leads: until then it cannot be verified.

    By `Channel.store` it would be refused, which is right for whoever could give the secret.
    """
    channel.clean_fields()
    channel.validate_constraints()
    channel.save()
    record_change(channel.pk, ChannelChange.Verb.CREATED, channel.created_at)
    return channel
