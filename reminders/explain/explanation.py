"""Why a reminder did or did not fire: one chain from its rule to each attempt at each delivery.

`history` tells what held at a moment of the past, the occurrences what fired, and
`notifications.explain` what became of that. Everything is read, and nothing is changed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from django.db.models import F, Prefetch, Q

from accounts.models import Pause
from accounts.timezones import in_words, tzdata_version
from notifications.explain.delivery import Step, deliveries_of
from notifications.models import Delivery
from reminders.engine.pauses import covering_pauses
from reminders.engine.tick import last_tick
from reminders.explain import moment
from reminders.explain.follow_ups import Aftermath
from reminders.explain.moment import SECOND, Span
from reminders.explain.verdicts import (
    CHANGE,
    MANY,
    OCCURRENCE,
    STATUS,
    Finding,
    Verdict,
    fired,
    its_turn,
    missed,
    name_of,
    summary,
    worst,
)
from reminders.models import Backlog, Change, Occurrence, Reminder, Response, Tally
from reminders.models import change as history
from reminders.models.change import first_line
from reminders.models.occurrence import occurrence_id
from reminders.recurrence import Fire, RecurrenceError, Schedule
from reminders.schedule.message import LATE, format_duration, format_lead
from reminders.schedule.misfire import Missed

# So many fires of one moment are told; a rule by the minute has 1,440 a day.
SHOWN = 10
# What has waited in one of so many before the last is told without it.
BACKLOGS = 20
# So many changes before the moment, and so many after it.
CHANGES = 3
# The tick beats its heart every few seconds.
STALE = timedelta(seconds=30)


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
    return case.at_a_moment(at) if at else case.of_late()


def explain_occurrence(occurrence: Occurrence, now: datetime) -> Explanation:
    """Explain how one occurrence came about, and what became of it."""
    return Case(occurrence.reminder, now).of(occurrence)


def readable(reminder: Reminder) -> Schedule | None:
    try:
        return reminder.schedule
    except RecurrenceError:
        return None


def expects(reminder: Reminder, fire: Fire) -> bool:
    """Return whether a fire is one by the schedule of a reminder."""
    schedule = readable(reminder)
    if schedule is None or fire.lead not in schedule.leads:
        return False
    return schedule.after(fire.due_at - SECOND) == fire.due_at


def _is_in(fire: Fire, span: Span) -> bool:
    return fire.due_at in span or fire.fire_at in span


class Case:
    """One question about one reminder, with what it takes to answer it."""

    def __init__(self, reminder: Reminder, now: datetime) -> None:
        self.reminder = reminder
        self.now = now
        self._as_of: dict[datetime, Any] = {}
        schedule = readable(reminder)
        # A reminder that cannot be read has to be explained as well.
        self.timezone = schedule.timezone if schedule else "UTC"
        self.gap = schedule.gap if schedule else "after"

    def at_a_moment(self, at: str) -> Explanation:
        spans = moment.read(at, self.timezone, self.gap)
        begin, end = spans[0].begin, spans[-1].end
        fires = self._fires(spans)
        findings = list(self._judge(fires[:SHOWN])) or [self._nothing(spans[0])]
        steps = [*self._head(begin), *(step for each in findings for step in each.steps)]
        conclusion = summary(findings)
        if len(fires) > SHOWN:
            conclusion += f" Only the first {SHOWN} of this time were looked at."
        later = history.schedule_changes(self.reminder).filter(at__gte=begin)
        steps += self._changes(later[:CHANGES])
        return Explanation(
            self.reminder, self.timezone, begin, end, worst(findings), conclusion, steps
        )

    def of(self, occurrence: Occurrence) -> Explanation:
        fire = self._fire_of(occurrence)
        findings = list(self._judge([fire]))
        steps = [*self._head(fire.fire_at), *(step for each in findings for step in each.steps)]
        return Explanation(
            self.reminder,
            self.timezone,
            fire.due_at,
            fire.due_at + SECOND,
            worst(findings),
            summary(findings),
            steps,
        )

    def of_late(self) -> Explanation:
        newest = self.reminder.occurrences.order_by("-due_at", "-lead")
        last = newest.first()
        fires = [self._fire_of(each) for each in newest.filter(due_at=last.due_at)] if last else []
        findings, following = (
            list(self._judge(sorted(fires, key=lambda fire: fire.order))),
            self._next(),
        )
        told = f"Latest: {summary(findings)}" if findings else "Nothing is recorded yet."
        steps = [*self._head(self.now)]
        steps += [step for each in (*findings, following) for step in each.steps]
        verdict = worst([*findings, following])
        return Explanation(
            self.reminder, self.timezone, None, None, verdict, f"{told} Next: {following}", steps
        )

    def _held(self, at: datetime) -> Any:
        """Return the reminder as it stood at a moment; asked again and again for the same."""
        if at not in self._as_of:
            self._as_of[at] = history.as_of(self.reminder, at)
        return self._as_of[at]

    def _fire_of(self, occurrence: Occurrence) -> Fire:
        """Return when an occurrence was to fire, by the schedule that was in force then."""
        due_at, lead = occurrence.due_at, occurrence.lead
        about = due_at - lead.nominal
        schedule = readable(self._held(about)) if lead.days else None
        return schedule.fire(due_at, lead) if schedule else Fire(about, due_at, lead)

    # The reminder, and its rule

    def _head(self, at: datetime) -> Iterator[Step]:
        reminder = self.reminder
        status = STATUS.get(reminder.status, reminder.status)
        if reminder.paused_until:
            status = f"paused until {self._tell(reminder.paused_until)}: it goes on then"
        if reminder.deleted_at:
            status = f"deleted on {self._tell(reminder.deleted_at)}"
        text = f"reminder {reminder.pk} “{reminder.title}” of {reminder.owner}, {status}"
        data = {"id": reminder.pk, "status": reminder.status, "error": reminder.error}
        yield Step("reminder", 0, text, reminder.created_at, data)
        past = history.schedule_changes(reminder).filter(at__lt=at).order_by("-at", "-id")[:CHANGES]
        yield from self._changes(reversed(past))
        yield self._rule(self._held(at))

    def _rule(self, held: Any) -> Step:
        texts = history.schedule_snapshot(held)
        is_past = any(getattr(held, n) != getattr(self.reminder, n) for n in Reminder.SCHEDULE)
        text = f"schedule{' as it was then' if is_past else ''}: {held.schedule_text}"
        if schedule := readable(held):
            leads = [f"{format_lead(lead)} before" for lead in schedule.leads if lead]
            text += f"; speaks {', '.join(reversed(leads))}" if leads else ""
        names = ("starts_at", "timezone", "recurrence", "misfire")
        data = {"tzdata": tzdata_version(), **{name: texts[name] for name in names}}
        return Step("schedule", 0, text, None, data)

    def _changes(self, changes: Iterable[Change]) -> Iterator[Step]:
        for change in changes:
            text = CHANGE.get(change.verb, change.verb)
            text = f"{text}: {change.detail}" if change.detail else text
            data = {"id": change.pk, "verb": change.verb}
            yield Step("change", 0, text, change.at, data)

    # What should have fired, and what has

    def _fires(self, spans: Sequence[Span]) -> list[Fire]:
        """Return what fired or should have in some spans, by when it was due or when it spoke."""
        found: set[Fire] = set()
        for span_ in spans:
            for at in (span_.begin, span_.end):
                if schedule := readable(self._held(at)):
                    found |= moment.fires_in(schedule, span_, SHOWN + 1)
            leads = [*self.reminder.leads, *(fire.lead for fire in found)]
            recorded = Q(due_at__gte=span_.begin, due_at__lt=span_.end)
            for lead in set(filter(None, leads)):
                begin, end = span_.later(lead)
                recorded |= Q(lead=lead, due_at__gte=begin, due_at__lt=end)
            planned = self.reminder.planned
            if planned and (planned.due_at in span_ or planned.fire_at in span_):
                found.add(planned)
            rows = self.reminder.occurrences.filter(recorded).order_by("due_at")
            # What leads of days announce is looked for in more than the span.
            has_days = any(lead.days for lead in leads)
            fires = map(self._fire_of, rows if has_days else rows[: SHOWN + 1])
            found |= set(islice((fire for fire in fires if _is_in(fire, span_)), SHOWN + 1))
        return sorted(found, key=lambda fire: fire.order)

    def _judge(self, fires: Sequence[Fire]) -> Iterator[Finding]:
        dues = {fire.due_at for fire in fires}
        answers = Prefetch("responses", Response.objects.select_related("user", "channel"))
        rows = self.reminder.occurrences.filter(due_at__in=dues).prefetch_related(answers)
        recorded = {self._fire_of(each): each for each in rows}
        deliveries: dict[int | None, list[Delivery]] = {}
        references = [recorded[fire].reference for fire in fires if fire in recorded]
        for each in deliveries_of(self.reminder.owner_id, references):
            deliveries.setdefault(occurrence_id(each.reference), []).append(each)
        for fire in fires:
            if occurrence := recorded.get(fire):
                yield self._present(fire, occurrence, deliveries.get(occurrence.pk, []))
            else:
                yield self._absent(fire)

    def _present(
        self, fire: Fire, occurrence: Occurrence, deliveries: Sequence[Delivery]
    ) -> Finding:
        """Explain what is recorded."""
        late = max(occurrence.recorded_at - fire.fire_at, timedelta(0))
        set_aside = self._set_aside(occurrence) if late >= LATE else None
        backlog = self._backlog(fire, occurrence.recorded_at) if late >= LATE else None
        status = occurrence.status
        what = OCCURRENCE.get(status, status)
        due = self._due(fire, occurrence)
        after = Aftermath(occurrence, deliveries, self.now, self._tell)
        if status == Occurrence.Status.SKIPPED:
            verdict, text = Verdict.SKIPPED, after.skipped()
            why = text
        elif status == Occurrence.Status.MISSED:
            verdict, text = Verdict.MISSED, missed(occurrence, late, set_aside, backlog)
            why = text
        else:
            text = fired(late, set_aside, backlog)
            if due.what == "triggered":
                text = "it was fired by hand"
            verdict, outcome = after.outcome()
            why = f"{text}; {outcome}"
        data = {"id": occurrence.pk, "status": status, "reason": occurrence.reason}
        data |= {"late_seconds": late.total_seconds(), "lead_seconds": fire.lead.length}
        steps = [due, Step(what, 2, text, occurrence.recorded_at, data)]
        if occurrence.reason == Missed.SILENCED:
            pauses = covering_pauses(self.reminder, fire.fire_at) or covering_pauses(
                self.reminder, occurrence.recorded_at
            )
            why = "; ".join([why, *(self._told(pause) for pause in pauses)])
            steps += [self._paused(pause) for pause in pauses]
        if status != Occurrence.Status.SKIPPED:
            steps += after.steps()
        return Finding(verdict, self._name(fire), why, steps)

    def _due(self, fire: Fire, occurrence: Occurrence | None = None) -> Step:
        held = self._held(fire.fire_at)
        schedule = readable(held)
        if schedule is None or not expects(held, fire):
            if occurrence is None:
                is_planned = fire == self.reminder.planned
                text = "due as planned" if is_planned else "due by a schedule not in force then"
            elif occurrence.recorded_at == fire.due_at:
                return Step("triggered", 1, "fired by hand, beside the schedule", fire.due_at)
            else:
                text = "due by the schedule as it was planned that day"
            return Step("due", 1, text, fire.due_at)
        change = schedule.clock_change(fire.due_at)
        text = f"due; {change.text}" if change else "due"
        text += f"; it speaks {format_lead(fire.lead)} before" if fire.lead else ""
        return Step("due", 1, text, fire.due_at)

    def _set_aside(self, occurrence: Occurrence) -> Change | None:
        """Return the change that kept an occurrence from being recorded earlier, if one did."""
        found = self.reminder.changes.filter(
            verb=Change.Verb.SET_ASIDE, at__lt=occurrence.recorded_at
        ).last()
        if found is None:
            return None
        # Whatever ends it records what was planned, and so does the tick that succeeds.
        since = self.reminder.occurrences.filter(
            recorded_at__gt=found.at, recorded_at__lt=occurrence.recorded_at
        ).exclude(recorded_at=F("due_at"))
        return None if since.exists() else found

    @cached_property
    def _backlogs(self) -> list[Backlog]:
        """The last ones, the newest first."""
        return list(Backlog.objects.select_related("decided_by")[:BACKLOGS])

    def _backlog(self, fire: Fire, at: datetime) -> Backlog | None:
        """Return the backlog in which a fire waited for its turn at a moment, if in one."""
        for each in self._backlogs:
            is_open = each.opened_at <= at and (each.ended_at is None or at <= each.ended_at)
            if is_open and fire.fire_at <= each.due_before:
                return each
        return None

    # What is not recorded

    def _absent(self, fire: Fire) -> Finding:
        """Explain why nothing is recorded of a fire that its schedule has, or had."""
        verdict, why, steps = self._why_absent(fire)
        steps = [self._due(fire), Step(verdict, 2, why, fire.fire_at), *steps]
        return Finding(verdict, self._name(fire), why, steps)

    def _why_absent(self, fire: Fire) -> tuple[Verdict, str, list[Step]]:
        planned = self.reminder.planned
        is_ahead = planned is not None and planned.order <= fire.order
        if is_ahead and (planned == fire or expects(self._held(fire.fire_at), fire)):
            return self._ahead(fire)
        if known := self._could_not(fire):
            return *known, []
        if fire.fire_at > self.now:
            return Verdict.NOT_DUE, "it is not planned: what comes next is later", []
        if self._is_pruned(fire):
            return Verdict.NOT_KEPT, "what was recorded of that day is kept no longer", []
        why = "IT IS LOST: the reminder was active, it should have fired, and nothing is recorded"
        return Verdict.LOST, why, []

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
            why = f"it will fire in {format_duration(fire.fire_at - self.now)}"
            if reminder.error:
                why = (
                    f"it may not fire, for the reminder is set aside: {first_line(reminder.error)}"
                )
            elif pauses := [
                pause
                for pause in covering_pauses(reminder, self.now)
                if pause.owner_id and pause.is_active(fire.fire_at)
            ]:
                why = "; ".join(map(self._told, pauses))
                return Verdict.PAUSED, f"it will not fire: {why}", list(map(self._paused, pauses))
            unreached, steps = self._unreached()
            return Verdict.UPCOMING, f"{why}{unreached}", steps
        late = format_duration(self.now - fire.fire_at)
        beat = Step("tick", 3, "a tick last ran" if tick else "no tick has ever run", tick)
        if pause := Pause.objects.everything(self.now):
            why = f"it is {late} overdue: {self._told(pause)}; its misfire policy decides then"
            return Verdict.OVERDUE, why, [self._paused(pause)]
        if reminder.error:
            again = Step("next", 3, "it is tried again then", reminder.next_fire_at)
            why = f"it is {late} overdue, set aside with an error: {first_line(reminder.error)}"
            return Verdict.OVERDUE, why, [beat, again]
        if tick is None or self.now - tick > STALE:
            why = f"it is {late} overdue, and nothing ticks: are the worker and beat running?"
            return Verdict.OVERDUE, why, [beat]
        return Verdict.OVERDUE, f"it is {late} overdue: {self._turn()}", [beat]

    def _unreached(self) -> tuple[str, list[Step]]:
        """Say whom what fires next will not reach as its channels stand, if anybody."""
        refused = self.reminder.unusable_channels()
        told = "; ".join(f"{each}: {each.refusal.rstrip('.')}" for each in refused)
        steps = [
            Step("channel", 3, f"not to {each}: {each.refusal}", None, {"id": each.pk})
            for each in refused
        ]
        if not refused:
            return "", []
        is_all = len(refused) == self.reminder.channels.count()
        whom = "reach nobody:" if is_all else "not reach"
        return f", and {whom} {told}", steps

    def _turn(self) -> str:
        """Say when a reminder that is due has its turn, while ticks run."""
        planned = self.reminder.planned
        backlog = self._backlog(planned, self.now) if planned else None
        if planned is None or backlog is None or backlog.ended_at is not None:
            return "ticks run, and one will fire it"
        ahead = Reminder.objects.due(planned.fire_at).exclude(pk=self.reminder.pk)
        return its_turn(backlog, ahead.order_by("next_fire_at")[: MANY + 1].count())

    def _pause(self, at: datetime) -> str:
        changes = self.reminder.changes
        began = changes.filter(verb=Change.Verb.PAUSED, at__lt=at).last()
        ended = changes.filter(verb=Change.Verb.RESUMED, at__gte=at).first()
        since = f" since {self._tell(began.at)}" if began else ""
        end = ended.at if ended else self.reminder.paused_until
        return f"{since}, until {self._tell(end)}" if end else since

    def _told(self, pause: Pause) -> str:
        return pause.sentence(self.timezone)

    def _paused(self, pause: Pause) -> Step:
        data = {"id": pause.pk, "scope": pause.scope, "tag": pause.tag}
        return Step("paused", 3, self._told(pause), pause.created_at, data)

    def _nothing(self, asked: Span) -> Finding:
        """Explain why nothing was due then."""
        reminder = self.reminder
        name = asked.name(self.timezone)
        verdict, steps = Verdict.NOT_DUE, []
        held = self._held(asked.begin)
        schedule = readable(held)
        if reminder.created_at >= asked.end:
            verdict = Verdict.NOT_CREATED
            why = f"the reminder was created only on {self._tell(reminder.created_at)}"
        elif schedule is None:
            why = f"nothing is recorded, and its schedule {held.schedule_text}"
        else:
            why = f"not due: {self._was_due(asked) or moment.why_not(schedule, asked)}"
            steps = [Step("nearest", 1, moment.nearest(schedule, asked))]
        return Finding(verdict, name, why, [Step(verdict, 1, why, asked.begin), *steps])

    def _was_due(self, asked: Span) -> str:
        """Where an edit took away what was asked about: say so."""
        edits = self.reminder.changes.filter(verb=Change.Verb.EDITED, at__lt=asked.begin)
        last = edits.order_by("-at", "-id").first()
        schedule = readable(history.before_change(self.reminder, last)) if last else None
        if last is None or schedule is None or not moment.fires_in(schedule, asked, 1):
            return ""
        when = self._tell(last.at)
        return f"its schedule was changed on {when}; until then it was {schedule.text}"

    def _next(self) -> Finding:
        """Say what comes next."""
        reminder = self.reminder
        planned = reminder.planned
        if planned is not None:
            return next(self._judge([planned]))
        if reminder.deleted_at is not None:
            verdict, state = Verdict.DELETED, f"it was deleted on {self._tell(reminder.deleted_at)}"
        elif reminder.status == Reminder.Status.PAUSED:
            verdict, state = Verdict.PAUSED, f"it is paused{self._pause(self.now)}"
        else:
            verdict, state = Verdict.FINISHED, f"it is {STATUS[Reminder.Status.FINISHED]}"
        why = f"nothing, for {state}"
        return Finding(verdict, "", why, [Step(verdict, 1, why)])

    def _name(self, fire: Fire) -> str:
        return name_of(fire, self.timezone)

    def _tell(self, at: datetime) -> str:
        return in_words(at, self.timezone)
