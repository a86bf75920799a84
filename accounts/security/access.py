"""The end of everything that opens an account beside its password: tokens, feeds, sessions."""

from datetime import datetime

from allauth.core import context
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction

from accounts.models import ApiToken, User
from accounts.models.account_change import AccountChange, record_account_change


@transaction.atomic
def end_access(user: User, now: datetime, *, keeps_tokens: bool = False) -> None:
    """Revoke the tokens and feeds of a user, and end all sessions but that of the request."""
    tokens = [] if keeps_tokens else list(ApiToken.objects.filter(user=user, revoked_at=None))
    ApiToken.objects.filter(pk__in=[token.pk for token in tokens]).update(revoked_at=now)
    for token in tokens:
        token.revoked_at = now
        token.changed(now)
    sessions = end_sessions(user, except_current=True)
    if tokens or sessions:
        detail = f"tokens: {len(tokens)}, sessions: {sessions}"
        record_account_change(user.pk, AccountChange.Verb.ACCESS_ENDED, detail=detail)


def end_sessions(user: User, *, except_current: bool = False) -> int:
    """Delete the sessions of a user that allauth lists; return how many.

    Others end with a new password, as Django compares a hash of it.
    """
    rows = UserSession.objects.filter(user=user)
    session = getattr(context.request, "session", None)
    if except_current and session is not None and session.session_key:
        rows = rows.exclude(session_key=session.session_key)
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    rows.filter(session_key__in=keys).delete()
    return len(keys)
