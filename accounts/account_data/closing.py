"""Closing an account: for good, and with nothing left that tells whose it was.

Its rows stay, emptied, so that what went through it stays accounted for.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

from accounts.models import SYSTEM_USER_ID, ApiToken, IdempotencyKey, Pause, User

# What other apps do when an account is closed, in the same transaction and in this order: end what
# runs, and erase what was said. Each is called twice, and finds little to do the second time.
closers: list[Callable[[User, datetime], None]] = []
# Whoever is chosen to give way where two wait for each other tries again.
TRIES = 3


def close(user: User, now: datetime) -> None:
    """End all that an account does, and erase what is in it; ValidationError where it must stay.

    Closing what is closed changes nothing. What a worker had on its way may still arrive.
    """
    for i in range(1, TRIES + 1):
        try:
            _close(user, now)
            break
        except OperationalError as error:
            if i == TRIES or not isinstance(error.__cause__, DeadlockDetected):
                raise
    user.refresh_from_db()


@transaction.atomic
def _close(user: User, now: datetime) -> None:
    if user.pk == SYSTEM_USER_ID:
        raise ValidationError("This is FOAM's own account, by which it watches itself.")
    _keep_one_superuser(user)
    for closer in closers:
        closer(user, now)
    # From here on nothing of theirs is made: who is making something is waited for, and who comes
    # later is refused by the database (accounts_refuse_closed).
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.closed_at is None:
        for closer in closers:
            closer(user, now)
        _erase(locked, now)


def _keep_one_superuser(user: User) -> None:
    """Two who close at once wait for each other here."""
    able = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    superusers = list(able.select_for_update(no_key=True).values_list("pk", flat=True))
    if superusers == [user.pk]:
        raise ValidationError("This is the last superuser: make another one first.")


def _erase(user: User, now: datetime) -> None:
    ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=now)
    theirs = ApiToken.objects.filter(user=user)
    theirs.update(name="", hint="")
    forget_log(ApiToken, theirs.values_list("pk", flat=True))
    _end_sessions(user)
    for model in (EmailAddress, Authenticator, SocialAccount, IdempotencyKey):
        model.objects.filter(user=user).delete()
    paused = Pause.objects.filter(owner=user)
    forget_log(Pause, paused.values_list("pk", flat=True))
    paused.delete()
    forget_log(User, [user.pk])
    user.groups.clear()
    user.user_permissions.clear()
    # No form accepts such a name, so it is not taken.
    user.username, user.email = f"(closed-{user.pk})", f"closed-{user.pk}@foam.invalid"
    user.first_name = user.last_name = ""
    user.password = make_password(None)
    user.timezone = "UTC"
    user.quiet_from = user.quiet_until = None
    user.quiet_weekends = user.is_active = user.is_staff = user.is_superuser = False
    user.closed_at = now
    user.save()


def _end_sessions(user: User) -> None:
    """One that is not in this list ends as well: its user is not active."""
    sessions = UserSession.objects.filter(user=user)
    Session.objects.filter(session_key__in=sessions.values("session_key")).delete()
    sessions.delete()


def forget_log(model: Any, ids: Iterable[Any]) -> None:
    """Erase what the admin's log tells of these rows in words; that they were edited stays."""
    entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
    logged = entries.values_list("object_id", flat=True).distinct()
    known = set(map(str, ids)) if logged.exists() else set()
    entries.filter(object_id__in=known).update(object_repr="erased", change_message="")
