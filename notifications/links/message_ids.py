"""The Message-ID of an e-mail: the id of its message, and a tag that only its reader can know.

A bounce quotes it. Ids can be guessed, and a forged bounce would disable another's channel: so one
counts only with the tag, an HMAC of the id.
"""

import hmac
import re
from functools import lru_cache

from django.conf import settings
from django.utils.encoding import force_bytes

# In hexadecimal digits: 80 bits.
LENGTH = 20
SIGNED = re.compile(rf"(foam_[0-9]{{1,18}}_[0-9a-f]{{1,14}})\.([0-9a-f]{{{LENGTH}}})")


def signed(message_id: str) -> str:
    """Return what stands before the @ of a Message-ID."""
    return f"{message_id}.{_tag(settings.SECRET_KEY, message_id)}"


def verified(text: str) -> list[str]:
    """Return the ids in a text that have their tag, each once."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ids = [
        found[1]
        for found in SIGNED.finditer(text)
        if any(hmac.compare_digest(_tag(each, found[1]), found[2]) for each in secrets)
    ]
    return list(dict.fromkeys(ids))


def _tag(secret: str | bytes, message_id: str) -> str:
    return hmac.digest(_key(secret), message_id.encode(), "sha256").hex()[:LENGTH]


@lru_cache(maxsize=8)
def _key(secret: str | bytes) -> bytes:
    """Return a key for Message-IDs alone."""
    return hmac.digest(force_bytes(secret), b"foam.notifications.message_ids", "sha256")
