"""Closing an account for good: its personal data is erased.

The emptied rows stay, so that the ledger still adds up.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

from accounts.models import (
    SYSTEM_USER_ID,
    AccountChange,
    ApiToken,
    IdempotencyKey,
    Pause,
    User,
    UserQuota,
)
from accounts.security.access import end_sessions

# Called in this order when an account is closed, in the same transaction: they stop reminders and
# deliveries and erase texts (foam.hooks). Each is called twice: see `_close`.
closers: list[Callable[[User, datetime], None]] = []
# Attempts if PostgreSQL picks us as a deadlock victim.
MAX_ATTEMPTS = 3


def close(user: User, now: datetime) -> None:
    """Stop everything that an account does, and erase its data.

    Closing it twice changes nothing. A message that a worker is sending may still arrive. Raises
    ValidationError for the system user and the last superuser.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            _close(user, now)
            break
        except OperationalError as error:
            if attempt == MAX_ATTEMPTS or not isinstance(error.__cause__, DeadlockDetected):
                raise
    user.refresh_from_db()


@transaction.atomic
def _close(user: User, now: datetime) -> None:
    """Close an account in one transaction.

    1. Call the closers, which do most of the work before the account is locked.
    2. Lock the user. This waits for transactions that still create rows of the account, and the
       database refuses later ones (accounts_refuse_closed).
    3. Call the closers again for the rows created meanwhile, and erase the account itself.
    """
    if user.pk == SYSTEM_USER_ID:
        raise ValidationError("This is FOAM's own account, which it needs to watch itself.")
    _keep_one_superuser(user)
    for closer in closers:
        closer(user, now)
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.closed_at is None:
        for closer in closers:
            closer(user, now)
        _erase(locked, now)


def _keep_one_superuser(user: User) -> None:
    """Refuse to close the last superuser. Locked, so that two cannot be closed in parallel."""
    active = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    superusers = list(active.select_for_update(no_key=True).values_list("pk", flat=True))
    if superusers == [user.pk]:
        raise ValidationError(
            "This is the last superuser. Create another one first: manage.py createsuperuser."
        )


def _erase(user: User, now: datetime) -> None:
    ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=now)
    tokens = ApiToken.objects.filter(user=user)
    tokens.update(name="", hint="")
    erase_log(ApiToken, tokens.values_list("pk", flat=True))
    end_sessions(user)
    for model in (EmailAddress, Authenticator, SocialAccount, IdempotencyKey, UserQuota):
        model.objects.filter(user=user).delete()
    pauses = Pause.objects.filter(owner=user)
    erase_log(Pause, pauses.values_list("pk", flat=True))
    pauses.delete()
    erase_log(User, [user.pk])
    user.groups.clear()
    user.user_permissions.clear()
    # Unique, as no form accepts a username with brackets.
    user.username, user.email = f"(closed-{user.pk})", f"closed-{user.pk}@foam.invalid"
    user.first_name = user.last_name = ""
    user.password = make_password(None)
    user.timezone = "UTC"
    user.quiet_from = user.quiet_until = None
    user.quiet_weekends = user.is_active = user.is_staff = user.is_superuser = False
    user.closed_at = now
    user.save()
    # Times and kinds of events stay, as of reminders: no network, no words.
    AccountChange.objects.filter(account=user).update(network="", detail="", diff=None)


def erase_log(model: Any, ids: Iterable[Any]) -> None:
    """Erase the texts in the admin's log entries of these rows; the entries stay."""
    entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
    logged = entries.values_list("object_id", flat=True).distinct()
    object_ids = set(map(str, ids)) if logged.exists() else set()
    entries.filter(object_id__in=object_ids).update(object_repr="erased", change_message="")
