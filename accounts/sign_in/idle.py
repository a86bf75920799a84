"""The end of sessions that are not used, and of sessions that have lasted for two weeks.

A session has two marks: when it began and when it was last used. The second is written once in a
while, as otherwise each request would be an UPDATE.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from allauth.headless.internal.sessionkit import session_store
from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy
from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User

BEGUN, USED = "foam_begun", "foam_used"
# Marks of the last use are so far apart, or a twentieth of the limit.
USED_PRECISION = timedelta(minutes=1)


def idle_limit(is_staff: bool) -> timedelta:
    """Return how long a session may be unused."""
    if is_staff:
        return timedelta(minutes=settings.FOAM_STAFF_IDLE_MINUTES)
    return timedelta(hours=settings.FOAM_IDLE_HOURS)


def begin(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Mark a session that begins: the follower of Django's signal of a sign-in."""
    request.session[BEGUN] = request.session[USED] = timezone.now().timestamp()


def is_over(session: SessionBase, is_staff: bool) -> bool:
    """Tell whether a session was unused for too long, or began too long ago."""
    now = timezone.now().timestamp()
    begun, used = session.get(BEGUN, now), session.get(USED, now)
    is_idle = now - used > idle_limit(is_staff).total_seconds()
    return is_idle or now - begun > settings.SESSION_COOKIE_AGE


def mark_use(session: SessionBase) -> bool:
    """Mark a session as used now; return whether its mark was old enough to be written."""
    now = timezone.now().timestamp()
    if now - session.get(USED, 0) < USED_PRECISION.total_seconds():
        return False
    session.setdefault(BEGUN, now)
    session[USED] = now
    return True


def end_idle_sessions(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Sign out a browser whose session is over."""

    def middleware(request: HttpRequest) -> HttpResponse:
        has_cookie = settings.SESSION_COOKIE_NAME in request.COOKIES
        if has_cookie and SESSION_KEY in request.session and request.user.is_authenticated:
            if is_over(request.session, request.user.is_staff):
                logout(request)
            else:
                mark_use(request.session)
        return get_response(request)

    return middleware


class IdleTokenStrategy(SessionTokenStrategy):
    """Finds the session of a program's X-Session-Token, unless it is over."""

    def lookup_session(self, session_token: str) -> SessionBase | None:
        if not session_store().exists(session_token):
            return None
        session = session_store(session_token)
        user = User.objects.filter(pk=session.get(SESSION_KEY)).only("is_staff").first()
        if user is not None:
            if is_over(session, user.is_staff):
                session.flush()
                return None
            if mark_use(session):
                session.save()
        return session
