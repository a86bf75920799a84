"""API tokens of users' programs, and their scopes."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction

from accounts.models.account_change import AccountChange
from accounts.models.idempotency_key import IdempotencyKey  # noqa: F401  Django finds models here
from accounts.models.pause import Pause  # noqa: F401
from accounts.models.user import User


class Scope(models.TextChoices):
    """The scopes of a token: `read` for requests that change nothing, `write` for the others."""

    REMINDERS_READ = "reminders:read"
    REMINDERS_WRITE = "reminders:write"
    CHANNELS_READ = "channels:read"
    CHANNELS_WRITE = "channels:write"
    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_WRITE = "deliveries:write"
    ME_READ = "me:read"
    ME_WRITE = "me:write"
    TOKENS_READ = "tokens:read"
    TOKENS_WRITE = "tokens:write"
    # The only scope of its token, which is part of the address of a calendar feed.
    CALENDAR_READ = "calendar:read"


# The scopes of a token that is sent in a header.
API_SCOPES = [scope.value for scope in Scope if scope != Scope.CALENDAR_READ]


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def owned_by(self, user: Any) -> Self:
        return self.filter(user=user)

    def valid(self, now: datetime) -> Self:
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now),
            revoked_at=None,
            user__is_active=True,
        )

    def with_status(self, status: str, now: datetime) -> Self:
        """Return the tokens whose `ApiToken.status` is `status`."""
        if status == ApiToken.Status.REVOKED:
            return self.exclude(revoked_at=None)
        not_revoked = self.filter(revoked_at=None)
        if status == ApiToken.Status.EXPIRED:
            return not_revoked.filter(expires_at__lte=now)
        return not_revoked.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now))

    def for_api(self) -> Self:
        """Return the tokens that are sent in a header."""
        return self.exclude(scopes__contains=[Scope.CALENDAR_READ])

    def for_calendar(self) -> Self:
        """Return the tokens that are part of the address of a calendar feed."""
        return self.filter(scopes=[Scope.CALENDAR_READ])

    def for_secret(self, secret: str) -> Self:
        return self.filter(digest=ApiToken.digest_of(secret))


class ApiToken(models.Model):
    """An API token: a secret of 256 random bits, shown once and stored as its SHA-256.

    accounts.tokens creates and changes tokens. A revoked token keeps its row.
    """

    class Status(models.TextChoices):
        VALID = "valid"
        EXPIRED = "expired"
        REVOKED = "revoked"

    PREFIX = "foam_"
    # `last_used_at` is written once a minute at most, as otherwise every GET would be an UPDATE.
    USED_PRECISION = timedelta(minutes=1)

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty for never.")
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    # The token that created this one; null for a person or an operator.
    made_by = models.ForeignKey("self", models.SET_NULL, null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        verbose_name_plural = "API tokens"
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(scopes__contains=[Scope.CALENDAR_READ])
                | models.Q(scopes=[Scope.CALENDAR_READ]),
                name="accounts_apitoken_calendar_alone",
                violation_error_message="A token with the scope calendar:read has no other.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint})"

    @classmethod
    def issue(
        cls,
        user: User,
        name: str,
        *,
        scopes: list[str] | None = None,
        expires_at: datetime | None = None,
        made_by: "ApiToken | None" = None,
    ) -> tuple["ApiToken", str]:
        """Store a new token and return it with its secret, which cannot be read again.

        Checks nothing: call `tokens.make` for a request.
        """
        secret = cls.PREFIX + secrets.token_urlsafe(32)
        token = cls.objects.create(
            user=user,
            name=name,
            digest=cls.digest_of(secret),
            hint=f"{secret[:9]}…",
            scopes=API_SCOPES if scopes is None else scopes,
            expires_at=expires_at,
            made_by=made_by,
        )
        return token, secret

    @staticmethod
    def digest_of(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()

    def status(self, now: datetime) -> "ApiToken.Status":
        if self.revoked_at is not None:
            return self.Status.REVOKED
        is_over = self.expires_at is not None and self.expires_at <= now
        return self.Status.EXPIRED if is_over else self.Status.VALID

    @property
    def is_feed(self) -> bool:
        return self.scopes == [Scope.CALENDAR_READ]

    @transaction.atomic
    def revoke(self, now: datetime, *, keeps_children: bool = False) -> None:
        """Revoke the token, and the tokens that it made. Revoking it twice changes nothing.

        A parent is updated before its children are read: this waits for a request that is creating
        one with it.
        """
        self._revoke_alone(now)
        parents = set() if keeps_children else {self.pk}
        revoked = {self.pk}
        while parents:
            children = list(ApiToken.objects.filter(made_by__in=parents).exclude(pk__in=revoked))
            for child in children:
                child._revoke_alone(now)
            parents = {child.pk for child in children}
            revoked |= parents

    def _revoke_alone(self, now: datetime) -> None:
        count = ApiToken.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=now)
        self.refresh_from_db()
        self.changed(now)
        if count:
            self.note(AccountChange.Verb.TOKEN_REVOKED)

    def note(self, verb: AccountChange.Verb) -> None:
        """Call the handlers of the security log."""
        for follow in token_event_followers:
            follow(self, verb)

    def changed(self, now: datetime) -> None:
        """Call the handlers of other apps after a creation, a revocation or another expiry."""
        for follow in token_followers:
            follow(self, now)

    def touch(self, now: datetime) -> None:
        if self.last_used_at is None or self.last_used_at < now - self.USED_PRECISION:
            ApiToken.objects.filter(pk=self.pk).update(last_used_at=now)
            self.last_used_at = now


# Called when a token has changed, in the same transaction: see foam.hooks.
token_followers: list[Callable[[ApiToken, datetime], None]] = []
# Called when a token is created or revoked, or its expiry is changed: see foam.hooks.
token_event_followers: list[Callable[[ApiToken, AccountChange.Verb], None]] = []
