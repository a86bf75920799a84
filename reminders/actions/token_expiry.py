"""Before an API token expires its owner is reminded: by a reminder like any other.

It is found again by its `external_id`, so its owner may edit it, delete it, or make it their own by
giving it another.
"""

from collections.abc import Iterable
from datetime import datetime

from accounts.models import ApiToken
from accounts.models.token import token_followers
from accounts.timezones import zone
from reminders.models import Reminder
from reminders.recurrence import Fold, Lead

LEADS = (Lead(days=7), Lead(days=1))
TAG = "foam"
BRACES = str.maketrans("{}", "()")


def watch() -> None:
    token_followers.append(follow)


def follow(token: ApiToken, now: datetime) -> None:
    """Close the reminder of a token that was made, changed or revoked at `now`; make it anew.

    There is none for what never expires, is revoked, or expires within a day.
    """
    # Not edited: whatever its owner has made of it, this cannot fail.
    for reminder in Reminder.objects.owned_by(token.user).filter(external_id=external_id(token)):
        reminder.close(now)
    leads = leads_ahead(token, now)
    if leads and token.expires_at is not None:
        _reminder(token, token.expires_at, leads).store(now)


def leads_ahead(token: ApiToken, now: datetime) -> list[Lead]:
    """Return how long before it expires there is still time to say so."""
    if token.revoked_at is not None or token.expires_at is None:
        return []
    due_at = token.expires_at.replace(microsecond=0)
    schedule = _reminder(token, token.expires_at, LEADS).schedule
    return [lead for lead in LEADS if schedule.fire(due_at, lead).fire_at > now]


def external_id(token: ApiToken) -> str:
    """Return what nobody guesses before the token is made, here or on another FOAM."""
    return f"foam:token:{token.digest[:16]}"


def _reminder(token: ApiToken, expires_at: datetime, leads: Iterable[Lead]) -> Reminder:
    local = expires_at.astimezone(zone(token.user.timezone))
    return Reminder(
        owner=token.user,
        external_id=external_id(token),
        # A name is no template, whatever it looks like.
        title=f'API token "{token.name.translate(BRACES)}" expires',
        body=f"Make a new one, give it to your program, and revoke this one: {token.hint}",
        starts_at=local.replace(tzinfo=None, microsecond=0, fold=0),
        timezone=token.user.timezone,
        fold=(Fold.SECOND if local.fold else Fold.FIRST).value,
        leads=list(leads),
        tags=[TAG],
    )
