"""Pauses: a tag of a user, all of a user's, or everything is silent for a while.

A pause is a row that nobody has to look after: it ends when `until` comes, by comparison with now.
What it covers is left as it is, and is asked about when its turn comes. A single reminder and a
single channel have a pause of their own, in their rows.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse

from accounts.timezones import format_instant

LONGEST = timedelta(days=731)
# Whether everything is paused at `now`: PostgreSQL looks once for each statement that asks, by an
# index that holds nothing as a rule.
EVERYTHING = """EXISTS (
    SELECT 1 FROM accounts_pause p WHERE p.scope = 'everything' AND p.ended_at IS NULL
        AND (p.until IS NULL OR p.until > %(now)s)
)"""


class PauseQuerySet(models.QuerySet["Pause"]):
    def active(self, now: datetime) -> Self:
        return self.filter(Q(until=None) | Q(until__gt=now), ended_at=None)

    def owned_by(self, user: Any) -> Self:
        return self.filter(owner=user)

    def everything(self, now: datetime) -> "Pause | None":
        """Return the pause of everything, if everything is paused."""
        return self.active(now).filter(scope=Pause.Scope.EVERYTHING).first()

    def stopping(self, owner_id: int, now: datetime) -> "Pause | None":
        """Return the pause that lets no message to this owner out, if there is one."""
        of_account = Q(scope=Pause.Scope.ACCOUNT, owner=owner_id)
        found = self.active(now).filter(of_account | Q(scope=Pause.Scope.EVERYTHING))
        return found.select_related("owner").order_by("scope").first()


class Pause(models.Model):
    """Silence that somebody wants; `until` is null for one that lasts until somebody ends it."""

    class Scope(models.TextChoices):
        TAG = "tag"  # the owner's reminders with this tag
        USER = "user"  # all of the owner's reminders
        # The same, and what is on its way as well: the database begins and ends this one, with
        # User.is_active, beside a pause that the owner made.
        ACCOUNT = "account"
        EVERYTHING = "everything"  # of everybody, and what is on its way as well

    scope = models.CharField(max_length=16, choices=Scope)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="pauses"
    )
    tag = models.CharField(max_length=50, blank=True)
    until = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Leave empty to pause until somebody ends it. At most two years.",
    )
    reason = models.CharField(max_length=200, blank=True)
    # Null for an operator at the command line.
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(editable=False)
    # When somebody ended it, or when it was found to be over.
    ended_at = models.DateTimeField(null=True, editable=False)

    objects = PauseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="tag", owner__isnull=False) & ~Q(tag="")
                | Q(scope__in=["user", "account"], owner__isnull=False, tag="")
                | Q(scope="everything", owner__isnull=True, tag=""),
                name="accounts_pause_scope",
            ),
            # One open pause of a kind; who pauses again changes it.
            models.UniqueConstraint(
                fields=["owner", "tag"],
                condition=Q(ended_at=None, owner__isnull=False) & ~Q(scope="account"),
                name="accounts_pause_one_open",
            ),
            # Also the index of lease.IS_OFF.
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(ended_at=None, scope="account"),
                name="accounts_pause_one_of_account",
            ),
            models.UniqueConstraint(
                fields=["scope"],
                condition=Q(ended_at=None, scope="everything"),
                name="accounts_pause_one_of_everything",
            ),
        ]
        indexes = [
            # forget
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False),
                name="accounts_pause_ended",
            ),
        ]

    def __str__(self) -> str:
        if self.scope == self.Scope.EVERYTHING:
            return "everything"
        who = self.owner.username if self.owner else ""
        if self.scope == self.Scope.ACCOUNT:
            return f"the account of {who}"
        return f"tag “{self.tag}” of {who}" if self.tag else f"all reminders of {who}"

    def clean(self) -> None:
        if problems := dict(self._problems()):
            raise ValidationError(problems)

    def _problems(self) -> Iterator[tuple[str, str]]:
        is_of_everything = self.scope == self.Scope.EVERYTHING
        if self.scope == self.Scope.ACCOUNT:
            yield "scope", "This pause begins when the account is switched off, and not by hand."
        if is_of_everything and self.owner_id is not None:
            yield "owner", "Leave this empty: everything is nobody's own."
        if not is_of_everything and self.owner_id is None:
            yield "owner", "Say whose reminders."
        if self.scope == self.Scope.TAG and not self.tag:
            yield "tag", "Say which tag."
        if self.scope != self.Scope.TAG and self.tag:
            yield "tag", "Only a pause of the scope `tag` has one."

    def is_active(self, now: datetime) -> bool:
        return self.ended_at is None and (self.until is None or self.until > now)

    def is_of(self, tags: Collection[str]) -> bool:
        """Whether it covers what has these tags, of its owner or of everybody."""
        return not self.tag or self.tag in tags

    def sentence(self, timezone: str) -> str:
        """Say what is paused, and what `told` says of it."""
        tenses = ("are", "were") if self.scope == self.Scope.USER else ("is", "was")
        return f"{self} {tenses[self.ended_at is not None]} {self.told(timezone)}"

    def told(self, timezone: str) -> str:
        """Say since when, until when and why, on the clock of that zone."""
        end = self.ended_at or self.until
        if self.scope == self.Scope.ACCOUNT:
            since = f"switched off since {format_instant(self.created_at, timezone)}"
            if end:
                return f"{since}, until {format_instant(end, timezone)}"
            page = reverse("admin:accounts_user_change", args=[self.owner_id])
            return f"{since}; switch it on at {settings.FOAM_BASE_URL}{page}"
        until = f"until {format_instant(end, timezone)}" if end else "until somebody ends it"
        why = f" ({self.reason})" if self.reason else ""
        return f"paused since {format_instant(self.created_at, timezone)}, {until}{why}"

    def end(self, now: datetime) -> None:
        """Let what it covers speak again. Ending what has ended changes nothing.

        The pause of an account ends only when that is switched on.
        """
        active = Pause.objects.active(now).exclude(scope=self.Scope.ACCOUNT)
        active.filter(pk=self.pk).update(ended_at=now)
        self.refresh_from_db()


def begin(
    scope: str,
    now: datetime,
    *,
    owner: Any = None,
    tag: str = "",
    until: datetime | None = None,
    reason: str = "",
    by: Any = None,
) -> tuple[Pause, bool]:
    """Begin a pause, or give the open one of this kind another end and reason.

    Return it, and whether it is new. ValidationError names the field.
    """
    wanted = Pause(scope=scope, owner=owner, tag=tag, until=until, reason=reason, created_at=now)
    wanted.full_clean(validate_unique=False, validate_constraints=False)
    check_until(until, now)
    key = {"scope": scope, "owner": owner, "tag": tag, "ended_at": None}
    told = {"until": until, "reason": reason, "made_by": by}
    with transaction.atomic():
        # One that is over leaves its place.
        Pause.objects.filter(**key, until__lte=now).update(ended_at=F("until"))
        return Pause.objects.update_or_create(
            **key, defaults=told, create_defaults={**told, "created_at": now}
        )


def end(scope: str, now: datetime, *, owner: Any = None, tag: str = "") -> int:
    """End the pause of this kind; return how many that were, which is none or one."""
    active = Pause.objects.active(now).filter(scope=scope, owner=owner, tag=tag)
    return active.update(ended_at=now)


def check_until(until: datetime | None, now: datetime) -> None:
    """Raise ValidationError unless something may be paused until then; None is an open end."""
    if until is not None and not now < until <= now + LONGEST:
        message = f"Give a moment in the future, at most {LONGEST.days} days ahead."
        raise ValidationError({"until": message})


def forget(before: datetime, batch: int) -> int:
    """Remove a batch of pauses that ended `before`; return how many that was."""
    old = Q(ended_at__lt=before) | Q(ended_at=None, until__lt=before)
    ids = Pause.objects.filter(old).order_by("pk").values("pk")[:batch]
    return Pause.objects.filter(pk__in=ids).delete()[0]
