"""The current actor, which audit records name: a context variable.

The admin, the API and each command set it once, at the beginning of a request or a run, so that no
function has to pass it on. Unless it is set, the actor is FOAM: the tick, a worker, a migration.
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
    """The user behind a change, and the source of the request.

    `channel_id` is set for a link in a message, `token_id` for a request with an API token.
    """

    source: str
    user_id: int | None = None
    channel_id: int | None = None
    token_id: int | None = None


FOAM = Actor(Source.FOAM.value)
_actor: ContextVar[Actor] = ContextVar("actor", default=FOAM)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Have audit records name `actor` for the changes made in this context."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def set_actor(actor: Actor) -> None:
    """Name `actor` up to the end of the enclosing `acting_as`."""
    _actor.set(actor)


def current_actor() -> Actor:
    return _actor.get()
