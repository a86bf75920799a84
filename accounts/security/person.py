"""The actor of a request that signs a person in, or that the pages of the account answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from allauth.core import context
from allauth.core.internal.httpkit import is_headless_request

from accounts.audit.actor import Source, acting_as, current_actor


@contextmanager
def acting_person(user_id: int | None = None) -> Iterator[None]:
    """Have audit records name the source of the request, and this user before a sign-in.

    Requests of programs below `_allauth/` have no actor of their own.
    """
    actor, request = current_actor(), context.request
    if actor.source == Source.FOAM and request is not None:
        source = Source.API if is_headless_request(request) else Source.ACCOUNT
        signed_in = getattr(request, "user", None)
        actor = actor._replace(source=source.value, user_id=signed_in.pk if signed_in else None)
    if actor.user_id is None and request is not None:
        actor = actor._replace(user_id=user_id)
    with acting_as(actor):
        yield
