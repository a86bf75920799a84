"""Follow-ups and answers of one occurrence, as a part of its explanation."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from notifications.explain.delivery import Step, steps_of
from notifications.models import Delivery
from reminders.engine.follow_ups import ESCALATE, NAG, SNOOZE
from reminders.explain.verdicts import FACE, FOLLOW_UP, RESPONSE, Verdict, delivered, worst_of
from reminders.models import Occurrence, Response
from reminders.schedule.message import format_rounded

# Formats an instant for the reader of the explanation.
Tell = Callable[[datetime], str]
WHAT = {NAG: "nag", SNOOZE: "spoke_again", ESCALATE: "escalated"}


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
        return self._verdict(verdicts), "; ".join(texts)

    def _verdict(self, verdicts: Sequence[Verdict]) -> Verdict:
        if self.occurrence.status == Occurrence.Status.ACKNOWLEDGED:
            return Verdict.ACKNOWLEDGED
        if self.occurrence.status == Occurrence.Status.SNOOZED:
            return Verdict.SNOOZED
        return worst_of(verdicts)

    def steps(self) -> Iterator[Step]:
        """Yield each message of the firing; then, in the order of time, follow-ups and answers."""
        for delivery in self.fired:
            yield from steps_of(delivery, self.now, 3)
        later = [(response.at, [self._answered(response)]) for response in self.responses]
        later += [
            (messages[0].created_at, self._follow_up_steps(reference, messages))
            for reference, messages in self.messages.items()
        ]
        for _, steps in sorted(later, key=lambda pair: pair[0]):
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

    def _follow_up_steps(self, reference: str, deliveries: Sequence[Delivery]) -> list[Step]:
        kind, number = reference.split(":")[-2:]
        text = self._follow_up(reference, deliveries)
        at = deliveries[0].created_at
        steps = [Step(WHAT.get(kind, kind), 2, text, at, {"number": int(number)})]
        for delivery in deliveries:
            steps += steps_of(delivery, self.now, 3)
        return steps

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
        return f"{RESPONSE[response.verb]}{until}{by} {FACE[response.face]}{where}{when}"
