"""The reminder that FOAM creates before an API token expires.

FOAM finds it by its `external_id`. So the owner may edit or delete it, or take it over with another
`external_id`.
"""

from collections.abc import Iterable
from datetime import datetime

from accounts.models import ApiToken
from accounts.timezones import zone
from reminders.models import Reminder
from reminders.recurrence import Fold, Lead

LEADS = (Lead(days=7), Lead(days=1))
TAG = "foam"
BRACES = str.maketrans("{}", "()")


def sync_expiry_reminder(token: ApiToken, now: datetime) -> None:
    """Replace the reminder of a token that was created, changed or revoked at `now`.

    A token that never expires, is revoked, or expires within a day has none.
    """
    # Replaced and not edited: an edit could fail on a field that the owner has changed.
    for reminder in Reminder.objects.owned_by(token.user).filter(external_id=external_id(token)):
        reminder.close(now)
    leads = leads_ahead(token, now)
    if leads and token.expires_at is not None:
        _reminder(token, token.expires_at, leads).store(now)


def leads_ahead(token: ApiToken, now: datetime) -> list[Lead]:
    """Return the leads before the expiry that are still in the future."""
    if token.revoked_at is not None or token.expires_at is None:
        return []
    due_at = token.expires_at.replace(microsecond=0)
    schedule = _reminder(token, token.expires_at, LEADS).schedule
    return [lead for lead in LEADS if schedule.fire(due_at, lead).fire_at > now]


def external_id(token: ApiToken) -> str:
    """Return an external id that contains a part of the token's digest.

    No user can guess it and take it beforehand.
    """
    return f"foam:token:{token.digest[:16]}"


def _reminder(token: ApiToken, expires_at: datetime, leads: Iterable[Lead]) -> Reminder:
    local = expires_at.astimezone(zone(token.user.timezone))
    return Reminder(
        owner=token.user,
        external_id=external_id(token),
        # Braces in a name must not be read as placeholders.
        title=f'API token "{token.name.translate(BRACES)}" expires',
        body=f"Make a new one, give it to your program, and revoke this one: {token.hint}",
        starts_at=local.replace(tzinfo=None, microsecond=0, fold=0),
        timezone=token.user.timezone,
        fold=(Fold.SECOND if local.fold else Fold.FIRST).value,
        leads=list(leads),
        tags=[TAG],
    )
