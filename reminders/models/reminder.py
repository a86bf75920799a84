"""The reminder: its columns, and how it is stored, paused, skipped, deleted and restored."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import Q

from accounts.models.duration_fields import DurationRange
from accounts.models.pause import check_until
from accounts.models.user import validate_timezone
from accounts.timezones import zone_or_utc
from notifications.models import Channel
from reminders.models import last_loss, transitions
from reminders.models.change import Change, diff_of_edit, note
from reminders.models.errors import (
    EXTERNAL_ID_CONSTRAINT,
    EXTERNAL_ID_TAKEN,
    EditConflict,
    ExternalIdTaken,
    is_external_id_taken,
)
from reminders.models.fields import (
    MAX_GRACE,
    LeadField,
    LeadsField,
    WallClockField,
    choices,
    no_leads,
    wait_validators,
)
from reminders.models.last_loss import LastLoss
from reminders.models.occurrence import SKIPPED, Occurrence
from reminders.models.plan import own_plan
from reminders.models.reminder_plan import ReminderPlan
from reminders.models.reminder_queryset import NewReminder, ReminderManager
from reminders.models.reminder_quotas import count_messages, grow_quotas
from reminders.models.reminder_validation import ReminderValidation
from reminders.recurrence import Fold, Gap, Schedule
from reminders.schedule.imported_state import ImportedState
from reminders.schedule.message import BODY_LENGTH, TITLE_LENGTH
from reminders.schedule.misfire import Misfire, Missed


class Reminder(ReminderPlan, ReminderValidation):
    """A text to send to channels of its owner, by a schedule.

    `starts_at`, `exdates` and `rdates` are local times in `timezone`; instants are computed from
    them, and stand in its plan. A firing writes the plan alone; only an edit writes this row.
    """

    # The fields that decide when a reminder is due: after a change of these it is replanned.
    SCHEDULE = Schedule.FIELDS
    # The fields that may contain placeholders.
    WORDS = ("title", "body")
    # PROTECT: the ledger counts the occurrences of a reminder, so its owner must stay. The index is
    # below.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="reminders", db_index=False
    )
    title = models.CharField(
        max_length=TITLE_LENGTH,
        help_text="May have placeholders, as may the body: {due}, {due_date}, {due_time}, {lead}, "
        "{number}.",
    )
    body = models.TextField(blank=True, max_length=BODY_LENGTH)
    starts_at = WallClockField(help_text="Wall-clock time in the time zone below.")
    timezone = models.CharField(max_length=64, validators=[validate_timezone])
    recurrence = models.CharField(
        max_length=500,
        blank=True,
        help_text="How often? Leave empty for once, or write an RFC 5545 rule such as "
        "FREQ=WEEKLY;BYDAY=MO, or 5-field cron.",
    )
    exdates = ArrayField(WallClockField(), default=list, blank=True, size=500)
    rdates = ArrayField(WallClockField(), default=list, blank=True, size=500)
    gap = models.CharField(max_length=8, choices=choices(Gap), default=Gap.AFTER.value)
    fold = models.CharField(max_length=8, choices=choices(Fold), default=Fold.FIRST.value)
    leads = LeadsField(LeadField(), default=no_leads, size=10)
    misfire = models.CharField(max_length=8, choices=choices(Misfire), default=Misfire.LATEST.value)
    grace = models.DurationField(
        default=timedelta(minutes=5), validators=[DurationRange(timedelta(0), MAX_GRACE)]
    )
    channels = models.ManyToManyField(Channel, related_name="reminders", blank=True)
    nag_every = models.DurationField(
        null=True,
        blank=True,
        validators=wait_validators(),
        help_text="Say it again after this long, until it is acknowledged.",
    )
    nag_max = models.SmallIntegerField(
        default=3,
        db_default=3,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="How often to say it again, at most.",
    )
    escalate_after = models.DurationField(
        null=True,
        blank=True,
        validators=wait_validators(),
        help_text="After this long without an answer, tell the channels below once.",
    )
    escalate_channels = models.ManyToManyField(Channel, related_name="escalations", blank=True)
    urgent = models.BooleanField(
        default=False, db_default=False, help_text="Is not held back by quiet hours."
    )
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True, size=20)
    # An upper bound, for the quota of its owner: see quota_cost.
    daily_messages = models.IntegerField(default=0, db_default=0, editable=False)
    # Null without an id: the unique constraint must not compare empty ones.
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # A deleted reminder keeps its row: the ledger counts its occurrences.
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = ReminderManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "external_id"],
                condition=Q(deleted_at=None, external_id__isnull=False),
                name=EXTERNAL_ID_CONSTRAINT,
                violation_error_message=EXTERNAL_ID_TAKEN,
            ),
        ]
        indexes = [
            # The API's list, by owner and in the order of its cursor.
            models.Index(fields=["owner", "-id"], name="reminders_reminder_list"),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the reminder and its plan; with `update_fields` those columns alone."""
        if kwargs.get("update_fields") is not None:
            super().save(*args, **kwargs)
            return
        is_new = self._state.adding
        plan = own_plan(self)
        with transaction.atomic():
            super().save(*args, **kwargs)
            plan.reminder_id, plan.owner_id = self.pk, self.owner_id
            plan.save(force_insert=is_new)

    @property
    def last_loss(self) -> LastLoss | None:
        """The last message, if it did not arrive; None without `with_last_loss`."""
        return LastLoss.of(self.__dict__.get(last_loss.NAME))

    @property
    def is_deliverable(self) -> bool:
        """Whether at least one of its channels can receive messages."""
        return any(channel.is_usable for channel in self.channels.all())

    def unusable_channels(self) -> list[Channel]:
        """Return its channels that cannot send at present, by id."""
        channels = sorted(self.channels.all(), key=lambda channel: channel.pk)
        return [channel for channel in channels if channel.refusal]

    @property
    def clock(self) -> str:
        """The time zone in which staff see its times."""
        return zone_or_utc(self.timezone)

    @property
    def recipient_timezone(self) -> str | None:
        return self.owner.timezone if self.owner_id else None

    def store(
        self,
        now: datetime,
        channels: Iterable[Channel] | None = None,
        escalate_channels: Iterable[Channel] | None = None,
        imported: ImportedState | None = None,
    ) -> None:
        """Check, plan and save a new or edited reminder, for API, admin and commands alike.

        `channels` replaces the channels; None keeps them, and gives a new reminder its owner's
        inbox. A new reminder with an `imported` state gets that state, and needs no future.

        Raises ValidationError by field, and EditConflict if the row was edited since it was read.
        """
        channels = None if channels is None else list(channels)
        escalation = None if escalate_channels is None else list(escalate_channels)
        if not self._state.adding:
            self._store_edit(now, channels, escalation)
            return
        new = NewReminder(self, channels, escalation, imported)
        for error in Reminder.objects.store_new([new], now).values():
            raise error

    @transaction.atomic
    def _store_edit(
        self, now: datetime, channels: list[Channel] | None, escalation: list[Channel] | None
    ) -> None:
        """Store an edit.

        1. Validate.
        2. Merge the edit into the stored row, which the tick may have changed, and record it.
        3. Save, and replace the channels.
        """
        self.validate(channels, escalation)
        self._merge_into_stored(now, {"channels": channels, "escalate_channels": escalation})
        self._save_unique()
        if channels is not None:
            self.channels.set(channels)
        if escalation is not None:
            self.escalate_channels.set(escalation)
        self._check_escalation(self.escalate_channels.exists)

    def validate_new(
        self,
        now: datetime,
        channels: Iterable[Channel] | None,
        escalate_channels: Iterable[Channel] | None,
        imported: ImportedState | None = None,
    ) -> None:
        """Validate a reminder that is not stored yet, and plan it."""
        self.validate(channels, escalate_channels)
        self._check_title()
        self._check_escalation(lambda: bool(escalate_channels))
        count_messages(self, len(list(channels or ())) + len(list(escalate_channels or ())))
        if imported is None:
            self.plan_or_refuse(now)
        else:
            self._apply_imported_state(imported, now)

    def _save_unique(self) -> None:
        """Save; raise ExternalIdTaken if another reminder of the owner has the external_id.

        PostgreSQL refuses it if another request stores the same id after the check.
        """
        same_owner = Reminder.objects.owned_by(self.owner_id).exclude(pk=self.pk)
        if self.external_id and same_owner.filter(external_id=self.external_id).exists():
            raise ExternalIdTaken
        try:
            self.save()
        except IntegrityError as error:
            raise (ExternalIdTaken() if is_external_id_taken(error) else error) from error

    def skip_instants(self, dues: Iterable[datetime], now: datetime) -> None:
        """Record future due instants as skipped, and plan past them."""
        for due_at in sorted(dues):
            if self.next_due_at == due_at:
                self.skip(now)
            elif due_at > now:
                fires = self.fires_of(due_at)
                ahead = [fire for fire in fires if fire.fire_at > now] or [fires[0]]
                skipped = [(self, fire) for fire in ahead]
                transitions.record(skipped, Occurrence.Status.SKIPPED, SKIPPED, now)

    def _merge_into_stored(self, now: datetime, channels: dict[str, list[Channel] | None]) -> None:
        """Lock the stored row, check its version and record the edit.

        The tick may have fired the reminder since it was read: its plan is taken from the row,
        unless the edit changes the schedule.
        """
        stored = Reminder.objects.not_deleted().locked().filter(pk=self.pk).first()
        if stored is None or stored.version != self.version:
            raise EditConflict
        if self.title != stored.title:
            self._check_title()
        grow_quotas(self, stored, channels)
        self.version += 1
        if diff := diff_of_edit(stored, self, channels):
            note(stored, Change.Verb.EDITED, now, ", ".join(diff), diff)
        if all(getattr(self, name) == getattr(stored, name) for name in self.SCHEDULE):
            self.plan = stored.plan
            return
        transitions.record_missed([stored], now, Missed.EDITED)
        self.plan = stored.plan
        # Leads that have fired by the old schedule do not count for the new one.
        self.fired_due_at = None
        if self.status != self.Status.PAUSED:
            self.plan_or_refuse(now)

    @transaction.atomic
    def pause(self, now: datetime, until: datetime | None = None) -> None:
        """Pause until then, or until resumed; ValidationError names `until`.

        A paused reminder gets the new end; a finished one stays finished. Nags and escalations of
        its occurrences end; snoozed occurrences wait for the resume.
        """
        check_until(until, now)
        self._lock()
        transitions.pause([self], now, until)

    @transaction.atomic
    def resume(self, now: datetime) -> None:
        """Resume with the first occurrence after `now`; those in the pause do not fire.

        Snoozed occurrences are sent again: the owner has asked for them. If `paused_until` is past,
        the pause ended then, and occurrences since then fire.
        """
        self._lock()
        transitions.resume([self], now)

    @transaction.atomic
    def close(self, now: datetime) -> None:
        """Delete for the owner: cancel queued deliveries, fire nothing more, and keep the row."""
        self._lock()
        transitions.close([self], now)

    def restore(self, now: datetime) -> None:
        """Undelete the reminder and plan it from `now` on.

        Does nothing if it is not deleted. Raises ValidationError if the owner's account is closed,
        or another reminder has the external_id.
        """
        try:
            with transaction.atomic():
                self._lock()
                if self.deleted_at and self.owner.closed_at:
                    raise ValidationError("The account of its owner is closed.")
                transitions.restore([self], now)
        except IntegrityError as error:
            raise (ExternalIdTaken() if is_external_id_taken(error) else error) from error

    @transaction.atomic
    def skip(self, now: datetime) -> list[Occurrence]:
        """Record the next due instant as skipped, at all its leads to come, and plan past it.

        Return the skipped occurrences, the earliest fire first; empty if nothing is planned.
        """
        self._lock()
        return transitions.skip([self], now)

    def skipped_ahead(self, now: datetime) -> models.QuerySet[Any, datetime]:
        """Return the future due instants whose alert at the shortest lead was skipped."""
        ahead = self.occurrences.filter(status=Occurrence.Status.SKIPPED, due_at__gt=now)
        return ahead.filter(lead=min(self.leads)).values_list("due_at", flat=True)

    @property
    def follow_up_after(self) -> timedelta | None:
        """The wait between an occurrence and its first follow-up; None without follow-ups."""
        return min(filter(None, [self.nag_every, self.escalate_after]), default=None)

    def _lock(self) -> None:
        self.refresh_from_db(from_queryset=Reminder.objects.locked())
