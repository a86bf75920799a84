"""Users, their profile and quiet hours."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower

from accounts import email_addresses, email_verification, quiet_hours
from accounts.models.idempotency_key import IdempotencyKey  # noqa: F401  Django finds models here
from accounts.models.pause import Pause  # noqa: F401
from accounts.timezones import zone

# Fields whose changes `edit_followers` record, from all faces.
WATCHED_FIELDS = (
    "username",
    "email",
    "password",
    "first_name",
    "last_name",
    "timezone",
    "is_active",
    "is_staff",
    "is_superuser",
    "closed_at",
)

# Id of FOAM's own user, its channel and its reminder, the canary. No sequence returns it.
SYSTEM_USER_ID = 0


def validate_timezone(name: str) -> None:
    try:
        zone(name)
    except ValueError as error:
        raise ValidationError(str(error), code="timezone") from error


class UserManager(DjangoUserManager["User"]):
    # Not in migrations, whose models have no e-mail verification.
    use_in_migrations = False

    @transaction.atomic
    def create_user(self, *args: Any, **fields: Any) -> "User":
        """Create a user with a verified address. People who sign up go through allauth instead."""
        user = super().create_user(*args, **fields)
        email_verification.mark_email_verified(user)
        return user

    @transaction.atomic
    def create_superuser(self, *args: Any, **fields: Any) -> "User":
        user = super().create_superuser(*args, **fields)
        user.clean_new_email("")
        email_verification.mark_email_verified(user)
        return user


class User(AbstractUser):
    username = models.CharField(
        max_length=50,
        unique=True,
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": "A user with that username already exists."},
    )
    email = models.EmailField("e-mail address", max_length=254)
    timezone = models.CharField(
        "time zone",
        max_length=64,
        default="UTC",
        validators=[validate_timezone],
        help_text="IANA name, such as Europe/Berlin. New reminders start in this zone.",
    )
    quiet_from = models.TimeField(
        null=True,
        blank=True,
        help_text="From this time on messages wait. Urgent ones come through.",
    )
    quiet_until = models.TimeField(
        null=True, blank=True, help_text="May be the next morning, such as 22:00 to 07:00."
    )
    quiet_weekends = models.BooleanField(
        default=False,
        db_default=False,
        help_text="All of Saturday and Sunday are quiet as well.",
    )
    # A closed account keeps its row, without personal data: see `closing`.
    closed_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    # How a new password is set, before it is saved: by a code in a mail; with tokens that stay.
    is_password_reset = False
    keeps_tokens = False

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_unique_any_case",
                violation_error_message="A user with that e-mail address already exists.",
            ),
            # `clean` checks the same, with an error for each field.
            models.CheckConstraint(
                condition=models.Q(quiet_from=None, quiet_until=None)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False)
                & ~models.Q(quiet_from=models.F("quiet_until")),
                name="accounts_user_quiet_hours_whole",
                violation_error_message="Quiet hours begin and end, at different times.",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at=None) | models.Q(is_active=False),
                name="accounts_user_closed_is_inactive",
                violation_error_message="A closed account cannot be opened again.",
            ),
        ]
        indexes = [
            # The query of hold rules for users with quiet hours.
            models.Index(
                fields=["id"],
                condition=models.Q(quiet_from__isnull=False) | models.Q(quiet_weekends=True),
                name="accounts_user_quiet",
            ),
        ]

    @property
    def switched_off_text(self) -> str:
        """Return a sentence if the account is switched off, which pauses it; else ""."""
        is_off = not self.is_active and self.closed_at is None and self.pk != SYSTEM_USER_ID
        return f"The account of {self.username} is switched off." if is_off else ""

    def clean_new_email(self, stored: str) -> None:
        """Check and normalise a new address. The `stored` one is left as it is."""
        if self.email and self.email != stored:
            try:
                self.email = email_addresses.clean_email(self.email)
            except email_addresses.BadAddress as error:
                raise ValidationError({"email": str(error)}) from error

    def clean(self) -> None:
        super().clean()
        stored = User.objects.filter(pk=self.pk).values_list("email", flat=True).first()
        self.clean_new_email(stored or "")
        if problem := quiet_hours.problem(self.quiet_from, self.quiet_until):
            field, message = problem
            raise ValidationError({field: message})

    def save(self, *args: Any, **fields: Any) -> None:
        """Save the user, and have changes of WATCHED_FIELDS recorded, from all faces."""
        update_fields = fields.get("update_fields")
        if update_fields is not None and not set(update_fields) & set(WATCHED_FIELDS):
            return super().save(*args, **fields)
        # Django saves a better hash of the same password so, after a sign-in.
        is_rehash = (
            list(update_fields or ()) == ["password"] and getattr(self, "_password", None) is None
        )
        with transaction.atomic():
            rows = User.objects.filter(pk=self.pk) if self.pk is not None else User.objects.none()
            stored = rows.values(*WATCHED_FIELDS).first()
            super().save(*args, **fields)
            has_new_password = bool(stored) and stored["password"] != self.password
            for follow in edit_followers:
                follow(self, stored, has_new_password and not is_rehash)

    @transaction.atomic
    def store(self, now: datetime) -> None:
        """Check and save the user, and call the handlers of other apps."""
        self.clean()
        self.validate_constraints()
        self.save()
        for follow in followers:
            follow(self, now)


# Called when a user has been stored, in the same transaction: see foam.hooks.
followers: list[Callable[[User, datetime], None]] = []
# Called by each save of WATCHED_FIELDS with the stored row, which is None for a new user, and
# whether the password is another.
edit_followers: list[Callable[[User, Mapping[str, Any] | None, bool], None]] = []
