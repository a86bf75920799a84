"""Reminders: what to remind of, and when."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import Prefetch, Q

from accounts.models import FOAM_ID
from accounts.models.duration_fields import DurationRange
from accounts.models.lookups import EqualsAny
from accounts.models.pause import check_until
from accounts.models.user import validate_timezone
from accounts.one_line import MESSAGE, is_one_line
from accounts.timezones import known
from notifications.models import Channel
from notifications.sql import in_index_order
from reminders.models import last_loss, transitions
from reminders.models.change import Change, edited, note
from reminders.models.fields import LeadField, LeadsField, WallClockField
from reminders.models.last_loss import LastLoss
from reminders.models.occurrence import SKIPPED, Occurrence, no_lead
from reminders.recurrence import (
    ON_TIME,
    Fire,
    Fold,
    Gap,
    Lead,
    RecurrenceError,
    Schedule,
    canonical,
)
from reminders.schedule.imported_state import ImportedState
from reminders.schedule.message import BODY_LENGTH, TITLE_LENGTH
from reminders.schedule.misfire import Misfire, Missed, due_until
from reminders.schedule.numbering import Count
from reminders.schedule.placeholders import placeholder_error
from reminders.schedule.wall_times import ResumedSchedule, planned_fire, wall_times

ONE_EXTERNAL_ID = "reminders_reminder_external_id_once_per_owner"
TAKEN = "You already have a reminder with this external_id."
# A week of a rule by the minute; what else is due then has been so for longer than that.
MISSED_AT_ONCE = 10_000
# How long to wait for an answer.
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=30)
# More than the longest lead: what is later than that is of no use to anybody.
LONGEST_GRACE = timedelta(days=366)


def no_leads() -> list[Lead]:
    return [ON_TIME]


def waiting() -> list[Any]:
    """Return what checks a time to wait for an answer."""
    return [DurationRange(SHORTEST, LONGEST)]


def choices(enum: Any) -> list[tuple[str, str]]:
    return [(member.value, member.value) for member in enum]


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def of_users(self) -> Self:
        """All but FOAM's own."""
        return self.exclude(pk=FOAM_ID)

    def kept(self) -> Self:
        return self.filter(deleted_at=None)

    def owned_by(self, user: Any) -> Self:
        return self.kept().filter(EqualsAny("owner_id", getattr(user, "pk", user)))

    def first_rows(self, limit: int, *, is_falling: bool) -> list["Reminder"]:
        """Return an owner's first rows by id, along the index (owner, -id)."""
        order = ("owner_id", "-pk") if is_falling else ("-owner_id", "pk")
        with in_index_order():
            return list(self.order_by(*order)[:limit])

    def with_channels(self) -> Self:
        """With what is told of their channels: not their secrets, which would be deciphered."""
        told = Channel.objects.only("kind", "verified_at", "deleted_at", "disabled_at")
        return self.prefetch_related(
            Prefetch("channels", told), Prefetch("escalate_channels", told)
        )

    def with_last_loss(self) -> Self:
        """With the message that did not arrive, where that is true of their last one."""
        return self.annotate(**{last_loss.NAME: last_loss.expression()})

    def due(self, now: datetime) -> Self:
        """Those to fire, however late: level, not window."""
        return self.filter(status=Reminder.Status.ACTIVE, next_fire_at__lte=now)


