"""Channels: where a user can be reached."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q

from accounts.audit.actor import current_actor
from accounts.models import SYSTEM_USER_ID
from accounts.one_line import MESSAGE, is_one_line
from notifications import notices
from notifications.encryption import EncryptedTextField
from notifications.models.channel_change import ChannelChange, edited, note
from notifications.models.delivery import Delivery
from notifications.models.flood import Flood  # noqa: F401  Django finds models here
from notifications.models.verification import Verification
from notifications.transports import TRANSPORTS, Transport, transport

# When a pause ends that has no end: a moment that can be compared, and never comes.
FOREVER = datetime.fromisoformat("9000-01-01T00:00:00+00:00")
# For so long both secrets of a webhook are good, once the new one is made.
ROTATION = timedelta(hours=24)
# What leads to nobody but the user, or to nobody at all.
NEEDS_NO_PROOF = ("inbox", "null")
# Kinds without a flood guard unless told otherwise: programs want all of it.
UNGUARDED = ["inbox", "null", "webhook"]
SHORTEST_WINDOW, LONGEST_WINDOW = timedelta(minutes=15), timedelta(hours=24)


# A channel of which no failure is known.
UNFAILED: dict[str, Any] = {
    "deaths": 0,
    "failing_since": None,
    "lost_at": None,
    "rejection": "",
    "rejected_at": None,
}


class ChannelQuerySet(models.QuerySet["Channel"]):
    def exclude_system(self) -> Self:
        """All but FOAM's own."""
        return self.exclude(pk=SYSTEM_USER_ID)

    def owned_by(self, user: Any) -> Self:
        return self.filter(owner=user, deleted_at=None)

    def verified(self) -> Self:
        return self.filter(Q(verified_at__isnull=False) | Q(kind__in=NEEDS_NO_PROOF))

    def inbox_of(self, user: Any) -> "Channel":
        """Return the user's in-app inbox, which needs no setting up and always exists."""
        return self.get_or_create(
            owner=user, kind="inbox", address="", deleted_at=None, defaults={"name": "Inbox"}
        )[0]

    def make_inboxes(self, owner_ids: Collection[int]) -> None:
        """Make the inbox of each of these users that has none yet."""
        inboxes = Channel.objects.filter(kind="inbox", address="", deleted_at=None)
        present = inboxes.filter(owner__in=owner_ids).values_list("owner_id", flat=True)
        absent = sorted(set(owner_ids) - set(present) - {SYSTEM_USER_ID})
        Channel.objects.bulk_create(
            [Channel(owner_id=pk, kind="inbox", name="Inbox") for pk in absent],
            ignore_conflicts=True,
        )


