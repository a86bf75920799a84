"""Why nothing is recorded of a fire, and why nothing was due."""

from datetime import timedelta

from accounts.models import Pause
from notifications.explain.delivery import Step
from reminders.engine.pauses import covering_pauses
from reminders.engine.tick import last_tick
from reminders.explain import moment
from reminders.explain.evidence import Evidence, expects, readable
from reminders.explain.moment import Span
from reminders.explain.verdicts import (
    MANY,
    Finding,
    Verdict,
    its_turn,
)
from reminders.models import Change, Reminder, Tally
from reminders.models import change as history
from reminders.models.change import first_line
from reminders.recurrence import Fire
from reminders.schedule.message import format_duration

# A tick writes its heartbeat every few seconds.
STALE = timedelta(seconds=30)


class Absence(Evidence):
    """Findings about what is not recorded."""

    def _absent(self, fire: Fire) -> Finding:
        """Explain why nothing is recorded of a fire that its schedule has, or had."""
        verdict, reason, steps = self._why_absent(fire)
        steps = [self._due(fire), Step(verdict, 2, reason, fire.fire_at), *steps]
        return Finding(verdict, self._name(fire), reason, steps)

    def _why_absent(self, fire: Fire) -> tuple[Verdict, str, list[Step]]:
        planned = self.reminder.planned
        is_ahead = planned is not None and planned.order <= fire.order
        if is_ahead and (planned == fire or expects(self._held(fire.fire_at), fire)):
            return self._ahead(fire)
        if prevented := self._could_not(fire):
            return *prevented, []
        if fire.fire_at > self.now:
            return Verdict.NOT_DUE, "it is not planned: what comes next is later", []
        if self._is_pruned(fire):
            return Verdict.NOT_KEPT, "what was recorded of that day is kept no longer", []
        reason = (
            "IT IS LOST: the reminder was active, it should have fired, and nothing is recorded"
        )
        return Verdict.LOST, reason, []

    def _is_pruned(self, fire: Fire) -> bool:
        """Return whether what was recorded of that day, or of a later one, has been removed."""
        return Tally.objects.filter(day__gte=fire.fire_at.date(), pruned__gt=0).exists()

    def _could_not(self, fire: Fire) -> tuple[Verdict, str] | None:
        """Return what kept a reminder from firing at all, if anything did."""
        reminder = self.reminder
        if reminder.created_at > fire.fire_at:
            when = self._tell(reminder.created_at)
            return Verdict.NOT_CREATED, f"the reminder was created only on {when}"
        if (deleted_at := history.deleted_at(reminder, fire.fire_at)) is not None:
            when = self._tell(deleted_at)
            return Verdict.DELETED, f"the reminder had been deleted, on {when}"
        held = self._held(fire.fire_at)
        if held.status == Reminder.Status.PAUSED:
            is_still = reminder.status == Reminder.Status.PAUSED and fire.fire_at > self.now
            if is_still and reminder.paused_until and fire.fire_at >= reminder.paused_until:
                when = self._tell(reminder.paused_until)
                return Verdict.UPCOMING, f"the reminder is paused until {when}, and goes on then"
            verb = "is" if is_still else "was"
            return Verdict.PAUSED, f"the reminder {verb} paused{self._pause(fire.fire_at)}"
        if not expects(held, fire):
            return Verdict.NOT_DUE, f"its schedule had been changed: it was {held.schedule_text}"
        return None

    def _ahead(self, fire: Fire) -> tuple[Verdict, str, list[Step]]:
        """Explain what is planned, or comes after what is: its time may have come."""
        reminder, tick = self.reminder, last_tick()
        if fire.fire_at > self.now:
            reason = f"it will fire in {format_duration(fire.fire_at - self.now)}"
            if reminder.error:
                reason = (
                    f"it may not fire, for the reminder is set aside: {first_line(reminder.error)}"
                )
            elif pauses := [
                pause
                for pause in covering_pauses(reminder, self.now)
                if pause.owner_id and pause.is_active(fire.fire_at)
            ]:
                reason = "; ".join(map(self._pause_text, pauses))
                steps = list(map(self._paused, pauses))
                return Verdict.PAUSED, f"it will not fire: {reason}", steps
            unreached, steps = self._unreached()
            return Verdict.UPCOMING, f"{reason}{unreached}", steps
        late = format_duration(self.now - fire.fire_at)
        beat = Step("tick", 3, "a tick last ran" if tick else "no tick has ever run", tick)
        if pause := Pause.objects.everything(self.now):
            text = self._pause_text(pause)
            reason = f"it is {late} overdue: {text}; its misfire policy decides then"
            return Verdict.OVERDUE, reason, [self._paused(pause)]
        if reminder.error:
            again = Step("next", 3, "it is tried again then", reminder.next_fire_at)
            reason = f"it is {late} overdue, set aside with an error: {first_line(reminder.error)}"
            return Verdict.OVERDUE, reason, [beat, again]
        if tick is None or self.now - tick > STALE:
            reason = f"it is {late} overdue, and nothing ticks: are the worker and beat running?"
            return Verdict.OVERDUE, reason, [beat]
        return Verdict.OVERDUE, f"it is {late} overdue: {self._turn()}", [beat]

    def _unreached(self) -> tuple[str, list[Step]]:
        """Return the channels that the next message will not reach, as a text and as steps."""
        refused = self.reminder.unusable_channels()
        refusals = "; ".join(f"{channel}: {channel.refusal.rstrip('.')}" for channel in refused)
        steps = [
            Step("channel", 3, f"not to {channel}: {channel.refusal}", None, {"id": channel.pk})
            for channel in refused
        ]
        if not refused:
            return "", []
        is_all = len(refused) == self.reminder.channels.count()
        whom = "any channel" if is_all else "every channel"
        return f". It will not reach {whom}. {refusals}", steps

    def _turn(self) -> str:
        """Say when a reminder that is due has its turn, while ticks run."""
        planned = self.reminder.planned
        backlog = self._backlog(planned, self.now) if planned else None
        if planned is None or backlog is None or backlog.ended_at is not None:
            return "ticks run, and one will fire it"
        ahead = Reminder.objects.due(planned.fire_at).exclude(pk=self.reminder.pk)
        return its_turn(backlog, ahead.order_by("next_fire_at")[: MANY + 1].count())

    def _nothing(self, span_: Span) -> Finding:
        """Explain why nothing was due then."""
        reminder = self.reminder
        name = span_.name(self.timezone)
        verdict, steps = Verdict.NOT_DUE, []
        held = self._held(span_.begin)
        schedule = readable(held)
        if reminder.created_at >= span_.end:
            verdict = Verdict.NOT_CREATED
            reason = f"the reminder was created only on {self._tell(reminder.created_at)}"
        elif schedule is None:
            reason = f"nothing is recorded, and its schedule {held.schedule_text}"
        else:
            reason = f"not due: {self._was_due(span_) or moment.why_not(schedule, span_)}"
            steps = [Step("nearest", 1, moment.nearest(schedule, span_))]
        return Finding(verdict, name, reason, [Step(verdict, 1, reason, span_.begin), *steps])

    def _was_due(self, span_: Span) -> str:
        """Say which edit took the time away for which the explanation is asked; "" if none did."""
        edits = self.reminder.changes.filter(verb=Change.Verb.EDITED, at__lt=span_.begin)
        last = edits.order_by("-at", "-id").first()
        schedule = readable(history.before_change(self.reminder, last)) if last else None
        if last is None or schedule is None or not moment.fires_in(schedule, span_, 1):
            return ""
        when = self._tell(last.at)
        return f"its schedule was changed on {when}; until then it was {schedule.text}"
