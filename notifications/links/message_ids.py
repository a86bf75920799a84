"""The Message-ID of an e-mail: the id of its message, and a tag that only its recipients know.

A bounce quotes the Message-ID. Ids can be guessed, and a forged bounce could disable the channel of
another user, so a bounce counts only with the tag: an HMAC of the id.
"""

import hmac
import re
from functools import lru_cache

from django.conf import settings
from django.utils.encoding import force_bytes

# Hexadecimal digits: 80 bits.
TAG_LENGTH = 20
SIGNED = re.compile(rf"(foam_[0-9]{{1,18}}_[0-9a-f]{{1,14}})\.([0-9a-f]{{{TAG_LENGTH}}})")


def sign(message_id: str) -> str:
    """Return the part of a Message-ID before the @: the id and its tag."""
    return f"{message_id}.{_tag(settings.SECRET_KEY, message_id)}"


def find_signed(text: str) -> list[str]:
    """Return the message ids in a text that have the right tag, without duplicates."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ids = [
        match[1]
        for match in SIGNED.finditer(text)
        if any(hmac.compare_digest(_tag(secret, match[1]), match[2]) for secret in secrets)
    ]
    return list(dict.fromkeys(ids))


def _tag(secret: str | bytes, message_id: str) -> str:
    return hmac.digest(_key(secret), message_id.encode(), "sha256").hex()[:TAG_LENGTH]


@lru_cache(maxsize=8)
def _key(secret: str | bytes) -> bytes:
    """Return a key used for Message-IDs only."""
    return hmac.digest(force_bytes(secret), b"foam.notifications.message_ids", "sha256")
