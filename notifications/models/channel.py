"""Channels: where a user can be reached."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q

from accounts.audit.actor import current_actor
from accounts.models import SYSTEM_USER_ID
from accounts.one_line import MESSAGE, is_one_line
from notifications import notices
from notifications.encryption import EncryptedTextField
from notifications.models.channel_change import ChannelChange, diff_of_edit, record_change
from notifications.models.channel_queryset import ChannelQuerySet
from notifications.models.delivery import Delivery
from notifications.models.flood import KINDS_WITHOUT_FLOOD_GUARD, flood_limit_of
from notifications.models.verification import NEEDS_NO_PROOF, Verification
from notifications.transports import TRANSPORTS, Transport, transport

# The end of a pause without an end: an instant that can be compared, and never comes.
FOREVER = datetime.fromisoformat("9000-01-01T00:00:00+00:00")
# After a rotation, messages are signed with both secrets of a webhook for this time.
SECRET_OVERLAP = timedelta(hours=24)
SHORTEST_WINDOW, LONGEST_WINDOW = timedelta(minutes=15), timedelta(hours=24)
# The columns of a channel without failures.
NO_FAILURES: dict[str, Any] = {"deaths": 0, "rejection": ""}
NO_FAILURES |= dict.fromkeys(("failing_since", "lost_at", "rejected_at"))


def index_of_set(field: str, name: str) -> models.Index:
    """Return an index of the few channels that have a value in this field."""
    condition = Q((f"{field}__isnull", False))
    return models.Index(fields=[field], condition=condition, name=f"notifications_channel_{name}")


class Channel(models.Model):
    """A place where a user can be reached.

    `address` is an e-mail address, a URL, nothing for the inbox, or the part of an Apprise URL that
    may be shown. `secret` is encrypted at rest: a webhook's key, which is shown once, when it is
    made, or the whole Apprise URL, which is never shown.
    Nothing is sent to a channel until it is verified: see `notifications.channels.verification`.
    """

    class Kind(models.TextChoices):
        """The kinds that users choose from; FOAM's own channel has the kind `null`."""

        INBOX = "inbox", "In-app inbox"
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook"
        APPRISE = "apprise", "Chat, push or SMS (Apprise)"

    # PROTECT: deliveries through a channel stay in the ledger, so its owner stays as well.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="channels")
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=100)
    address = models.CharField(max_length=2048, blank=True)
    secret = EncryptedTextField(blank=True)
    # The secret before the rotation, while both are good.
    previous_secret = EncryptedTextField(null=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    # Null: not verified yet, or a kind that needs no proof (NEEDS_NO_PROOF).
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
    # The deliveries that ended dead since the last accepted one, and when the first was posted.
    deaths = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    # When the first message since the last accepted one was lost; the owner got a notice then.
    lost_at = models.DateTimeField(null=True, editable=False)
    # The last permanent reply about its recipient; `losses` compares it with other channels'.
    rejection = models.CharField(max_length=200, blank=True, db_default="", editable=False)
    rejected_at = models.DateTimeField(null=True, editable=False)
    # Nothing is sent to a receiver that hung until then; `holds` counts the hangs in a row.
    held_until = models.DateTimeField(null=True, editable=False)
    # Begin and end of a pause; the end is FOREVER for a pause that the owner must resume.
    paused_at = models.DateTimeField(null=True, editable=False)
    paused_until = models.DateTimeField(null=True, editable=False)
    holds = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # A deleted channel keeps its row, emptied, so that its deliveries stay in the ledger.
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
            # `clean` reports the next two by field.
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
            # hold_rules.CHANNELS_WITH_RULES: posting to a channel outside it costs nothing.
            models.Index(
                fields=["id"],
                condition=Q(digest_at__isnull=False)
                | Q(digest_every__isnull=False)
                | Q(flood_limit__gt=0)
                | (Q(flood_limit__isnull=True) & ~Q(kind__in=KINDS_WITHOUT_FLOOD_GUARD)),
                name="notifications_channel_special",
            ),
            # foam.monitoring.metrics counts the disabled and the held channels.
            models.Index(
                fields=["id"],
                condition=Q(disabled_at__isnull=False, deleted_at=None),
                name="notifications_channel_disabled",
            ),
            index_of_set("held_until", "held"),
            # losses.is_widespread: the channels rejected lately.
            index_of_set("rejected_at", "rejected"),
            # lease.LEASE_SQL and hold_rules.CHANNELS_WITH_RULES: nearly always empty.
            index_of_set("paused_until", "paused"),
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
        """Whether messages posted to it are sent."""
        return self.deleted_at is None and self.disabled_at is None and self.is_verified

    @property
    def may_reach_private(self) -> bool:
        """Whether it may lead into the private networks that the operator allows."""
        is_for_all = settings.FOAM_PRIVATE_NETWORKS_FOR == "everybody"
        return is_for_all or (self.owner.is_staff and self.owner.is_active)

    @property
    def destination(self) -> str:
        """The text that leads to the receiver; a change of it requires a new verification."""
        return f"{self.address}\n{self.secret if self.transport.secret_leads else ''}"

    def is_held(self, now: datetime) -> bool:
        return self.held_until is not None and self.held_until > now

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > now

    def pause_text(self) -> str:
        """Return until when the channel is paused, for people."""
        assert self.paused_until is not None  # noqa: S101  for the type checker
        if self.paused_until == FOREVER:
            return "paused until somebody resumes it"
        return f"paused until {self.paused_until:%Y-%m-%d %H:%M} UTC"

    @property
    def limit(self) -> int:
        """The number of messages per hour that go out at once; 0 for any number."""
        return flood_limit_of(self.kind, self.flood_limit)

    @property
    def held_reason(self) -> str:
        """The reason why the channel is or was held; empty once its receiver answers."""
        if not self.holds:
            return ""
        times = f", {self.holds} times in a row" if self.holds > 1 else ""
        return f"no answer in time{times}"

    @property
    def refusal(self) -> str:
        """The reason why messages posted to it are cancelled; empty if they are not."""
        if self.deleted_at:
            return "Deleted."
        if self.disabled_at:
            return f"Disabled: {self.disabled_reason}"
        if not self.is_verified:
            return "Not verified yet: nothing is sent this way until it is."
        return ""

    @property
    def unused_reason(self) -> str:
        """Half a sentence: the reason why nothing is sent there; empty if messages are."""
        if self.deleted_at:
            return "its channel is deleted"
        if self.disabled_at:
            return "its channel is disabled"
        if self.owner.switched_off_text:
            return "the account of its owner is switched off"
        return "" if self.is_verified else "its channel is not verified"

    def trouble(self, now: datetime) -> str:
        """Return the reason why nothing is sent there at `now`; empty if messages are."""
        if refusal := self.refusal or self.owner.switched_off_text:
            return refusal
        if self.is_paused(now):
            return f"It is {self.pause_text()}."
        if self.is_held(now):
            return f"Left alone until {self.held_until:%H:%M:%S} UTC: {self.held_reason}"
        return self.transport.unavailable()

    def clean(self) -> None:
        if self.kind not in self.Kind.values:
            raise ValidationError({"kind": f"Choose one of {', '.join(self.Kind.values)}."})
        if self.digest_at is not None and self.digest_every is not None:
            text = "Choose either digest_at or digest_every, and leave the other empty."
            raise ValidationError({"digest_every": text})
        every = self.digest_every
        if every is not None and not SHORTEST_WINDOW <= every <= LONGEST_WINDOW:
            raise ValidationError({"digest_every": "From 15 minutes (PT15M) to 24 hours (P1D)."})
        if self._has_new_destination():
            self.address, self.secret = self.transport.clean(
                self.address, self.secret, may_reach_private=self.may_reach_private
            )

    def _has_new_destination(self) -> bool:
        """Tell whether address or secret are new; stored ones stay valid when the rules change."""
        if self._state.adding:
            return True
        stored = Channel.objects.get(pk=self.pk)
        return (stored.address, stored.secret) != (self.address, self.secret)

    @transaction.atomic
    def store(self, changed: Iterable[str] | None = None) -> None:
        """Check and save a channel; ValidationError names the field.

        1. Validate all fields and constraints.
        2. Insert a new channel and record its creation.
        3. Else lock the stored row and write the `changed` fields only, or all without `changed`,
           so that a concurrent change of another field stays.
        4. Record the edit. A secret set by hand ends the overlap with the previous one.
        5. If the destination has changed, reset verification and failures, and cancel the queue.
        """
        self.clean_fields()
        self.clean()
        self.validate_constraints()
        if self._state.adding:
            self._check_name()
            Channel.objects.check_quotas(self.owner_id)
            self.save()
            record_change(self.pk, ChannelChange.Verb.CREATED, self.created_at)
            return
        editable = {field.name for field in self._meta.concrete_fields if field.editable}
        written = editable - {"id"} if changed is None else editable.intersection(changed)
        leads = {"address", "secret"} if self.transport.secret_leads else {"address"}
        if written & leads:
            # The transport may store a given address as the secret, and the other way round.
            written |= leads
        stored = Channel.objects.select_for_update(no_key=True).get(pk=self.pk)
        if self.name != stored.name:
            self._check_name()
        self.save(update_fields={*written, "updated_at"})
        if diff := diff_of_edit(stored, self, written):
            record_change(
                self.pk, ChannelChange.Verb.EDITED, self.updated_at, ", ".join(diff), diff
            )
        if "secret" in written and self.secret != stored.secret:
            self._write(previous_secret=None, previous_secret_until=None)
        if written & leads and self.destination != stored.destination:
            self._reset_destination()

    def _check_name(self) -> None:
        if not is_one_line(self.name):
            raise ValidationError({"name": ValidationError(MESSAGE, code="invalid")})

    def _reset_destination(self) -> None:
        """Reset the channel for its new receiver, and cancel the queue of the old one."""
        self._write(verified_at=None, holds=0, held_until=None, **NO_FAILURES)
        Verification.objects.filter(channel=self).delete()
        reason = "Channel not verified: its address was changed."
        Delivery.objects.filter(channel=self).cancel(reason, self.updated_at)
        if current_actor().user_id not in (None, self.owner_id):
            self._notify_owner(
                notices.unverified(str(self), self.pk, self.updated_at), self.updated_at
            )

    def _write(self, **values: Any) -> None:
        Channel.objects.filter(pk=self.pk).update(**values)
        for name, value in values.items():
            setattr(self, name, value)

    @transaction.atomic
    def rotate_secret(self, now: datetime) -> None:
        """Make a new secret; the previous one stays good for `SECRET_OVERLAP`."""
        secret = self.transport.make_secret()
        if not secret:
            raise ValidationError({"kind": "FOAM makes no secret for this kind of channel."})
        stored = Channel.objects.select_for_update(no_key=True).get(pk=self.pk)
        self._write(
            secret=secret,
            previous_secret=stored.secret,
            previous_secret_until=now + SECRET_OVERLAP,
        )
        record_change(self.pk, ChannelChange.Verb.SECRET_MADE, now)

    @transaction.atomic
    def disable(self, reason: str, now: datetime) -> None:
        """Stop sending to this channel until its owner enables it, and cancel its queue.

        The owner gets one notice each time: a delivery's reference is unique.
        """
        channels = Channel.objects.filter(pk=self.pk, deleted_at=None)
        is_news = channels.filter(disabled_at=None).update(disabled_at=now, disabled_reason=reason)
        Delivery.objects.filter(channel=self).cancel(f"Channel disabled: {reason}", now)
        self.refresh_from_db()
        if is_news:
            record_change(self.pk, ChannelChange.Verb.DISABLED, now, reason)
        if is_news and self.pk != SYSTEM_USER_ID:
            self._notify_owner(notices.disabled(str(self), self.disabled_reason, self.pk, now), now)

    def _notify_owner(self, notice: notices.Notice, now: datetime) -> None:
        Channel.objects.make_inboxes([self.owner_id])
        notices.post_notices([notice], now)

    @transaction.atomic
    def enable(self) -> None:
        """Enable the channel and reset its failures, also if it was not disabled."""
        disabled = Channel.objects.filter(pk=self.pk, disabled_at__isnull=False)
        if disabled.update(disabled_at=None, disabled_reason=""):
            record_change(self.pk, ChannelChange.Verb.ENABLED)
        self._write(**NO_FAILURES)
        self.refresh_from_db()

    @transaction.atomic
    def close(self, now: datetime) -> None:
        """Delete the channel for its owner: cancel its queue, erase address and secret."""
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
            record_change(self.pk, ChannelChange.Verb.DELETED, now)
        self.refresh_from_db()
