"""Creating and changing API tokens, for the admin, the API and commands alike."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import quotas
from accounts.models import AccountChange, ApiToken, Scope, User
from accounts.models.token import API_SCOPES
from accounts.timezones import iso

# Days until a token expires: by default, and at most.
DEFAULT_DAYS, MAX_DAYS = 90, 36500
# Scopes of a token by default. To create tokens with a token, its owner must ask for that scope.
DEFAULT_SCOPES = [scope for scope in API_SCOPES if scope != Scope.TOKENS_WRITE]


def default_expiry(now: datetime, creator: ApiToken | None = None) -> datetime:
    """Return the default expiry: in 90 days, or with the creating token if that expires earlier."""
    expiry = now + timedelta(days=DEFAULT_DAYS)
    return min(expiry, creator.expires_at) if creator and creator.expires_at else expiry


@transaction.atomic
def make(
    user: User,
    name: str,
    now: datetime,
    *,
    scopes: Collection[str],
    expires_at: datetime | None,
    creator: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """Store a new token of `user` and return it with its secret, which cannot be read again.

    `expires_at` of None is never. `creator` is the token of the request, if it has one: the new
    token has no scope beyond it and does not outlive it. Raises ValidationError on the field.
    """
    # Locked, so that parallel requests cannot exceed the quotas.
    owner = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    name = _checked_name(name)
    _check_expiry(expires_at, now)
    _check_scopes(scopes)
    if creator is not None:
        _check_creator(creator, now, scopes, expires_at)
    if not owner.is_active:
        raise ValidationError("This user is not active.")
    valid = ApiToken.objects.valid(now).owned_by(owner)
    # Stops a program that creates a new token each time it starts.
    quotas.check_rows(owner.pk, "stored_tokens", ApiToken.objects.owned_by(owner))
    quotas.check_rows(owner.pk, "tokens", valid)
    if Scope.CALENDAR_READ in scopes:
        quotas.check_rows(owner.pk, "feeds", valid.for_calendar())
    ordered = [scope for scope in Scope.values if scope in scopes]
    token, secret = ApiToken.issue(
        owner, name, scopes=ordered, expires_at=expires_at, made_by=creator
    )
    token.changed(now)
    token.note(AccountChange.Verb.TOKEN_MADE)
    return token, secret


def rename(token: ApiToken, name: str) -> None:
    token.name = _checked_name(name)
    token.save(update_fields=["name"])


@transaction.atomic
def expire(token: ApiToken, expires_at: datetime | None, now: datetime) -> None:
    """Change the expiry of a token; None is never."""
    _check_expiry(expires_at, now)
    token.expires_at = expires_at
    token.save(update_fields=["expires_at"])
    token.changed(now)
    token.note(AccountChange.Verb.TOKEN_CHANGED)


def _checked_name(name: str) -> str:
    name, most = name.strip(), ApiToken._meta.get_field("name").max_length
    if not 1 <= len(name) <= (most or 0) or not name.isprintable():
        raise ValidationError({"name": f"Give 1 to {most} characters on one line."})
    return name


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and not now < expires_at <= now + timedelta(days=MAX_DAYS):
        message = f"Give a time in the future, at most {MAX_DAYS} days ahead, or null for never."
        raise ValidationError({"expires_at": message})


def _check_scopes(scopes: Collection[str]) -> None:
    is_feed = set(scopes) == {Scope.CALENDAR_READ}
    if not scopes or not (is_feed or set(scopes) <= set(API_SCOPES)):
        message = f"Choose at least one of {', '.join(API_SCOPES)}."
        raise ValidationError({"scopes": message})


def _check_creator(
    creator: ApiToken, now: datetime, scopes: Collection[str], expires_at: datetime | None
) -> None:
    """Raise ValidationError for scopes or an expiry beyond those of the creating token."""
    # Locked, so that a token that is revoked meanwhile creates nothing.
    rows = ApiToken.objects.select_for_update(of=("self",))
    stored = rows.valid(now).filter(pk=creator.pk).first()
    if stored is None:
        raise ValidationError("The token that asks for this is no longer valid.")
    # A calendar feed shows reminders, so it needs the scope to read them.
    needed = [Scope.REMINDERS_READ if scope == Scope.CALENDAR_READ else scope for scope in scopes]
    if lacks := [scope for scope in needed if scope not in stored.scopes]:
        message = f"A token cannot give what it lacks itself: {', '.join(sorted(lacks))}."
        raise ValidationError({"scopes": message})
    if stored.expires_at is not None and (expires_at is None or expires_at > stored.expires_at):
        message = f"A token cannot outlive the one that creates it: {iso(stored.expires_at)}."
        raise ValidationError({"expires_at": message})
