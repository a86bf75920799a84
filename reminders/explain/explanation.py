"""Why a reminder did or did not fire: one chain from its rule to each attempt at each delivery.

`history` tells what held at a moment of the past, the occurrences what fired, and
`notifications.explain` what became of that. Everything is read, and nothing is changed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Prefetch, Q

from accounts.timezones import tzdata_version
from notifications.explain.delivery import Step
from notifications.models import Delivery
from reminders.engine.pauses import covering_pauses
from reminders.explain import moment
from reminders.explain.absence import Absence
from reminders.explain.evidence import readable
from reminders.explain.follow_ups import Aftermath, deliveries_by_occurrence
from reminders.explain.moment import SECOND, ExplainedTime
from reminders.explain.verdicts import (
    CHANGE,
    OCCURRENCE,
    STATUS,
    FireVerdict,
    Verdict,
    fired,
    missed,
    summary,
    worst,
)
from reminders.models import Change, Occurrence, Reminder, Response
from reminders.models import change as history
from reminders.recurrence import Fire
from reminders.schedule.message import LATE, format_lead
from reminders.schedule.misfire import Missed

# At most this many fires of one moment are explained: a rule by the minute has 1,440 a day.
FIRES = 10
# This many changes before the moment, and as many after it.
CHANGES = 3


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer: a verdict, what it means in a sentence, and the chain that it rests on.

    `begin` and `end` are the moment asked about, aware, in UTC; None for the latest and the next.
    """

    reminder: Reminder
    timezone: str
    begin: datetime | None
    end: datetime | None
    verdict: Verdict
    conclusion: str
    steps: list[Step]


def explain(reminder: Reminder, now: datetime, at: str = "") -> Explanation:
    """Explain what a reminder did at a moment; without one, its latest occurrence and its next.

    `at` is as people write it, see `moment.read`, which raises ValidationError on it.
    """
    case = Case(reminder, now)
    return case.explain_moment(at) if at else case.explain_latest_and_next()


def explain_occurrence(occurrence: Occurrence, now: datetime) -> Explanation:
    """Explain how one occurrence came about, and what became of it."""
    return Case(occurrence.reminder, now).explain_occurrence(occurrence)


def _is_in(fire: Fire, span: ExplainedTime) -> bool:
    return fire.due_at in span or fire.fire_at in span


