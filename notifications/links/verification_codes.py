"""Six-digit codes that are not stored: each is an HMAC of its delivery's reference.

This follows RFC 4226, with a nonce in the reference for the counter. The code is filled in when the
message is leased, so that neither the database nor the API contains it.
"""

import hmac
from functools import lru_cache

from django.conf import settings

from notifications.links.signed_links import Action

PREFIX = "verify:"
ACTIONS = [Action("verify", "Confirm", 0, "FOAM may send reminders here from now on.")]
DIGITS = 6
# The placeholder of the code in stored bodies.
PLACEHOLDER = "•" * DIGITS


def code(reference: str) -> str:
    digest = hmac.digest(_key(settings.SECRET_KEY), reference.encode(), "sha256")
    return f"{int.from_bytes(digest[:8]) % 10**DIGITS:0{DIGITS}}"


def fill(body: str, reference: str) -> str:
    """Return the body with the code in the place of the placeholder."""
    return body.replace(PLACEHOLDER, code(reference))


def matches(reference: str, attempt: str) -> bool:
    return hmac.compare_digest(code(reference).encode(), attempt.encode())


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    """Return a key used for codes only."""
    return hmac.digest(secret.encode(), b"foam.notifications.codes", "sha256")
