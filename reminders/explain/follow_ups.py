"""Follow-ups and answers of one occurrence, as a part of its explanation."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter

from notifications.explain.delivery import Step, deliveries_of, steps_of
from notifications.models import Delivery
from reminders.engine.follow_ups import ESCALATE, NAG, SNOOZE
from reminders.explain.verdicts import FACE, FOLLOW_UP, Verdict, delivered, worst
from reminders.models import Occurrence, Reminder, Response
from reminders.models.occurrence import occurrence_id
from reminders.schedule.message import format_rounded

# Formats an instant for the reader of the explanation.
Tell = Callable[[datetime], str]
WHAT = {NAG: "nag", SNOOZE: "spoke_again", ESCALATE: "escalated"}


def deliveries_by_occurrence(
    reminder: Reminder, occurrences: Iterable[Occurrence]
) -> dict[int, list[Delivery]]:
    """Return the deliveries of a reminder's occurrences and of their follow-ups, oldest first."""
    by_occurrence: dict[int, list[Delivery]] = defaultdict(list)
    references = [occurrence.reference for occurrence in occurrences]
    for delivery in deliveries_of(reminder.owner_id, references):
        pk = occurrence_id(delivery.reference)
        assert pk is not None  # noqa: S101  for the type checker
        by_occurrence[pk].append(delivery)
    return by_occurrence


class Aftermath:
    """All of one occurrence: its `deliveries` are those of the firing and of what followed."""

    def __init__(
        self, occurrence: Occurrence, deliveries: Sequence[Delivery], now: datetime, tell: Tell
    ) -> None:
        self.occurrence = occurrence
        self.now = now
        self.tell = tell
        self.responses: list[Response] = list(occurrence.responses.all())
        # By reference, in the order of time: of the firing itself, and of each follow-up.
        self.messages: dict[str, list[Delivery]] = {}
        for delivery in deliveries:
            self.messages.setdefault(delivery.reference, []).append(delivery)
        self.fired = self.messages.pop(occurrence.reference, [])

    def outcome(self) -> tuple[Verdict, str]:
        """Return the verdict on an occurrence and its text: channels, follow-ups, answers."""
        verdict, text = delivered(self.fired, self.now)
        verdicts, texts = [verdict], [text]
        for reference, deliveries in self.messages.items():
            verdict, text = delivered(deliveries, self.now)
            verdicts.append(verdict)
            follow_up = self._follow_up(reference, deliveries)
            texts.append(follow_up if verdict == Verdict.SENT else f"{follow_up}: {text}")
        texts += [self._answer(response, with_time=True) for response in self.responses]
        answered = {
            Occurrence.Status.ACKNOWLEDGED: Verdict.ACKNOWLEDGED,
            Occurrence.Status.SNOOZED: Verdict.SNOOZED,
        }
        verdict = answered.get(Occurrence.Status(self.occurrence.status)) or worst(verdicts)
        return verdict, "; ".join(texts)

    def steps(self) -> Iterator[Step]:
        """Yield each message of the firing; then, in the order of time, follow-ups and answers."""
        for delivery in self.fired:
            yield from steps_of(delivery, self.now, 3)
        later: list[tuple[datetime, Iterable[Step]]] = [
            (response.at, [self._answered(response)]) for response in self.responses
        ]
        later += [
            (messages[0].created_at, self._follow_up_steps(reference, messages))
            for reference, messages in self.messages.items()
        ]
        for _, steps in sorted(later, key=itemgetter(0)):
            yield from steps
        if at := self.occurrence.follow_up_at:
            is_snoozed = self.occurrence.status == Occurrence.Status.SNOOZED
            text = "it speaks again then" if is_snoozed else "without an answer it goes on then"
            yield Step("next", 2, text, at)

    def skipped(self) -> str:
        """Say why it did not fire, where somebody has skipped it."""
        if not self.responses:
            return self.occurrence.reason.rstrip(".")
        return f"it was {self._answer(self.responses[0], with_time=True)}"

    def _follow_up_steps(self, reference: str, deliveries: Sequence[Delivery]) -> Iterator[Step]:
        kind, number = reference.split(":")[-2:]
        text, at = self._follow_up(reference, deliveries), deliveries[0].created_at
        yield Step(WHAT.get(kind, kind), 2, text, at, {"number": int(number)})
        for delivery in deliveries:
            yield from steps_of(delivery, self.now, 3)

    def _follow_up(self, reference: str, deliveries: Sequence[Delivery]) -> str:
        kind, number = reference.split(":")[-2:]
        at, since = deliveries[0].created_at, self.occurrence.speaks_again_at
        if since is None or since > at:
            since = self.occurrence.recorded_at
        return FOLLOW_UP.get(kind, kind).format(number=number, waited=format_rounded(at - since))

    def _answered(self, response: Response) -> Step:
        data = {
            "face": response.face,
            "user": response.user_id,
            "channel": response.channel_id,
            "detail": response.detail,
        }
        text = self._answer(response, with_time=False)
        return Step(response.verb, 2, text, response.at, data)

    def _answer(self, response: Response, *, with_time: bool) -> str:
        until = ""
        if response.verb == Response.Verb.SNOOZED and response.detail:
            until = f" until {self.tell(datetime.fromisoformat(response.detail))}"
        by = f" by {response.user.username}" if response.user else ""
        where = f" in a message to {response.channel}" if response.channel else ""
        when = f" on {self.tell(response.at)}" if with_time else ""
        return f"{response.verb}{until}{by} {FACE[response.face]}{where}{when}"
