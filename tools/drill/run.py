"""Runs a drill: stores reminders, starts processes, strikes, waits, and judges."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from notifications.models import Attempt, Channel, Delivery, InboxMessage
from reminders.engine.tick import last_tick
from reminders.management.progress import Progress
from reminders.models import Occurrence, Reminder
from reminders.models.occurrence import REFERENCE
from tools.drill.expected import Fate, Oracle, fires_of
from tools.drill.faults import DrillFault, Faults
from tools.drill.ledger import balance
from tools.drill.options import INSTANT, Options
from tools.drill.verdict import DrillVerdict, ExpectedFiring, Observations, Saying, compare
from tools.drill.workload import INBOX, OWNER, Mixture, Window, Wish, store
from tools.local_stack.processes import POLL
from tools.local_stack.programs import beat, worker
from tools.local_stack.terminal import paint, say
from tools.testbed.receiver import Receiver
from tools.testbed.testbed import Rig

# The time, roughly, until all is stored and running and the first live reminder is due.
WARM_UP = timedelta(seconds=4)
STORED_WITHIN = timedelta(milliseconds=8)
STARTED_WITHIN = timedelta(seconds=1.5)
# These hold on a machine that sets up a test bed within this time.
SET_UP_WITHIN = 8.0
FIRST_TICK_WITHIN = 180.0
# By options.quick. After the last fault: a lease, the second retry (5.5 min), and the work itself.
PATIENCE_SECONDS = {True: 120.0, False: 600.0}
# A second copy of a message would come within this time.
QUIET_SECONDS = 1.0
CHECK_SECONDS = 0.5
# These receivers never answer, so their messages may still wait at the end.
SILENT = ("dead", "hang")


class Drill:
    """A drill on a test bed, whose set-up took `set_up` seconds: a measure of the machine."""

    def __init__(
        self,
        options: Options,
        rig: Rig,
        receiver: Receiver,
        set_up: float,
        progress: Callable[[int], Progress],
    ) -> None:
        self.options = options
        self.rig = rig
        self.receiver = receiver
        self.progress = progress
        self.slowness = max(1.0, set_up / SET_UP_WITHIN)
        self.length = timedelta(seconds=options.seconds)
        self.wishes: dict[int, Wish] = {}
        self.deaths: list[tuple[datetime, datetime]] = []

    def run(self) -> DrillVerdict:
        options = self.options
        warm_up = WARM_UP + options.reminders * STORED_WITHIN
        warm_up += (2 * options.workers + options.beats) * STARTED_WITHIN
        start = timezone.now() + warm_up * self.slowness
        self.window = Window(start.replace(microsecond=0), self.length)
        self.store()
        self.up_from = timezone.now()
        self.start_programs()
        self.up_by = timezone.now()
        self.play()
        return self.judge()

    def store(self) -> None:
        wishes = Mixture(self.options, self.window, INSTANT).wishes()
        progress = self.progress(len(wishes))
        for reminder_id, wish in store(wishes, self.receiver.urls):
            self.wishes[reminder_id] = wish
            progress.step()
            self.rig.check()
        progress.clear()
        self.tell(f"stored {len(wishes)} reminders")

    def start_programs(self) -> None:
        """Start both kinds of worker, as in production, and beats; wait for the first tick."""
        for number in range(1, self.options.workers + 1):
            for kind in ("dispatch", "deliver"):
                self.rig.start(f"{kind}{number}", worker(kind, 1, f"{kind}{number}"))
        for number in range(1, self.options.beats + 1):
            self.rig.start(f"beat{number}", beat())
        self.rig.wait_until(last_tick, FIRST_TICK_WITHIN, "the first tick")
        self.tell(f"started {', '.join(self.rig.programs)}")

    def play(self) -> None:
        """Strike with each fault at its time; wait until all deliveries that can end have ended."""
        start = self.window.start.timestamp()
        length = self.length.total_seconds()
        bursts = [burst.timestamp() - start for burst in self.window.bursts]
        faults = Faults(self.options, self.rig, self.receiver).timeline(length, bursts)
        deadline = start + length + PATIENCE_SECONDS[self.options.quick]
        progress = self.progress(self.webhooks())
        check_at = time.time()
        while time.time() < deadline:
            self.rig.check()
            if faults and time.time() >= start + faults[0].at:
                self.strike(faults.pop(0), progress, is_last=not faults)
            if time.time() >= check_at:
                check_at = time.time() + CHECK_SECONDS
                self.restart_ended(progress)
                progress.step(self.receiver.count() - progress.done)
                if not faults and time.time() > start + length and self.is_over():
                    break
            time.sleep(POLL)
        progress.clear()
        self.settle()

    def strike(self, fault: DrillFault, progress: Progress, *, is_last: bool) -> None:
        began = timezone.now()
        fault.strike()
        if fault.is_deadly:
            self.deaths.append((began, timezone.now()))
        progress.clear()
        self.tell(fault.words)
        if is_last:
            lease = settings.FOAM_LEASE_SECONDS
            self.tell(f"no more faults; what a killed worker held is taken over after {lease} s")

    def settle(self) -> None:
        """Wait for second copies of messages, then stop all processes."""
        quiet_from = time.monotonic()
        self.rig.wait_until(
            lambda: time.monotonic() > quiet_from + QUIET_SECONDS, QUIET_SECONDS + 1, "quiet"
        )
        for name in list(self.rig.programs):
            self.rig.kill(name)
        self.tell("stopped")

    def restart_ended(self, progress: Progress) -> None:
        """Start processes again that ended by themselves, as an operator's supervisor does."""
        for name, words in self.rig.ended().items():
            progress.clear()
            now = timezone.now()
            self.deaths.append((now - timedelta(seconds=CHECK_SECONDS), now))
            self.tell(f"{words.splitlines()[0]} It is started again.")
            self.rig.start_again(name)

    def is_over(self) -> bool:
        try:
            active = Reminder.objects.filter(
                pk__in=self.wishes, plan__status=Reminder.Status.ACTIVE
            )
            answering = [pk for pk, at in self.places().items() if at not in self.silent()]
            unfinished = Delivery.objects.unfinished().filter(channel__in=answering)
            return not active.exists() and not unfinished.exists()
        except DatabaseError:
            return False
        finally:
            connection.close()

    def silent(self) -> list[int]:
        """Return the receivers that never answer."""
        providers = enumerate(self.options.providers, start=INSTANT)
        return [number for number, name in providers if name in SILENT and self.options.quick]

    def places(self) -> dict[int, int]:
        """Return the number of the receiver of each channel, without those of FOAM's own user."""
        numbers = {url: number for number, url in enumerate(self.receiver.urls)}
        ours = Channel.objects.filter(owner__username__startswith=OWNER)
        return {pk: numbers.get(url, INBOX) for pk, url in ours.values_list("pk", "address")}

    def webhooks(self) -> int:
        """Return the number of messages that the receivers will accept, roughly."""
        away = {INBOX, *self.silent()}
        firings = (firing for firing in self.expected() if firing.fate == Fate.FIRES)
        return sum(len({*firing.places} - away) for firing in firings)

    def tell(self, words: str) -> None:
        seconds = time.time() - self.window.start.timestamp()
        say(f"  {paint(f't{seconds:+6.1f} s', 'dim')}  {words}")

    # The verdict

    def judge(self) -> DrillVerdict:
        verdict = compare(self.expected(), self.observe(), self.silent(), self.up_by)
        verdict.ledger, verdict.is_balanced = balance(self.rig)
        return verdict

    def expected(self) -> Iterator[ExpectedFiring]:
        oracle = Oracle(self.up_from, self.up_by)
        for reminder_id, wish in self.wishes.items():
            fires = fires_of(wish.schedule, wish.stored_at)
            fates = oracle.fates(fires, wish.misfire, wish.grace)
            for fire, fate in zip(fires, fates, strict=True):
                yield ExpectedFiring(reminder_id, fire, fate, wish.misfire, wish.places)

    def observe(self) -> Observations:
        observations = Observations(deaths=self.deaths)
        self.read_webhooks(observations)
        self.read_inbox(observations)
        self.read_database(observations)
        return observations

    def read_webhooks(self, observations: Observations) -> None:
        for record in self.receiver.records():
            if record.is_accepted:
                data = json.loads(record.body)["data"]
                due_at = datetime.fromisoformat(data["due_at"])
                key = data["reminder_id"], due_at, data["lead_seconds"], record.receiver
                observations.accept(key, record.id, datetime.fromtimestamp(record.at, UTC))

    def read_inbox(self, observations: Observations) -> None:
        ids = list(self.wishes)
        for message in InboxMessage.objects.all():
            reminder_id = ids[int(message.title.removeprefix("Drill "))]
            key = reminder_id, message.due_at, 0, INBOX
            observations.accept(key, message.message_id, message.received_at)

    def read_database(self, observations: Observations) -> None:
        sayings: dict[str, Saying] = {}
        for occurrence in Occurrence.objects.filter(reminder__in=self.wishes).iterator():
            saying = occurrence.reminder_id, occurrence.due_at, occurrence.lead.length
            is_missed = occurrence.status == Occurrence.Status.MISSED
            (observations.missed if is_missed else observations.fired).add(saying)
            sayings[f"{REFERENCE}{occurrence.pk}"] = saying
        places = self.places()
        for delivery in Delivery.objects.unfinished().filter(channel__in=places):
            if saying_of := sayings.get(delivery.reference):
                observations.waiting.add((*saying_of, places[delivery.channel_id]))
        attempts = Attempt.objects.filter(outcome=Attempt.Outcome.UNCERTAIN)
        observations.uncertain = Counter(
            attempt.delivery.message_id for attempt in attempts.select_related("delivery")
        )
