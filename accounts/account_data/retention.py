"""Retention of accounts: deletes old sessions, unconfirmed sign-ups, events and cache rows."""

from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from accounts.models import SYSTEM_USER_ID, ApiToken, Pause, User
from accounts.models.account_change import delete_old_account_changes

BATCH = 500
# A sign-up that was not confirmed by its code. The code is good for minutes.
UNCONFIRMED_LIFETIME = timedelta(days=7)
# The session of a younger row may not be committed yet.
MIN_SESSION_AGE = timedelta(hours=1)
DELETE_CACHE_SQL = "DELETE FROM accounts_cache WHERE expires <= %s"


def prune_accounts(now: datetime, before: datetime) -> None:
    """Delete what has ended by `now`, and events before an instant.

    1. Sessions that are over, and allauth's rows of sessions that no longer exist.
    2. Addresses that were not confirmed, and accounts that have no other and never signed in.
    3. Events of the security log, and rows of the cache that have expired.
    """
    Session.objects.filter(expire_date__lte=now).delete()
    living = Session.objects.filter(session_key=OuterRef("session_key"))
    ended = UserSession.objects.filter(~Exists(living), created_at__lt=now - MIN_SESSION_AGE)
    ended.delete()
    _delete_unconfirmed(now - UNCONFIRMED_LIFETIME)
    while delete_old_account_changes(before, BATCH):
        pass
    with connection.cursor() as cursor:
        cursor.execute(DELETE_CACHE_SQL, [now])


def _delete_unconfirmed(before: datetime) -> None:
    verified = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    unconfirmed = User.objects.filter(
        ~Exists(verified),
        ~Exists(ApiToken.objects.filter(user=OuterRef("pk"))),
        ~Exists(Pause.objects.filter(owner=OuterRef("pk"))),
        Exists(EmailAddress.objects.filter(user=OuterRef("pk"))),
        date_joined__lt=before,
        last_login=None,
        closed_at=None,
        is_staff=False,
        is_superuser=False,
        is_active=True,
    ).exclude(pk=SYSTEM_USER_ID)
    for pk in list(unconfirmed.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            for user in unconfirmed.select_for_update(of=("self",)).filter(pk=pk):
                user.delete()
    # An address has no date: it is old if its owner has been here for long and is not changing it.
    stale = EmailAddress.objects.filter(verified=False, primary=False, user__date_joined__lt=before)
    confirmed = EmailAddress.objects.filter(user=OuterRef("user"), verified=True)
    stale.filter(Exists(confirmed)).delete()