class Channel(models.Model):
    """A place where a user can be reached.

    `address` is what the kind's transport makes of it: an e-mail address, a URL, nothing for the
    inbox, or what may be shown of an Apprise URL. `secret` is encrypted at rest: a key that is
    shown once, when it is made, or such a URL, which is not shown at all.
    Nothing is sent to a channel whose owner has not shown that it is theirs to use: see
    `verification`.
    """

    class Kind(models.TextChoices):
        """What users choose from; `null` is the kind of FOAM's own channel."""

        INBOX = "inbox", "In-app inbox"
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook"
        APPRISE = "apprise", "Chat, push or SMS (Apprise)"

    # PROTECT: what went through a channel stays accounted for, so its owner stays too.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="channels")
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=100)
    address = models.CharField(max_length=2048, blank=True)
    secret = EncryptedTextField(blank=True)
    # The one before, while both are good.
    previous_secret = EncryptedTextField(null=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    # Null: not yet, or never needed (NEEDS_NO_PROOF).
    verified_at = models.DateTimeField(null=True, editable=False)
    at_most_once = models.BooleanField(
        default=False,
        help_text="Rather lose a message than repeat one that may have arrived.",
    )
    digest_at = models.TimeField(
        null=True,
        blank=True,
        help_text="Collect messages and send one digest a day, then, in the owner's time zone.",
    )
    digest_every = models.DurationField(
        null=True,
        blank=True,
        help_text="Collect messages and send a digest so often, from midnight on: 15 min to 24 h.",
    )
    flood_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="At most this many messages an hour; the rest arrive together at the end of the "
        "hour. Empty: the usual limit (none for webhooks and inboxes). 0: no limit.",
    )
    disabled_at = models.DateTimeField(null=True, editable=False)
    disabled_reason = models.TextField(blank=True, editable=False)
    # Deliveries that ended dead since one was last accepted, and when the first of them was posted.
    deaths = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    # When a message to it was first lost since one was last accepted; its owner was told then.
    lost_at = models.DateTimeField(null=True, editable=False)
    # The last permanent reply about its recipient, as `losses` compares it with those of others.
    rejection = models.CharField(max_length=200, blank=True, db_default="", editable=False)
    rejected_at = models.DateTimeField(null=True, editable=False)
    # A receiver that hung is left alone until then; `holds` counts how often in a row.
    held_until = models.DateTimeField(null=True, editable=False)
    # Since when its owner wants silence, and until when: FOREVER where somebody has to resume it.
    paused_at = models.DateTimeField(null=True, editable=False)
    paused_until = models.DateTimeField(null=True, editable=False)
    holds = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # A deleted channel keeps its row, emptied, so that what went through it stays accounted for.
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "kind", "address"],
                condition=Q(deleted_at=None),
                name="notifications_channel_once_per_owner",
                violation_error_message="You already have a channel with this address.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=list(TRANSPORTS)), name="notifications_channel_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(id=SYSTEM_USER_ID, kind="null")
                | (~Q(id=SYSTEM_USER_ID) & ~Q(kind="null")),
                name="notifications_channel_null_is_foams_own",
            ),
            models.CheckConstraint(
                condition=Q(previous_secret__isnull=True, previous_secret_until__isnull=True)
                | Q(previous_secret__isnull=False, previous_secret_until__isnull=False),
                name="notifications_channel_previous_secret_ends",
            ),
            # `clean` says these by field.
            models.CheckConstraint(
                condition=Q(digest_at=None) | Q(digest_every=None),
                name="notifications_channel_one_digest",
                violation_error_message="A digest has a time or a window, not both.",
            ),
            models.CheckConstraint(
                condition=Q(digest_every=None)
                | Q(digest_every__range=(SHORTEST_WINDOW, LONGEST_WINDOW)),
                name="notifications_channel_digest_window",
                violation_error_message="A digest's window is from 15 minutes to 24 hours long.",
            ),
            models.CheckConstraint(
                condition=Q(paused_at=None, paused_until=None)
                | Q(paused_at__isnull=False, paused_until__isnull=False),
                name="notifications_channel_pause_ends",
            ),
        ]
        indexes = [
            # holding.SPECIAL: a channel that is not in it costs nothing when messages are posted.
            models.Index(
                fields=["id"],
                condition=Q(digest_at__isnull=False)
                | Q(digest_every__isnull=False)
                | Q(flood_limit__gt=0)
                | (Q(flood_limit__isnull=True) & ~Q(kind__in=UNGUARDED)),
                name="notifications_channel_special",
            ),
            # foam.metrics: how many are disabled, and how many hung, however many there are.
            models.Index(
                fields=["id"],
                condition=Q(disabled_at__isnull=False, deleted_at=None),
                name="notifications_channel_disabled",
            ),
            models.Index(
                fields=["held_until"],
                condition=Q(held_until__isnull=False),
                name="notifications_channel_held",
            ),
            # losses.is_widespread: those that were refused of late.
            models.Index(
                fields=["rejected_at"],
                condition=Q(rejected_at__isnull=False),
                name="notifications_channel_rejected",
            ),
            # lease.LEASE_SQL and holding.SPECIAL: nothing, as a rule.
            models.Index(
                fields=["paused_until"],
                condition=Q(paused_until__isnull=False),
                name="notifications_channel_paused",
            ),
        ]

    def __str__(self) -> str:
        suffix = "" if self.is_verified else " (not verified yet)"
        return f"{self.get_kind_display()}: {self.name}{suffix}"

    @property
    def transport(self) -> Transport:
        return transport(self.kind)

    @property
    def masked_secret(self) -> str:
        return self.transport.mask(self.secret)

    @property
    def is_verified(self) -> bool:
        return self.verified_at is not None or self.kind in NEEDS_NO_PROOF

    @property
    def is_usable(self) -> bool:
        """Whether what is posted to it is sent."""
        return self.deleted_at is None and self.disabled_at is None and self.is_verified

    @property
    def destination(self) -> str:
        """What leads to the receiver: a change of it makes another channel of this one."""
        return f"{self.address}\n{self.secret if self.transport.secret_leads else ''}"

    def is_held(self, now: datetime) -> bool:
        return self.held_until is not None and self.held_until > now

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > now

    def pause_told(self) -> str:
        """Say until when it is paused."""
        assert self.paused_until is not None
        if self.paused_until == FOREVER:
            return "paused until somebody resumes it"
        return f"paused until {self.paused_until:%Y-%m-%d %H:%M} UTC"

    @property
    def limit(self) -> int:
        """How many messages an hour go out at once; 0 for any number."""
        return limit_of(self.kind, self.flood_limit)

    @property
    def held_reason(self) -> str:
        """Why it is left alone, or was until lately; empty when its receiver answers."""
        if not self.holds:
            return ""
        times = f", {self.holds} times in a row" if self.holds > 1 else ""
        return f"no answer in time{times}"

    @property
    def refusal(self) -> str:
        """Say why what is posted to it is cancelled; empty when it is not."""
        if self.deleted_at:
            return "Deleted."
        if self.disabled_at:
            return f"Disabled: {self.disabled_reason}"
        if not self.is_verified:
            return "Not verified yet: nothing is sent this way until it is."
        return ""

    @property
    def why_unused(self) -> str:
        """Say in half a sentence why nothing goes there; empty where messages do."""
        if self.deleted_at:
            return "its channel is deleted"
        if self.disabled_at:
            return "its channel is disabled"
        if self.owner.switched_off_text:
            return "the account of its owner is switched off"
        return "" if self.is_verified else "its channel is not verified"

    def trouble(self, now: datetime) -> str:
        """Say why nothing is sent this way at present; empty when all is well."""
        if refusal := self.refusal or self.owner.switched_off_text:
            return refusal
        if self.is_paused(now):
            return f"It is {self.pause_told()}."
        if self.is_held(now):
            return f"Left alone until {self.held_until:%H:%M:%S} UTC: {self.held_reason}"
        return self.transport.unavailable()

    def clean(self) -> None:
        if self.kind not in self.Kind.values:
            raise ValidationError({"kind": f"Choose one of {', '.join(self.Kind.values)}."})
        if self.digest_at is not None and self.digest_every is not None:
            why = "Choose either digest_at or digest_every, and leave the other empty."
            raise ValidationError({"digest_every": why})
        every = self.digest_every
        if every is not None and not SHORTEST_WINDOW <= every <= LONGEST_WINDOW:
            raise ValidationError({"digest_every": "From 15 minutes (PT15M) to 24 hours (P1D)."})
        if self._is_led_elsewhere():
            self.address, self.secret = self.transport.clean(self.address, self.secret)

    def _is_led_elsewhere(self) -> bool:
        """Tell whether address or secret are new: what was taken once stays, by whatever rule."""
        if self._state.adding:
            return True
        stored = Channel.objects.get(pk=self.pk)
        return (stored.address, stored.secret) != (self.address, self.secret)

    @transaction.atomic
    def store(self, changed: Iterable[str] | None = None) -> None:
        """Check and save: the one way in, whatever the face. ValidationError names the field.

        With `changed` only these fields are written: what came about meanwhile stays.
        """
        self.clean_fields()
        self.clean()
        self.validate_constraints()
        if self._state.adding:
            self._check_name()
            self.save()
            note(self.pk, ChannelChange.Verb.CREATED, self.created_at)
            return
        editable = {field.name for field in self._meta.concrete_fields if field.editable}
        written = editable - {"id"} if changed is None else editable.intersection(changed)
        leads = {"address", "secret"} if self.transport.secret_leads else {"address"}
        if written & leads:
            # What one was given as, the transport may keep as the other.
            written |= leads
        stored = Channel.objects.select_for_update(no_key=True).get(pk=self.pk)
        if self.name != stored.name:
            self._check_name()
        self.save(update_fields={*written, "updated_at"})
        if diff := edited(stored, self, written):
            note(self.pk, ChannelChange.Verb.EDITED, self.updated_at, ", ".join(diff), diff)
        if "secret" in written and self.secret != stored.secret:
            # One that is set by hand is the only one from now on.
            self._write(previous_secret=None, previous_secret_until=None)
        if written & leads and self.destination != stored.destination:
            self._leads_elsewhere()

    def _check_name(self) -> None:
        if not is_one_line(self.name):
            raise ValidationError({"name": ValidationError(MESSAGE, code="invalid")})

    def _leads_elsewhere(self) -> None:
        """Start anew with a receiver that nobody has heard of: what waits was not meant for it."""
        self._write(verified_at=None, holds=0, held_until=None, **UNFAILED)
        Verification.objects.filter(channel=self).delete()
        reason = "Channel not verified: its address was changed."
        Delivery.objects.filter(channel=self).cancel(reason, self.updated_at)
        if current_actor().user_id not in (None, self.owner_id):
            # Somebody else has changed it, such as staff.
            self._tell_owner(
                notices.unverified(str(self), self.pk, self.updated_at), self.updated_at
            )

    def _write(self, **values: Any) -> None:
        Channel.objects.filter(pk=self.pk).update(**values)
        for name, value in values.items():
            setattr(self, name, value)

    @transaction.atomic
    def rotate_secret(self, now: datetime) -> None:
        """Make a new secret; the one before stays good for ROTATION, beside it."""
        secret = self.transport.make_secret()
        if not secret:
            raise ValidationError({"kind": "FOAM makes no secret for this kind of channel."})
        stored = Channel.objects.select_for_update(no_key=True).get(pk=self.pk)
        self._write(
            secret=secret,
            previous_secret=stored.secret,
            previous_secret_until=now + ROTATION,
        )
        note(self.pk, ChannelChange.Verb.SECRET_MADE, now)

    @transaction.atomic
    def disable(self, reason: str, now: datetime) -> None:
        """Send nothing more through this channel until its owner enables it; say why.

        Its owner is told, once each time, by the constraint on a delivery's cause.
        """
        kept = Channel.objects.filter(pk=self.pk, deleted_at=None)
        is_news = kept.filter(disabled_at=None).update(disabled_at=now, disabled_reason=reason)
        Delivery.objects.filter(channel=self).cancel(f"Channel disabled: {reason}", now)
        self.refresh_from_db()
        if is_news:
            note(self.pk, ChannelChange.Verb.DISABLED, now, reason)
        if is_news and self.pk != SYSTEM_USER_ID:
            self._tell_owner(notices.disabled(str(self), self.disabled_reason, self.pk, now), now)

    def _tell_owner(self, notice: notices.Notice, now: datetime) -> None:
        Channel.objects.make_inboxes([self.owner_id])
        notices.post([notice], now)

    @transaction.atomic
    def enable(self) -> None:
        """Use it again. Enabling what is not disabled changes nothing but its count of failures."""
        disabled = Channel.objects.filter(pk=self.pk, disabled_at__isnull=False)
        if disabled.update(disabled_at=None, disabled_reason=""):
            note(self.pk, ChannelChange.Verb.ENABLED)
        self._write(**UNFAILED)
        self.refresh_from_db()

    @transaction.atomic
    def close(self, now: datetime) -> None:
        """Delete for the owner: cancel what is queued, forget address and secret, keep the row."""
        is_news = Channel.objects.filter(pk=self.pk, deleted_at=None).update(
            deleted_at=now,
            address="",
            secret="",
            previous_secret=None,
            previous_secret_until=None,
        )
        Delivery.objects.filter(channel=self).cancel("Channel deleted.", now)
        if is_news:
            ChannelChange.objects.filter(channel=self).update(diff=None)
            note(self.pk, ChannelChange.Verb.DELETED, now)
        self.refresh_from_db()


def limit_of(kind: str, flood_limit: int | None) -> int:
    if flood_limit is not None:
        return flood_limit
    return 0 if kind in UNGUARDED else settings.FOAM_FLOOD_LIMIT