class Reminder(models.Model):
    """What to remind of, whom, on which channels, and when.

    `starts_at`, `exdates` and `rdates` are wall-clock times in `timezone`; instants are derived.
    `next_fire_at` is when the tick picks the reminder up: `next_due_at` less `next_lead`, or later
    when an error has set it aside.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"  # has a next fire
        PAUSED = "paused"  # fires nothing until it is resumed
        FINISHED = "finished"  # has no further occurrence, or is deleted

    # What decides when a reminder is due: after a change of these it is planned anew.
    SCHEDULE = (
        "starts_at",
        "timezone",
        "recurrence",
        "exdates",
        "rdates",
        "gap",
        "fold",
        "leads",
    )
    # What may hold placeholders.
    WORDS = ("title", "body")
    # What planning sets.
    PLAN = (
        "status",
        "next_fire_at",
        "next_due_at",
        "next_lead",
        "next_walls",
        "missed_count",
        "error",
    )

    # PROTECT: what a reminder fired stays accounted for, so its owner stays too. Indexed below.
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
        default=timedelta(minutes=5), validators=[DurationRange(timedelta(0), LONGEST_GRACE)]
    )
    channels = models.ManyToManyField(Channel, related_name="reminders", blank=True)
    nag_every = models.DurationField(
        null=True,
        blank=True,
        validators=waiting(),
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
        validators=waiting(),
        help_text="After this long without an answer, tell the channels below once.",
    )
    escalate_channels = models.ManyToManyField(Channel, related_name="escalations", blank=True)
    urgent = models.BooleanField(
        default=False, db_default=False, help_text="Is not held back by quiet hours."
    )
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True, size=20)
    # Null where there is none: only what was given has to be unique.
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    # When the tick resumes one that is paused; null for one that somebody has to resume.
    paused_until = models.DateTimeField(null=True, editable=False)
    next_fire_at = models.DateTimeField(null=True, editable=False)
    next_due_at = models.DateTimeField(null=True, editable=False)
    next_lead = LeadField(default=no_lead, editable=False)
    # The plan on the wall clock, which finds it again when tz rules change: see place.py.
    next_walls = ArrayField(WallClockField(), null=True, blank=True, editable=False)
    # Since the last one that fired; told in the message that ends a run of misses.
    missed_count = models.PositiveIntegerField(default=0, editable=False)
    # Due instants that have fired, and the newest of them: see count.py.
    fired_count = models.IntegerField(default=0, db_default=0, editable=False)
    fired_due_at = models.DateTimeField(null=True, editable=False)
    # Why the tick set this aside; empty when all is well.
    error = models.TextField(blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # A deleted reminder keeps its row, so that what it fired stays accounted for.
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = ReminderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="active", next_fire_at__isnull=False, next_due_at__isnull=False)
                | Q(
                    status__in=["paused", "finished"],
                    next_fire_at__isnull=True,
                    next_due_at__isnull=True,
                ),
                name="reminders_reminder_active_has_next",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(status="finished"),
                name="reminders_reminder_deleted_is_finished",
            ),
            models.UniqueConstraint(
                fields=["owner", "external_id"],
                condition=Q(deleted_at=None, external_id__isnull=False),
                name=ONE_EXTERNAL_ID,
                violation_error_message=TAKEN,
            ),
        ]
        indexes = [
            # Each index here is written once more whenever a reminder fires: no more than needed.
            # firing.claim: the due ones, oldest first. The only index that the tick reads.
            models.Index(
                fields=["next_fire_at"],
                condition=Q(status="active"),
                name="reminders_reminder_due",
            ),
            # The API's list, by owner and in the order of its cursor.
            models.Index(fields=["owner", "-id"], name="reminders_reminder_list"),
            # dispatch.LOOK: nothing, as a rule.
            models.Index(
                fields=["paused_until"],
                condition=Q(status="paused", paused_until__isnull=False),
                name="reminders_reminder_resume",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def last_loss(self) -> LastLoss | None:
        """The last message, if it did not arrive; None also where that was not read with it."""
        return LastLoss.of(self.__dict__.get(last_loss.NAME))

    @property
    def is_deliverable(self) -> bool:
        """Whether one of its channels takes messages."""
        return any(channel.is_usable for channel in self.channels.all())

    def refusing(self) -> list[Channel]:
        """Return those of its channels, by id, that nothing would go out by as they stand."""
        channels = sorted(self.channels.all(), key=lambda each: each.pk)
        return [each for each in channels if each.refusal]

    @property
    def schedule(self) -> Schedule:
        return Schedule(**{name: getattr(self, name) for name in self.SCHEDULE})

    @property
    def planned(self) -> Fire | None:
        """What fires next."""
        if self.next_due_at is None:
            return None
        try:
            return planned_fire(self.schedule, self)
        except RecurrenceError:
            return self.fire_of(self.next_due_at, self.next_lead)

    def fire_of(self, due_at: datetime, lead: Lead) -> Fire:
        """Return when a lead fires; where the schedule cannot be read, by days of 24 hours."""
        try:
            return self.schedule.fire(due_at, lead)
        except RecurrenceError:
            return Fire(due_at - lead.nominal, due_at, lead)

    def fires_of(self, due_at: datetime) -> list[Fire]:
        """Return the fires of one due instant, the shortest lead first."""
        schedule = self.schedule
        return [schedule.fire(due_at, lead) for lead in schedule.leads]

    @property
    def count(self) -> Count:
        return Count(self.fired_count, self.fired_due_at)

    @property
    def schedule_text(self) -> str:
        """The schedule in words; a row that cannot be read says so where it is shown."""
        try:
            return self.schedule.text
        except RecurrenceError as error:
            return f"cannot be read: {error.message}"

    @property
    def clock(self) -> str:
        """The zone in which its times are told to staff."""
        return known(self.timezone)

    @property
    def recipient_timezone(self) -> str | None:
        return self.owner.timezone if self.owner_id else None

    def clean(self) -> None:
        """Bring the schedule into its canonical form; ValidationError names the field at fault."""
        self._check_words()
        self.external_id = self.external_id or None
        try:
            self.recurrence = canonical(self.recurrence)
            self.leads = sorted({Lead.of(lead) for lead in self.leads})
            Schedule.validate(**{name: getattr(self, name) for name in self.SCHEDULE})
        except RecurrenceError as error:
            raise ValidationError({error.field: error.message}) from error

    def _check_words(self) -> None:
        problems = {name: placeholder_error(getattr(self, name)) for name in self.WORDS}
        if any(problems.values()):
            raise ValidationError({name: text for name, text in problems.items() if text})

    def _check_title(self) -> None:
        """Raise ValidationError for a title that a mail's subject or a list cannot show.

        Only a new one is checked: a title from before this rule hinders no other edit.
        """
        if not is_one_line(self.title):
            raise ValidationError({"title": ValidationError(MESSAGE, code="invalid")})

    @transaction.atomic
    def store(
        self,
        now: datetime,
        channels: Iterable[Channel] | None = None,
        escalate_channels: Iterable[Channel] | None = None,
        arrival: ImportedState | None = None,
    ) -> None:
        """Check, plan and save a new or edited reminder: the one way in, whatever the face.

        `channels` replaces the present ones; None leaves them, and gives a new reminder its owner's
        inbox. So does `escalate_channels`, of which there may be none. A new one with an `arrival`
        was elsewhere before: it need not have a future. Raises ValidationError by field, and
        EditConflict when the row was edited since it was read.
        """
        channels = None if channels is None else list(channels)
        further = None if escalate_channels is None else list(escalate_channels)
        is_new = self._state.adding
        if is_new:
            self.validate_new(now, channels, further, arrival)
            channels = channels or [Channel.objects.inbox_of(self.owner)]
        else:
            self.validate(channels, further)
            self._take_over(now, {"channels": channels, "escalate_channels": further})
        self._save_unique()
        if is_new:
            note(self, Change.Verb.CREATED, now)
        if channels is not None:
            self.channels.set(channels)
        if further is not None:
            self.escalate_channels.set(further)
        self._check_escalation(self.escalate_channels.exists)
        if is_new and arrival:
            self.let_pass(arrival.skipped, now)

    def validate(
        self, channels: Iterable[Channel] | None, escalate_channels: Iterable[Channel] | None
    ) -> None:
        """Raise ValidationError unless this can be stored, as far as it tells by itself."""
        self.clean_fields(exclude=["owner"])
        self.clean()
        if channels is not None:
            self.check_channels(channels)
        if escalate_channels is not None:
            self._check_owned(escalate_channels, "escalate_channels")

    def validate_new(
        self,
        now: datetime,
        channels: Iterable[Channel] | None,
        escalate_channels: Iterable[Channel] | None,
        arrival: ImportedState | None = None,
    ) -> None:
        """As `validate`, for one that is not stored yet; and plan it."""
        self.validate(channels, escalate_channels)
        self._check_title()
        self._check_escalation(lambda: bool(escalate_channels))
        if arrival is None:
            self.plan_or_refuse(now)
        else:
            self._arrive(arrival, now)

    def _check_escalation(self, has_channels: Callable[[], bool]) -> None:
        if self.escalate_after is not None and not has_channels():
            message = "Choose at least one channel to tell when there is no answer."
            raise ValidationError({"escalate_channels": message})

    def _arrive(self, arrival: ImportedState, now: datetime) -> None:
        self.fired_count, self.fired_due_at = arrival.fired
        is_over = arrival.paused_until is not None and arrival.paused_until <= now
        if arrival.status == self.Status.ACTIVE or is_over:
            self.plan(now)
        else:
            self.expect(None)
            self.status = self.Status(arrival.status)
            self.paused_until = arrival.paused_until

    def _save_unique(self) -> None:
        """Save; ExternalIdTaken where another has the external_id, however late it came."""
        others = Reminder.objects.owned_by(self.owner_id).exclude(pk=self.pk)
        if self.external_id and others.filter(external_id=self.external_id).exists():
            raise ExternalIdTaken
        try:
            self.save()
        except IntegrityError as error:
            raise (ExternalIdTaken() if is_taken(error) else error) from error

    def let_pass(self, dues: Iterable[datetime], now: datetime) -> None:
        """Skip instants to come, whether or not one of them is planned next."""
        for due_at in sorted(dues):
            if self.next_due_at == due_at:
                self.skip(now)
            elif due_at > now:
                fires = self.fires_of(due_at)
                ahead = [fire for fire in fires if fire.fire_at > now] or [fires[0]]
                skipped = [(self, fire) for fire in ahead]
                transitions.record(skipped, Occurrence.Status.SKIPPED, SKIPPED, now)

    def _take_over(self, now: datetime, channels: dict[str, list[Channel] | None]) -> None:
        """Put this edit in place of the stored row, which the tick may have moved meanwhile."""
        stored = Reminder.objects.select_for_update().kept().filter(pk=self.pk).first()
        if stored is None or stored.version != self.version:
            raise EditConflict
        if self.title != stored.title:
            self._check_title()
        self.version += 1
        if diff := edited(stored, self, channels):
            note(stored, Change.Verb.EDITED, now, ", ".join(diff), diff)
        self.fired_count = stored.fired_count
        if all(getattr(self, name) == getattr(stored, name) for name in self.SCHEDULE):
            self.fired_due_at = stored.fired_due_at
            for name in self.PLAN:
                setattr(self, name, getattr(stored, name))
            return
        # What has fired ahead of time by the old schedule says nothing of the new one.
        self.fired_due_at = None
        transitions.miss_due([stored], now, Missed.EDITED)
        if stored.status != self.Status.PAUSED:
            self.plan_or_refuse(now)

    def plan_or_refuse(self, now: datetime) -> None:
        """Plan, or raise ValidationError where nothing is left to be due after `now`."""
        self.plan(now)
        if self.status == self.Status.FINISHED:
            at_fault = "recurrence" if self.recurrence else "starts_at"
            raise ValidationError({at_fault: "This has no occurrence in the future."})

    def check_channels(self, channels: Iterable[Channel]) -> None:
        """Raise ValidationError unless there is one, and all are the owner's and kept."""
        channels = list(channels)
        if not channels:
            raise ValidationError({"channels": "A reminder needs at least one channel."})
        self._check_owned(channels, "channels")

    def _check_owned(self, channels: Iterable[Channel], field: str) -> None:
        if any(channel.owner_id != self.owner_id or channel.deleted_at for channel in channels):
            raise ValidationError({field: "A reminder can only use its owner's channels."})

    @transaction.atomic
    def pause(self, now: datetime, until: datetime | None = None) -> None:
        """Say nothing until then, or until resumed; ValidationError names `until`.

        What is paused gets another end by it, and what is finished stays so. What nags and
        escalates about what has fired ends; what is snoozed waits for the resume.
        """
        check_until(until, now)
        self._lock()
        transitions.pause([self], now, until)

    @transaction.atomic
    def resume(self, now: datetime) -> None:
        """Go on with the first occurrence after `now`; what fell into the pause does not fire.

        But for what was snoozed until then, which somebody has asked to hear of again. Where the
        pause is over, it ended when it was to end, however late it is now: what is due then fires.
        """
        self._lock()
        transitions.resume([self], now)

    @transaction.atomic
    def close(self, now: datetime) -> None:
        """Delete for the owner: fire nothing more, cancel what is queued, keep the row."""
        self._lock()
        transitions.close([self], now)

    def restore(self, now: datetime) -> None:
        """Take back that it was deleted: it goes on with the first occurrence after `now`.

        Restoring what is not deleted changes nothing. ValidationError says why it stays deleted.
        """
        try:
            with transaction.atomic():
                self._lock()
                if self.deleted_at and self.owner.closed_at:
                    raise ValidationError("The account of its owner is closed.")
                transitions.restore([self], now)
        except IntegrityError as error:
            raise (ExternalIdTaken() if is_taken(error) else error) from error

    @transaction.atomic
    def skip(self, now: datetime) -> list[Occurrence]:
        """Record what is planned next as skipped, at all leads to come, and plan what follows.

        Return what is recorded, the first to speak first; nothing when there is no plan.
        """
        self._lock()
        return transitions.skip([self], now)

    def skipped_ahead(self, now: datetime) -> models.QuerySet[Any, datetime]:
        """Return the due instants to come of which the alert on time was skipped."""
        ahead = self.occurrences.filter(status=Occurrence.Status.SKIPPED, due_at__gt=now)
        return ahead.filter(lead=min(self.leads)).values_list("due_at", flat=True)

    @property
    def follow_up_after(self) -> timedelta | None:
        """How long after something fires it is followed up for the first time, if at all."""
        return min(filter(None, [self.nag_every, self.escalate_after]), default=None)

    def _lock(self) -> None:
        self.refresh_from_db(from_queryset=Reminder.objects.select_for_update())

    def plan(self, now: datetime) -> None:
        """Set what fires next, strictly after `now`; a reminder with nothing left is finished."""
        schedule = self.schedule
        fire = schedule.next_fire(now)
        self.expect(fire)
        self.next_walls = wall_times(schedule, fire) if fire else None

    def expect(self, fire: Fire | None) -> None:
        self.status = self.Status.ACTIVE if fire else self.Status.FINISHED
        self.next_fire_at = fire.fire_at if fire else None
        self.next_due_at = fire.due_at if fire else None
        self.next_lead = fire.lead if fire else ON_TIME
        self.next_walls = None
        self.paused_until = None
        self.error = ""

    def fires_due(self, now: datetime) -> list[Fire]:
        """Return what is planned and due, and what came due after it."""
        # Not by next_fire_at, which lies ahead where an error has set the reminder aside.
        first = self.planned
        if first is None or first.fire_at > now:
            return []
        try:
            resumed = ResumedSchedule(self.schedule, first, self.next_walls)
            return due_until(resumed, first, now, MISSED_AT_ONCE)[0]
        except RecurrenceError:
            return [first]


class ExternalIdTaken(ValidationError):
    """The owner has another reminder with this external_id."""

    def __init__(self) -> None:
        super().__init__({"external_id": ValidationError(TAKEN, code="unique")})


def is_taken(error: Exception) -> bool:
    """Whether the database refused a row because of its external_id."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", "") == ONE_EXTERNAL_ID


class EditConflict(ValidationError):
    """The row was edited by someone else since it was read."""

    def __init__(self) -> None:
        super().__init__("Someone else has changed this meanwhile. Read it again.")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reminder that a report had to leave as it is, and why."""

    reminder_id: int
    title: str
    owner: str
    timezone: str
    error: str

    @classmethod
    def of(cls, reminder: Reminder, error: Exception) -> Self:
        text = f"{type(error).__name__}: {error}"
        return cls(reminder.pk, reminder.title, reminder.owner.username, reminder.timezone, text)
