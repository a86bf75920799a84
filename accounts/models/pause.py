"""Pauses of a user's tag, of all reminders of a user, of an account, or of everything.

A pause ends when `until` comes, by comparison with now: no task has to end it. Its reminders keep
their plans, and the tick checks for pauses when they come due. A single reminder and a single
channel have a pause of their own, in their rows.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse

from accounts.audit.actor import current_actor
from accounts.timezones import format_instant

MAX_PAUSE = timedelta(days=731)
# Whether everything is paused at `now`. PostgreSQL evaluates it once per statement, by an index
# that is usually empty.
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
        """Return the pause that stops all messages to this owner, if there is one."""
        of_account = Q(scope=Pause.Scope.ACCOUNT, owner=owner_id)
        rows = self.active(now).filter(of_account | Q(scope=Pause.Scope.EVERYTHING))
        return rows.select_related("owner").order_by("scope").first()


class Pause(models.Model):
    """A pause of reminders or messages. Without `until` it lasts until a user ends it."""

    class Scope(models.TextChoices):
        TAG = "tag"  # the owner's reminders with this tag
        USER = "user"  # all of the owner's reminders
        # All reminders and queued messages of the owner. A trigger begins and ends it with
        # User.is_active, beside a pause that the owner made.
        ACCOUNT = "account"
        EVERYTHING = "everything"  # all reminders and queued messages of all users

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
    # When a user ended it. If `until` ended it, it is set only when the next pause begins.
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
            # One open pause of each kind. To pause again changes it.
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
            # delete_ended
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False),
                name="accounts_pause_ended",
            ),
        ]

    def __str__(self) -> str:
        if self.scope == self.Scope.EVERYTHING:
            return "everything"
        username = self.owner.username if self.owner else ""
        if self.scope == self.Scope.ACCOUNT:
            return f"the account of {username}"
        return f"tag “{self.tag}” of {username}" if self.tag else f"all reminders of {username}"

    def clean(self) -> None:
        if problems := dict(self._problems()):
            raise ValidationError(problems)

    def _problems(self) -> Iterator[tuple[str, str]]:
        is_of_everything = self.scope == self.Scope.EVERYTHING
        if self.scope == self.Scope.ACCOUNT:
            yield "scope", "This pause begins when the account is switched off, and not by hand."
        if is_of_everything and self.owner_id is not None:
            yield "owner", "Leave this empty: a pause of everything has no owner."
        if not is_of_everything and self.owner_id is None:
            yield "owner", "Choose the user whose reminders to pause."
        if self.scope == self.Scope.TAG and not self.tag:
            yield "tag", "Give the tag to pause, such as work."
        if self.scope != self.Scope.TAG and self.tag:
            yield "tag", "Leave this empty: only a pause of the scope `tag` has a tag."

    def is_active(self, now: datetime) -> bool:
        return self.ended_at is None and (self.until is None or self.until > now)

    def is_of(self, tags: Collection[str]) -> bool:
        """Whether it covers a reminder with these tags, if it covers its owner."""
        return not self.tag or self.tag in tags

    def sentence(self, timezone: str) -> str:
        """Return a sentence without its full stop: the pause, its begin, end and reason."""
        tenses = ("are", "were") if self.scope == self.Scope.USER else ("is", "was")
        return f"{self} {tenses[self.ended_at is not None]} {self.predicate(timezone)}"

    def predicate(self, timezone: str) -> str:
        """Return the end of the sentence: "paused since …, until … (reason)", in local time."""
        end = self.ended_at or self.until
        if self.scope == self.Scope.ACCOUNT:
            since = f"switched off since {format_instant(self.created_at, timezone)}"
            if end:
                return f"{since}, until {format_instant(end, timezone)}"
            page = reverse("admin:accounts_user_change", args=[self.owner_id])
            return f"{since}; switch it on at {settings.FOAM_BASE_URL}{page}"
        until = f"until {format_instant(end, timezone)}" if end else "until somebody ends it"
        reason = f" ({self.reason})" if self.reason else ""
        return f"paused since {format_instant(self.created_at, timezone)}, {until}{reason}"

    def end(self, now: datetime) -> None:
        """End the pause, so that its reminders fire again. Ending it twice changes nothing.

        The pause of an account is not ended: it ends when the account is switched on.
        """
        active = Pause.objects.active(now).exclude(scope=self.Scope.ACCOUNT)
        active.filter(pk=self.pk).update(ended_at=now)
        self.refresh_from_db()


# Called with the owner before a pause is stored, as quotas read the models: see foam.hooks.
new_pause_checks: list[Callable[[int], None]] = []


def begin(
    scope: str,
    now: datetime,
    *,
    owner: Any = None,
    tag: str = "",
    until: datetime | None = None,
    reason: str = "",
) -> tuple[Pause, bool]:
    """Begin a pause by the current actor, or change the open one of this kind.

    Return it, and whether it is new. Raises ValidationError on the field.
    """
    draft = Pause(scope=scope, owner=owner, tag=tag, until=until, reason=reason, created_at=now)
    draft.full_clean(validate_unique=False, validate_constraints=False)
    check_until(until, now)
    key = {"scope": scope, "owner": owner, "tag": tag, "ended_at": None}
    values = {"until": until, "reason": reason, "made_by_id": current_actor().user_id}
    with transaction.atomic():
        # Mark a pause that is over as ended, as only one of a kind may be open.
        Pause.objects.filter(**key, until__lte=now).update(ended_at=F("until"))
        if owner is not None and not Pause.objects.filter(**key).exists():
            for check in new_pause_checks:
                check(owner.pk)
        return Pause.objects.update_or_create(
            **key, defaults=values, create_defaults={**values, "created_at": now}
        )


def end(scope: str, now: datetime, *, owner: Any = None, tag: str = "") -> int:
    """End the open pause of this kind; return 1, or 0 if there is none."""
    active = Pause.objects.active(now).filter(scope=scope, owner=owner, tag=tag)
    return active.update(ended_at=now)


def check_until(until: datetime | None, now: datetime) -> None:
    """Raise ValidationError unless a pause may end then. None, an open end, is valid."""
    if until is not None and not now < until <= now + MAX_PAUSE:
        message = f"Give a time in the future, at most {MAX_PAUSE.days} days ahead."
        raise ValidationError({"until": message})


def delete_ended(before: datetime, batch: int) -> int:
    """Delete up to `batch` pauses that ended before `before`; return how many."""
    old = Q(ended_at__lt=before) | Q(ended_at=None, until__lt=before)
    ids = Pause.objects.filter(old).order_by("pk").values("pk")[:batch]
    return Pause.objects.filter(pk__in=ids).delete()[0]
