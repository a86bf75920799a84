"""Six-digit codes that are stored nowhere: each is the HMAC of its delivery's reference.

As in RFC 4226, with a nonce in the reference for a counter. A message has its code put in when it
is leased, so that neither the database nor the API, which shows owners their messages, has it.
"""

import hmac
from functools import lru_cache

from django.conf import settings

from notifications.links.signed_links import Action

PREFIX = "verify:"
ACTIONS = [Action("verify", "Confirm", 0, "FOAM may send reminders here from now on.")]
DIGITS = 6
# Stands for the code in what is stored and shown.
PLACE = "•" * DIGITS


def code(reference: str) -> str:
    digest = hmac.digest(_key(settings.SECRET_KEY), reference.encode(), "sha256")
    return f"{int.from_bytes(digest[:8]) % 10**DIGITS:0{DIGITS}}"


def fill(body: str, reference: str) -> str:
    """Return the body as its receiver is to see it."""
    return body.replace(PLACE, code(reference))


def matches(reference: str, attempt: str) -> bool:
    return hmac.compare_digest(code(reference).encode(), attempt.encode())


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    """Return a key for codes alone."""
    return hmac.digest(secret.encode(), b"foam.notifications.codes", "sha256")
