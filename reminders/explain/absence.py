"""Why nothing is recorded of a fire, and why nothing was due."""

from datetime import timedelta

from accounts.models import Pause
from notifications.explain.delivery import Step
from reminders.engine.pauses import covering_pauses
from reminders.engine.tick import last_tick
from reminders.explain import moment
from reminders.explain.evidence import Evidence, expects, readable
from reminders.explain.moment import ExplainedTime
from reminders.explain.verdicts import FireVerdict, Verdict
from reminders.models import Backlog, Change, OccurrenceTally, Plan, Reminder
from reminders.models import change as history
from reminders.models.change import first_line
from reminders.recurrence import Fire
from reminders.schedule.message import format_duration

# A tick writes its heartbeat every few seconds.
STALE = timedelta(seconds=30)
# Of the reminders whose turn in a backlog comes before, more are not counted.
MANY = 10_000

Reason = tuple[Verdict, str, list[Step]]


class Absence(Evidence):
    """Verdicts on fires that are not recorded."""

    def _judge_unrecorded(self, fire: Fire) -> FireVerdict:
        """Explain why nothing is recorded of a fire that its schedule has, or had."""
        verdict, reason, steps = self._reason_of_absence(fire)
        steps = [self._due_step(fire), Step(verdict, 2, reason, fire.fire_at), *steps]
        return FireVerdict(verdict, self._name_of(fire), reason, steps)

    def _reason_of_absence(self, fire: Fire) -> Reason:
        planned = self.reminder.planned
        is_ahead = planned is not None and planned.order <= fire.order
        if is_ahead and (planned == fire or expects(self._reminder_at(fire.fire_at), fire)):
            return self._upcoming(fire) if fire.fire_at > self.now else self._overdue(fire)
        if prevented := self._prevention(fire):
            return *prevented, []
        if fire.fire_at > self.now:
            return Verdict.NOT_DUE, "it is not planned: what comes next is later", []
        # What was recorded of that day, or of a later one, has been removed.
        if OccurrenceTally.objects.filter(day__gte=fire.fire_at.date(), pruned__gt=0).exists():
            return Verdict.NOT_KEPT, "what was recorded of that day is kept no longer", []
        reason = (
            "IT IS LOST: the reminder was active, it should have fired, and nothing is recorded"
        )
        return Verdict.LOST, reason, []

    def _prevention(self, fire: Fire) -> tuple[Verdict, str] | None:
        """Return what kept a reminder from firing at all, if anything did."""
        reminder = self.reminder
        if reminder.created_at > fire.fire_at:
            when = self._format(reminder.created_at)
            return Verdict.NOT_CREATED, f"the reminder was created only on {when}"
        if (deleted_at := history.deleted_at(reminder, fire.fire_at)) is not None:
            when = self._format(deleted_at)
            return Verdict.DELETED, f"the reminder had been deleted, on {when}"
        past = self._reminder_at(fire.fire_at)
        if past.status == Reminder.Status.PAUSED:
            is_still = reminder.status == Reminder.Status.PAUSED and fire.fire_at > self.now
            if is_still and reminder.paused_until and fire.fire_at >= reminder.paused_until:
                when = self._format(reminder.paused_until)
                return Verdict.UPCOMING, f"the reminder is paused until {when}, and goes on then"
            verb = "is" if is_still else "was"
            return Verdict.PAUSED, f"the reminder {verb} paused{self._own_pause_text(fire.fire_at)}"
        if not expects(past, fire):
            return Verdict.NOT_DUE, f"its schedule had been changed: it was {past.schedule_text}"
        return None

    def _upcoming(self, fire: Fire) -> Reason:
        """Explain what will become of a fire that is planned, or comes after the planned one."""
        reminder = self.reminder
        reason = f"it will fire in {format_duration(fire.fire_at - self.now)}"
        if reminder.error:
            reason = f"it may not fire, for the reminder is set aside: {first_line(reminder.error)}"
        else:
            pauses = covering_pauses(reminder, self.now)
            pauses = [p for p in pauses if p.owner_id and p.is_active(fire.fire_at)]
            if steps := list(map(self._pause_step, pauses)):
                texts = "; ".join(step.text for step in steps)
                return Verdict.PAUSED, f"it will not fire: {texts}", steps
        unreached, steps = self._unreached()
        return Verdict.UPCOMING, f"{reason}{unreached}", steps

    def _unreached(self) -> tuple[str, list[Step]]:
        """Return the channels that the next message will not reach, as a text and as steps."""
        refused = self.reminder.unusable_channels()
        if not refused:
            return "", []
        whom = "any" if len(refused) == self.reminder.channels.count() else "every"
        texts = "; ".join(f"{channel}: {channel.refusal.rstrip('.')}" for channel in refused)
        steps = [
            Step("channel", 3, f"not to {channel}: {channel.refusal}", None, {"id": channel.pk})
            for channel in refused
        ]
        return f". It will not reach {whom} channel. {texts}", steps

    def _overdue(self, fire: Fire) -> Reason:
        """Explain why a fire whose time has come has not fired yet."""
        reminder, tick = self.reminder, last_tick()
        steps = [Step("tick", 3, "a tick last ran" if tick else "no tick has ever run", tick)]
        if pause := Pause.objects.everything(self.now):
            steps = [self._pause_step(pause)]
            cause = f": {steps[0].text}; its misfire policy decides then"
        elif reminder.error:
            steps.append(Step("next", 3, "it is tried again then", reminder.next_fire_at))
            cause = f", set aside with an error: {first_line(reminder.error)}"
        elif tick is None or self.now - tick > STALE:
            cause = ", and nothing ticks: are the worker and beat running?"
        else:
            cause = f": {self._turn_text()}"
        late = format_duration(self.now - fire.fire_at)
        return Verdict.OVERDUE, f"it is {late} overdue{cause}", steps

    def _turn_text(self) -> str:
        """Say when a reminder that is due has its turn, while ticks run."""
        planned = self.reminder.planned
        backlog = self._backlog_around(planned, self.now) if planned else None
        if planned is None or backlog is None or backlog.ended_at is not None:
            return "ticks run, and one will fire it"
        where = f"in {backlog}, open since {backlog.opened_at:%Y-%m-%d %H:%M:%S} UTC"
        if backlog.decision == Backlog.Decision.HOLD:
            return f"it waits {where}, until somebody decides: held by {backlog.decider}"
        before = Plan.objects.due(planned.fire_at).exclude(pk=self.reminder.pk)
        count = before.order_by("next_fire_at")[: MANY + 1].count()
        ahead = f"more than {MANY:,}" if count > MANY else f"{count:,}"
        return f"it waits for its turn {where}, after {ahead}. {backlog.text}"

    def _judge_nothing_due(self, span: ExplainedTime) -> FireVerdict:
        """Explain why nothing was due then."""
        reminder, verdict = self.reminder, Verdict.NOT_DUE
        steps: list[Step] = []
        past = self._reminder_at(span.begin)
        schedule = readable(past)
        if reminder.created_at >= span.end:
            verdict = Verdict.NOT_CREATED
            reason = f"the reminder was created only on {self._format(reminder.created_at)}"
        elif schedule is None:
            reason = f"nothing is recorded, and its schedule {past.schedule_text}"
        else:
            reason = f"not due: {self._edit_text(span) or moment.why_not(schedule, span)}"
            steps = [Step("nearest", 1, moment.nearest(schedule, span))]
        steps.insert(0, Step(verdict, 1, reason, span.begin))
        return FireVerdict(verdict, span.name(self.timezone), reason, steps)

    def _edit_text(self, span: ExplainedTime) -> str:
        """Say which edit took away the time to explain; "" if none did."""
        edits = self.reminder.changes.filter(verb=Change.Verb.EDITED, at__lt=span.begin)
        last = edits.last()
        schedule = readable(history.before_change(self.reminder, last)) if last else None
        if last is None or schedule is None or not moment.fires_in(schedule, span, 1):
            return ""
        when = self._format(last.at)
        return f"its schedule was changed on {when}; until then it was {schedule.text}"
