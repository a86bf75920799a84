"""Signed cursors that a client sends back: base64url of an HMAC and of the position.

The HMAC covers the purpose, which names the list and its owner. So a client can neither forge a
cursor nor use it for another list.
"""

import base64
import binascii
import hmac

from django.conf import settings
from django.utils.encoding import force_bytes

TAG_BYTES = 8
# The alphabet of base64url.
PATTERN = "^[A-Za-z0-9_-]+$"


class ForeignCursor(ValueError):
    """A cursor that FOAM has not signed for this purpose."""


def sign(purpose: str, position: bytes) -> str:
    """Return a cursor for a position; `purpose` names the list and its owner."""
    return encode(_tag(settings.SECRET_KEY, purpose, position) + position)


def verify(purpose: str, text: str) -> bytes:
    """Return the position that a cursor holds. Raises ForeignCursor."""
    raw = decode(text)
    tag, position = raw[:TAG_BYTES], raw[TAG_BYTES:]
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(hmac.compare_digest(_tag(key, purpose, position), tag) for key in keys):
        raise ForeignCursor("not signed here")
    return position


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raises ForeignCursor."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (UnicodeError, binascii.Error) as error:
        raise ForeignCursor("not base64url") from error


def _tag(secret: str | bytes, purpose: str, position: bytes) -> bytes:
    key = hmac.digest(force_bytes(secret), b"foam.accounts.cursor", "sha512")
    return hmac.digest(key, purpose.encode() + b"\0" + position, "sha256")[:TAG_BYTES]
