"""Links with which a receiver answers a message, without signing in.

Each link does one thing, to one cause, on behalf of one channel, until it expires. It is signed, so
nothing is stored of it. Which actions there are for a cause, its own app says: here they are words.
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

# After the due instant. It does not depend on the attempt, so that both copies of one are the same.
LIFETIME = timedelta(days=14)
PATH = "/do/"
# Of one HMAC's 64 bytes each action has its own: 96 bits, and to know one tells nothing of another.
TAG = 12
SLOTS = 64 // TAG
# In base64, which ends with a byte only after every third one.
TAG_LENGTH = TAG * 4 // 3


class Action(NamedTuple):
    """`name` is for programs, `label` for people; `slot` is its own for ever, from 0 to SLOTS - 1.

    `note` says on the page that asks for confirmation what it will do.
    """

    name: str
    label: str
    slot: int
    note: str = ""


class Answerable(Protocol):
    """What links are made for: a message on its way, or one that has arrived."""

    @property
    def reference(self) -> str: ...
    @property
    def channel_id(self) -> int: ...
    @property
    def due_at(self) -> datetime: ...


class Link(NamedTuple):
    action: Action
    url: str


class Pressed(NamedTuple):
    """What a link asks for; `reference` is the cause as its delivery has it."""

    action: Action
    reference: str
    channel_id: int
    expires_at: datetime


class BadLink(ValueError):
    """No link of ours: forged, cut off, or made with a key that is gone."""


class ExpiredLink(BadLink):
    """A link of ours whose time is over."""


_registered: dict[str, tuple[Action, ...]] = {}


def register(prefix: str, actions: Sequence[Action]) -> None:
    """Offer actions for all causes whose reference begins with `prefix` and a colon."""
    slots = [action.slot for action in actions]
    if len(set(slots)) != len(slots) or not all(0 <= slot < SLOTS for slot in slots):
        raise ValueError(f"Each action of {prefix} needs a slot of its own, below {SLOTS}.")
    _registered[prefix] = tuple(actions)


def _offered(reference: str) -> tuple[Action, ...]:
    return _registered.get(reference.partition(":")[0], ())


def links(message: Answerable) -> list[Link]:
    """Return the links that go with a message; none where its cause offers no actions."""
    by_name = urls(message)
    return [Link(action, by_name[action.name]) for action in _offered(message.reference)]


def urls(message: Answerable) -> dict[str, str]:
    """As `links`, by the name of the action: what programs are sent, with every message."""
    actions = _offered(message.reference)
    if not actions:
        return {}
    expires = int((message.due_at + LIFETIME).timestamp())
    base = f"{message.reference}.{message.channel_id}.{expires:x}"
    (mac, *_), where = _ours()
    tags = _tags(mac, base)
    start = f"{where}{base}"
    return {name: f"{start}.{name}.{_tag(tags, slot)}" for name, _, slot, _ in actions}


def read(token: str, now: datetime) -> Pressed:
    """Return what a link asks for, from what follows PATH; BadLink or ExpiredLink."""
    parts = token.split(".")
    if len(parts) != 5 or not token.isascii():
        raise BadLink("This link is not one of ours.")
    reference, channel, expires, name, tag = parts
    actions = _offered(reference)
    action = next((each for each in actions if each.name == name), None)
    base = f"{reference}.{channel}.{expires}"
    if action is None or not any(
        hmac.compare_digest(_tag(_tags(mac, base), action.slot), tag) for mac in _ours()[0]
    ):
        raise BadLink("This link is not one of ours.")
    expires_at = datetime.fromtimestamp(int(expires, 16), UTC)
    if now >= expires_at:
        raise ExpiredLink(f"This link was good until {expires_at:%d %B %Y}.")
    return Pressed(action, reference, int(channel), expires_at)


@cache
def _ours() -> tuple[tuple[Mac, ...], str]:
    """Return keys for links alone, the first to make them with, and what a link begins with.

    What is signed elsewhere with the same secret is no link.
    """
    macs = tuple(
        Mac(hmac.digest(force_bytes(each), b"foam.notifications.actions", "sha512"), SHA512())
        for each in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
    return macs, f"{settings.FOAM_BASE_URL}{PATH}"


# Only tests change settings while they run.
setting_changed.connect(lambda **_: _ours.cache_clear(), weak=False)


def _tags(mac: Mac, base: str) -> str:
    """Return the tags of all slots: in one encoding, as they go with every message."""
    return urlsafe_b64encode(mac(base.encode())[: SLOTS * TAG]).decode()


def _tag(tags: str, slot: int) -> str:
    return tags[slot * TAG_LENGTH : (slot + 1) * TAG_LENGTH]
