"""Who is at work, and by which face: what is recorded meanwhile says so.

A face says it once, where it begins, and nothing on the way passes it on. Where no face has said
anything it is FOAM itself: the tick, a worker, a migration.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from django.db.models import TextChoices


class Source(TextChoices):
    FOAM = "foam", "FOAM"
    ADMIN = "admin"
    API = "api", "API"
    ACCOUNT = "account", "Own account"  # the pages under /account/
    COMMAND = "command"
    IMPORT = "import"
    LINK = "link"  # in a message, without signing in


class Actor(NamedTuple):
    """Who does something: through which face, and as whom or through the link of which channel.

    `token_id` is the program of that user's that asked, where it was one.
    """

    source: str
    user_id: int | None = None
    channel_id: int | None = None
    token_id: int | None = None


FOAM = Actor(Source.FOAM.value)
_by: ContextVar[Actor] = ContextVar("acting", default=FOAM)


@contextmanager
def acting_as(by: Actor) -> Iterator[None]:
    """Have all that is done inside recorded as done by this one."""
    before = _by.set(by)
    try:
        yield
    finally:
        _by.reset(before)


def current_actor() -> Actor:
    """Return who is at work."""
    return _by.get()
