"""Events of signing in and out, from the signals of allauth and of Django."""

from datetime import timedelta
from typing import Any

from allauth.account import signals as account_signals
from allauth.core.internal.httpkit import is_headless_request
from allauth.mfa import signals as factor_signals
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import signals as auth_signals
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db.models import signals as model_signals
from django.utils import timezone

from accounts.audit.records import shorten_text
from accounts.models import ApiToken, User
from accounts.models.account_change import AccountChange, record_account_change
from accounts.security import user_events
from accounts.security.mails import tell_owner
from accounts.security.person import acting_person
from accounts.sign_in import idle

Verb = AccountChange.Verb
ENDED = "API tokens, calendar addresses and all other sessions have ended with the old password."
# One row for all attempts at a locked account within the time of a lock.
LOCK_OUT_INTERVAL = timedelta(minutes=5)


def connect() -> None:
    """Connect the followers; a second call changes nothing."""
    for signal, follower in (
        (auth_signals.user_logged_in, follow_sign_in),
        (auth_signals.user_logged_in, idle.begin),
        (auth_signals.user_logged_out, follow_sign_out),
        (factor_signals.authenticator_used, follow_factor_use),
        (factor_signals.authentication_failed, follow_factor_failure),
        (account_signals.authentication_step_completed, follow_step),
        (account_signals.password_reset, tell_end_of_access),
        (account_signals.password_changed, forget_old_session),
        (account_signals.password_set, forget_old_session),
    ):
        signal.connect(follower, dispatch_uid=f"accounts.{follower.__name__}")
    for model, model_signal, model_follower in (
        (Authenticator, model_signals.post_save, user_events.follow_factor),
        (Authenticator, model_signals.pre_delete, user_events.follow_factor_removal),
        (SocialAccount, model_signals.post_save, user_events.follow_team_account),
        (SocialAccount, model_signals.pre_delete, user_events.follow_team_account_removal),
        (Group, model_signals.pre_delete, user_events.follow_group_deletion),
        (User.groups.through, model_signals.m2m_changed, user_events.follow_memberships),
        (User.user_permissions.through, model_signals.m2m_changed, user_events.follow_memberships),
        (Group.permissions.through, model_signals.m2m_changed, user_events.follow_group),
    ):
        uid = f"accounts.{model_follower.__name__}.{model.__name__}"
        model_signal.connect(model_follower, sender=model, dispatch_uid=uid)


def follow_sign_in(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    with acting_person(user.pk):
        record_account_change(user.pk, Verb.SIGNED_IN, detail=_method(request))


def follow_sign_out(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    if user is not None and user.pk is not None:
        with acting_person(user.pk):
            record_account_change(user.pk, Verb.SIGNED_OUT)


def tell_end_of_access(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Tell a person on the page that their reset has ended tokens, feeds and sessions."""
    if not is_headless_request(request):
        messages.info(request, ENDED)


def forget_old_session(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Delete allauth's row of the session that a new password has given another key."""
    keys = UserSession.objects.filter(user=user).values("session_key")
    living = Session.objects.filter(session_key__in=keys).values("session_key")
    rows = UserSession.objects.filter(user=user).exclude(session_key__in=living)
    rows.exclude(session_key=request.session.session_key).delete()


def follow_step(
    sender: Any, request: Any, user: Any, method: str, reauthenticated: bool = False, **kwargs: Any
) -> None:
    if reauthenticated:
        with acting_person(user.pk):
            record_account_change(user.pk, Verb.REAUTHENTICATED, detail=shorten_text(method))


def follow_factor_use(
    sender: Any, request: Any, user: Any, authenticator: Any, **kwargs: Any
) -> None:
    with acting_person(user.pk):
        record_account_change(user.pk, Verb.FACTOR_USED, detail=authenticator.type)


def follow_factor_failure(
    sender: Any, request: Any, user: Any, authenticator: Any = None, **kwargs: Any
) -> None:
    with acting_person():
        detail = authenticator.type if authenticator else ""
        record_account_change(user.pk, Verb.FACTOR_FAILED, detail=detail)


def record_failed_sign_in(login: str, *, is_locked: bool) -> None:
    """Record a failed sign-in at a known account. Attempts at a locked one become one row."""
    user = User.objects.filter(email__iexact=login, closed_at=None).first() if login else None
    if user is None:
        return
    verb = Verb.LOCKED_OUT if is_locked else Verb.SIGN_IN_FAILED
    if is_locked:
        rows = AccountChange.objects.filter(account=user, verb=verb)
        if rows.filter(at__gt=timezone.now() - LOCK_OUT_INTERVAL).exists():
            return
    with acting_person():
        record_account_change(user.pk, verb)


def _method(request: Any) -> str:
    records = request.session.get("account_authentication_methods") or []
    return ", ".join(dict.fromkeys(str(record.get("method")) for record in records))


# Tokens


def follow_token(token: ApiToken, verb: AccountChange.Verb) -> None:
    """Record an event of a token, and tell a new one by mail."""
    kind = "Calendar address" if token.is_feed else "API token"
    detail = f"{kind} {token.pk}"
    if verb == Verb.TOKEN_MADE:
        detail += f", scopes: {', '.join(token.scopes)}"
    with acting_person(token.user_id):
        record_account_change(token.user_id, verb, detail=detail)
        if verb == Verb.TOKEN_MADE:
            tell_owner(
                token.user.email,
                f"{kind} made",
                f"{'A' if token.is_feed else 'An'} {kind[0].lower() if token.is_feed else kind[0]}"
                f"{kind[1:]} of your account was made: {token.name}. What it may do: "
                f"{', '.join(token.scopes)}.",
            )
