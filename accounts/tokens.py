"""Making and changing API tokens: the one way in, whatever the face."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import ApiToken, Scope, User
from accounts.models.token import API_SCOPES
from accounts.timezones import iso

# A program that makes a new one each time it starts is to be noticed.
MOST_VALID = 50
# How long a token is good for when nobody says.
USUAL_DAYS, MOST_DAYS = 90, 36500
# What a token may do when nobody says. Making others is a power to be asked for by its name.
USUAL_SCOPES = [scope for scope in API_SCOPES if scope != Scope.TOKENS_WRITE]


def usual_expiry(now: datetime, by: ApiToken | None = None) -> datetime:
    """Return when a token expires of which nobody says: in 90 days, and not after its maker."""
    usual = now + timedelta(days=USUAL_DAYS)
    return min(usual, by.expires_at) if by is not None and by.expires_at else usual


@transaction.atomic
def make(
    user: User,
    name: str,
    now: datetime,
    *,
    scopes: Collection[str],
    expires_at: datetime | None,
    by: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """Store a new token of `user` and return it with its secret, which cannot be read again.

    `expires_at` of None is never. `by` is the token whose bearer asks for it, if any: what is made
    can do nothing that it cannot, and does not outlive it. ValidationError names the field.
    """
    # Of two at once, one counts what the other has made.
    owner = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    name = _checked_name(name)
    _check_expiry(expires_at, now)
    _check_scopes(scopes)
    if by is not None:
        _check_maker(by, now, scopes, expires_at)
    if not owner.is_active:
        raise ValidationError("This user is not active.")
    if ApiToken.objects.valid(now).owned_by(owner).count() >= MOST_VALID:
        raise ValidationError(f"There are {MOST_VALID} valid tokens already: revoke one first.")
    ordered = [scope for scope in Scope.values if scope in scopes]
    token, secret = ApiToken.issue(owner, name, scopes=ordered, expires_at=expires_at, made_by=by)
    token.changed(now)
    return token, secret


def rename(token: ApiToken, name: str) -> None:
    token.name = _checked_name(name)
    token.save(update_fields=["name"])


@transaction.atomic
def expire(token: ApiToken, expires_at: datetime | None, now: datetime) -> None:
    """Have it expire at another time, or never; it keeps its scopes."""
    _check_expiry(expires_at, now)
    token.expires_at = expires_at
    token.save(update_fields=["expires_at"])
    token.changed(now)


def _checked_name(name: str) -> str:
    name, most = name.strip(), ApiToken._meta.get_field("name").max_length
    if not 1 <= len(name) <= (most or 0) or not name.isprintable():
        raise ValidationError({"name": f"Give 1 to {most} characters on one line."})
    return name


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and not now < expires_at <= now + timedelta(days=MOST_DAYS):
        message = f"Give a moment in the future, at most {MOST_DAYS} days ahead, or null for never."
        raise ValidationError({"expires_at": message})


def _check_scopes(scopes: Collection[str]) -> None:
    is_feed = set(scopes) == {Scope.CALENDAR_READ}
    if not scopes or not (is_feed or set(scopes) <= set(API_SCOPES)):
        message = f"Choose at least one of {', '.join(API_SCOPES)}."
        raise ValidationError({"scopes": message})


def _check_maker(
    by: ApiToken, now: datetime, scopes: Collection[str], expires_at: datetime | None
) -> None:
    """Raise ValidationError where a token would make one that is more than itself."""
    # Locked: it is revoked before this, and makes nothing, or after it.
    maker = ApiToken.objects.select_for_update(of=("self",)).valid(now).filter(pk=by.pk).first()
    if maker is None:
        raise ValidationError("The token that asks for this is no longer valid.")
    # A feed is a way to read reminders.
    gives = [Scope.REMINDERS_READ if each == Scope.CALENDAR_READ else each for each in scopes]
    if lacks := [scope for scope in gives if scope not in maker.scopes]:
        message = f"A token cannot give what it lacks itself: {', '.join(sorted(lacks))}."
        raise ValidationError({"scopes": message})
    if maker.expires_at is not None and (expires_at is None or expires_at > maker.expires_at):
        message = f"A token cannot outlive the one that makes it: {iso(maker.expires_at)}."
        raise ValidationError({"expires_at": message})
