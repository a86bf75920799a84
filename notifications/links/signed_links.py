"""Signed links, with which a recipient answers a message without signing in.

A link carries one action on one cause on behalf of one channel, until it expires. It is signed, so
that nothing is stored for it. The app of a cause registers its actions.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.hashes import SHA512
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.encoding import force_bytes

from notifications.links.hmac_key import Mac

# Counted from the due instant, not from the attempt, so that a repeated message has the same links.
LIFETIME = timedelta(days=14)
PATH = "/do/"
# Each action has its own 96 bits of one HMAC of 64 bytes; one tag says nothing about another.
TAG_BYTES = 12
SLOTS = 64 // TAG_BYTES
# Characters of a tag in base64: its bytes are a multiple of three, so that it has no padding.
TAG_LENGTH = TAG_BYTES * 4 // 3


class Action(NamedTuple):
    """An action of a link: `name` for programs, `label` for people.

    `slot`, from 0 to SLOTS - 1, selects its tag and must never change. `note` is its effect, shown
    on the page that asks for confirmation.
    """

    name: str
    label: str
    slot: int
    note: str = ""


class Answerable(Protocol):
    """A message that can have links: on its way, or in an inbox."""

    @property
    def reference(self) -> str: ...
    @property
    def channel_id(self) -> int: ...
    @property
    def due_at(self) -> datetime: ...


class MessageKey(NamedTuple):
    """The columns of a message that its links carry."""

    reference: str
    channel_id: int
    due_at: datetime


class Link(NamedTuple):
    action: Action
    url: str


class Pressed(NamedTuple):
    """The content of a link that was opened; `reference` is that of its delivery."""

    action: Action
    reference: str
    channel_id: int
    expires_at: datetime


class BadLink(ValueError):
    """The link is forged, incomplete, or signed with a key that was removed."""


class ExpiredLink(BadLink):
    """The link is valid, but has expired."""


_registered: dict[str, tuple[Action, ...]] = {}


def register(prefix: str, actions: Sequence[Action]) -> None:
    """Register the actions of all causes whose reference begins with `prefix` and a colon."""
    slots = [action.slot for action in actions]
    if len(set(slots)) != len(slots) or not all(0 <= slot < SLOTS for slot in slots):
        raise ValueError(f"Each action of {prefix} needs a slot of its own, below {SLOTS}.")
    _registered[prefix] = tuple(actions)


def _actions_of(reference: str) -> tuple[Action, ...]:
    return _registered.get(reference.partition(":")[0], ())


def links(message: Answerable) -> list[Link]:
    """Return the links of a message; none if its cause has no actions."""
    by_name = urls(message)
    return [Link(action, by_name[action.name]) for action in _actions_of(message.reference)]


def urls(message: Answerable) -> dict[str, str]:
    """Return the URLs of a message's links by the names of their actions, for programs."""
    actions = _actions_of(message.reference)
    if not actions:
        return {}
    expires = int((message.due_at + LIFETIME).timestamp())
    base = f"{message.reference}.{message.channel_id}.{expires:x}"
    (mac, *_), url = _keys_and_url()
    tags = _tags(mac, base)
    start = f"{url}{base}"
    return {name: f"{start}.{name}.{_tag(tags, slot)}" for name, _, slot, _ in actions}


def read(token: str, now: datetime) -> Pressed:
    """Return the content of a link from its token, the part after PATH; BadLink, ExpiredLink."""
    parts = token.split(".")
    if len(parts) != 5 or not token.isascii():
        raise BadLink("This link is not one of ours.")
    reference, channel, expires, name, tag = parts
    actions = _actions_of(reference)
    action = next((action for action in actions if action.name == name), None)
    base = f"{reference}.{channel}.{expires}"
    if action is None or not any(
        hmac.compare_digest(_tag(_tags(mac, base), action.slot), tag) for mac in _keys_and_url()[0]
    ):
        raise BadLink("This link is not one of ours.")
    expires_at = datetime.fromtimestamp(int(expires, 16), UTC)
    if now >= expires_at:
        raise ExpiredLink(f"This link was good until {expires_at:%d %B %Y}.")
    return Pressed(action, reference, int(channel), expires_at)


@cache
def _keys_and_url() -> tuple[tuple[Mac, ...], str]:
    """Return the keys of links, the first for signing, and the URL that a link begins with.

    The keys are derived for links only, so that no other signature with the same secret is a link.
    """
    macs = tuple(
        Mac(hmac.digest(force_bytes(secret), b"foam.notifications.actions", "sha512"), SHA512())
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
    return macs, f"{settings.FOAM_BASE_URL}{PATH}"


# Only tests change settings while they run.
setting_changed.connect(lambda **_: _keys_and_url.cache_clear(), weak=False)


def _tags(mac: Mac, base: str) -> str:
    """Return the tags of all slots in one string: encoding them one by one takes longer."""
    return urlsafe_b64encode(mac(base.encode())[: SLOTS * TAG_BYTES]).decode()


def _tag(tags: str, slot: int) -> str:
    return tags[slot * TAG_LENGTH : (slot + 1) * TAG_LENGTH]