class Case(Absence):
    """One question about one reminder, with what it takes to answer it."""

    def explain_moment(self, at: str) -> Explanation:
        spans = moment.read(at, self.timezone, self.gap)
        begin, end = spans[0].begin, spans[-1].end
        fires = self._fires_in(spans)
        verdicts = list(self._judge_fires(fires[:FIRES])) or [self._judge_nothing_due(spans[0])]
        conclusion = summary(verdicts)
        if len(fires) > FIRES:
            conclusion += f" Only the first {FIRES} of this time were looked at."
        later = history.schedule_changes(self.reminder).filter(at__gte=begin)
        after = self._change_steps(later[:CHANGES])
        return self._explanation(begin, verdicts, conclusion, begin=begin, end=end, after=after)

    def explain_occurrence(self, occurrence: Occurrence) -> Explanation:
        fire = self._fire_of(occurrence)
        verdicts = list(self._judge_fires([fire]))
        begin, end = fire.due_at, fire.due_at + SECOND
        return self._explanation(fire.fire_at, verdicts, summary(verdicts), begin=begin, end=end)

    def explain_latest_and_next(self) -> Explanation:
        newest = self.reminder.occurrences.order_by("-due_at", "-lead")
        last = newest.first()
        rows = newest.filter(due_at=last.due_at) if last else ()
        fires = sorted(map(self._fire_of, rows), key=lambda fire: fire.order)
        verdicts, following = list(self._judge_fires(fires)), self._judge_next()
        latest = f"Latest: {summary(verdicts)}" if verdicts else "Nothing is recorded yet."
        conclusion = f"{latest} Next: {following}"
        return self._explanation(self.now, [*verdicts, following], conclusion)

    def _explanation(
        self,
        at: datetime,
        verdicts: Sequence[FireVerdict],
        conclusion: str,
        *,
        begin: datetime | None = None,
        end: datetime | None = None,
        after: Iterable[Step] = (),
    ) -> Explanation:
        """Return the explanation whose chain begins with the reminder as it stood at `at`."""
        steps = [*self._first_steps(at), *(step for one in verdicts for step in one.steps), *after]
        verdict = worst(one.verdict for one in verdicts)
        return Explanation(self.reminder, self.timezone, begin, end, verdict, conclusion, steps)

    def _first_steps(self, at: datetime) -> Iterator[Step]:
        reminder = self.reminder
        status = STATUS.get(reminder.status, reminder.status)
        if reminder.paused_until:
            status = f"paused until {self._format(reminder.paused_until)}: it goes on then"
        if reminder.deleted_at:
            status = f"deleted on {self._format(reminder.deleted_at)}"
        text = f"reminder {reminder.pk} “{reminder.title}” of {reminder.owner}, {status}"
        data = {"id": reminder.pk, "status": reminder.status, "error": reminder.error}
        yield Step("reminder", 0, text, reminder.created_at, data)
        past = history.schedule_changes(reminder).filter(at__lt=at).order_by("-at", "-id")[:CHANGES]
        yield from self._change_steps(reversed(past))
        yield self._schedule_step(self._reminder_at(at))

    def _schedule_step(self, past: Any) -> Step:
        texts = history.schedule_snapshot(past)
        is_past = any(getattr(past, n) != getattr(self.reminder, n) for n in Reminder.SCHEDULE)
        text = f"schedule{' as it was then' if is_past else ''}: {past.schedule_text}"
        if schedule := readable(past):
            leads = [f"{format_lead(lead)} before" for lead in schedule.leads if lead]
            text += f"; speaks {', '.join(reversed(leads))}" if leads else ""
        names = ("starts_at", "timezone", "recurrence", "misfire")
        data = {"tzdata": tzdata_version(), **{name: texts[name] for name in names}}
        return Step("schedule", 0, text, None, data)

    def _change_steps(self, changes: Iterable[Change]) -> Iterator[Step]:
        for change in changes:
            text = CHANGE.get(change.verb, change.verb)
            text = f"{text}: {change.detail}" if change.detail else text
            data = {"id": change.pk, "verb": change.verb}
            yield Step("change", 0, text, change.at, data)

    def _fires_in(self, spans: Sequence[ExplainedTime]) -> list[Fire]:
        """Return what fired or should have in some spans, by when it was due or when it spoke."""
        fires: set[Fire] = set()
        for span in spans:
            for at in (span.begin, span.end):
                if schedule := readable(self._reminder_at(at)):
                    fires |= moment.fires_in(schedule, span, FIRES + 1)
            leads = [*self.reminder.leads, *(fire.lead for fire in fires)]
            recorded = Q(due_at__gte=span.begin, due_at__lt=span.end)
            for lead in set(filter(None, leads)):
                begin, end = span.later(lead)
                recorded |= Q(lead=lead, due_at__gte=begin, due_at__lt=end)
            planned = self.reminder.planned
            if planned and (planned.due_at in span or planned.fire_at in span):
                fires.add(planned)
            rows = self.reminder.occurrences.filter(recorded).order_by("due_at")
            # A lead of days may announce an occurrence that the span does not hold.
            has_days = any(lead.days for lead in leads)
            candidates = map(self._fire_of, rows if has_days else rows[: FIRES + 1])
            inside = (fire for fire in candidates if _is_in(fire, span))
            fires |= set(islice(inside, FIRES + 1))
        return sorted(fires, key=lambda fire: fire.order)

    def _judge_fires(self, fires: Sequence[Fire]) -> Iterator[FireVerdict]:
        dues = {fire.due_at for fire in fires}
        answers = Prefetch("responses", Response.objects.select_related("user", "channel"))
        rows = self.reminder.occurrences.filter(due_at__in=dues).prefetch_related(answers)
        recorded = {self._fire_of(occurrence): occurrence for occurrence in rows}
        occurrences = [recorded[fire] for fire in fires if fire in recorded]
        deliveries = deliveries_by_occurrence(self.reminder, occurrences)
        for fire in fires:
            if occurrence := recorded.get(fire):
                yield self._judge_recorded(fire, occurrence, deliveries[occurrence.pk])
            else:
                yield self._judge_unrecorded(fire)

    def _judge_recorded(
        self, fire: Fire, occurrence: Occurrence, deliveries: Sequence[Delivery]
    ) -> FireVerdict:
        """Explain what is recorded."""
        late = max(occurrence.recorded_at - fire.fire_at, timedelta(0))
        cause = self._delay_text(fire, occurrence) if late >= LATE else ""
        status, outcome = occurrence.status, ""
        due = self._due_step(fire, occurrence)
        after = Aftermath(occurrence, deliveries, self.now, self._format)
        if status == Occurrence.Status.SKIPPED:
            verdict, text = Verdict.SKIPPED, after.skipped()
        elif status == Occurrence.Status.MISSED:
            verdict, text = Verdict.MISSED, missed(occurrence, late, cause)
        else:
            text = "it was fired by hand" if due.what == "triggered" else fired(late, cause)
            verdict, outcome = after.outcome()
        data = {"id": occurrence.pk, "status": status, "reason": occurrence.reason}
        data |= {"late_seconds": late.total_seconds(), "lead_seconds": fire.lead.length}
        what = OCCURRENCE.get(status, status)
        pauses: list[Step] = []
        if occurrence.reason == Missed.SILENCED:
            covering = covering_pauses(self.reminder, fire.fire_at) or covering_pauses(
                self.reminder, occurrence.recorded_at
            )
            pauses = list(map(self._pause_step, covering))
        steps = [due, Step(what, 2, text, occurrence.recorded_at, data), *pauses]
        if status != Occurrence.Status.SKIPPED:
            steps += after.steps()
        reason = "; ".join(filter(None, [text, outcome, *(pause.text for pause in pauses)]))
        return FireVerdict(verdict, self._name_of(fire), reason, steps)

    def _judge_next(self) -> FireVerdict:
        """Say what comes next."""
        reminder = self.reminder
        planned = reminder.planned
        if planned is not None:
            return next(self._judge_fires([planned]))
        if reminder.deleted_at is not None:
            verdict, state = Verdict.DELETED, f"was deleted on {self._format(reminder.deleted_at)}"
        elif reminder.status == Reminder.Status.PAUSED:
            verdict, state = Verdict.PAUSED, f"is paused{self._own_pause_text(self.now)}"
        else:
            verdict, state = Verdict.FINISHED, "is finished"
        reason = f"nothing more is planned: this reminder {state}"
        return FireVerdict(verdict, "", reason, [Step(verdict, 1, reason)])
