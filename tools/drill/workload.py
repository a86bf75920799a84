"""The reminders of a drill: a mixture of usual schedules, compressed into a minute."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from accounts.models import User
from notifications.models import Channel
from reminders.models import Reminder
from reminders.recurrence import ON_TIME, Lead, Schedule
from reminders.schedule.misfire import Misfire
from tools.drill.options import Options

OWNERS = 4
OWNER = "drill"
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
MISFIRES = tuple(Misfire)
# Live reminders are stored as of this long before the first is due.
AHEAD = timedelta(minutes=2)
GRACE = timedelta(minutes=5)
INBOX = -1
EVERY_5_SECONDS = "BYSECOND=" + ",".join(str(second) for second in range(0, 60, 5))


@dataclass(frozen=True)
class Window:
    """The time in which live reminders are due: `length` from `start`, with two bursts."""

    start: datetime
    length: timedelta

    @property
    def bursts(self) -> tuple[datetime, datetime]:
        return self.start + self._whole(0.15), self.start + self._whole(0.5)

    def _whole(self, share: float) -> timedelta:
        return timedelta(seconds=int(self.length.total_seconds() * share))


@dataclass(frozen=True)
class Wish:
    """A reminder as the drill stores it; `expected` reads nothing else."""

    starts_at: datetime
    timezone: str
    stored_at: datetime
    recurrence: str = ""
    leads: tuple[Lead, ...] = (ON_TIME,)
    misfire: str = Misfire.LATEST
    grace: timedelta = GRACE
    # Receivers by number, or INBOX.
    places: tuple[int, ...] = ()
    owner: int = 0

    @property
    def schedule(self) -> Schedule:
        return Schedule(
            starts_at=self.starts_at,
            timezone=self.timezone,
            recurrence=self.recurrence,
            leads=self.leads,
        )


@dataclass
class Mixture:
    """Makes wishes, the same ones for the same seed."""

    options: Options
    window: Window
    # The number of instant receivers; those of `options.providers` come after them.
    instant: int
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.options.seed)

    def wishes(self) -> list[Wish]:
        kinds: list[tuple[Callable[[], Wish], int]] = [
            (self.burst, 50),
            (self.spread, 25),
            (self.ahead, 10),
            (self.recurring, 15),
        ]
        if self.options.outage:
            kinds += [(self.outage_once, 10), (self.outage_recurring, 10)]
        makers, weights = zip(*kinds, strict=True)
        wishes = [make() for make in self.random.choices(makers, weights, k=self.options.reminders)]
        if self.options.outage:
            # These have more firings than the tick plans at a time.
            wishes[-3:] = [self.outage_dense(misfire) for misfire in MISFIRES]
        return wishes

    def burst(self) -> Wish:
        return self.wish(self.random.choice(self.window.bursts))

    def spread(self) -> Wish:
        return self.wish(self.some_second())

    def ahead(self) -> Wish:
        """A reminder with several leads, to a webhook: inbox messages do not name their lead."""
        leads = self.random.sample([0, 3, 10, 30], k=self.random.randint(2, 4))
        return self.wish(
            self.some_second(),
            leads=tuple(Lead(seconds=lead) for lead in sorted(leads)),
            places=(self.receiver(),),
        )

    def recurring(self) -> Wish:
        count = max(1, int(self.window.length.total_seconds()) // 5 - 1)
        return self.wish(
            self.window.start, recurrence=f"FREQ=MINUTELY;{EVERY_5_SECONDS};COUNT={count}"
        )

    def outage_once(self) -> Wish:
        seconds = int(self.options.outage.total_seconds())
        due_at = self.outage_began + timedelta(seconds=self.random.randint(1, seconds))
        return self.wish(due_at, stored_at=self.outage_began)

    def outage_recurring(self) -> Wish:
        minutes = max(1, int(self.options.outage.total_seconds()) // 60)
        interval = self.random.randint(1, min(15, minutes))
        return self.during_outage(f"FREQ=MINUTELY;INTERVAL={interval}", minutes // interval)

    def outage_dense(self, misfire: str) -> Wish:
        minutes = max(1, int(self.options.outage.total_seconds()) // 60)
        rule = f"FREQ=MINUTELY;{EVERY_5_SECONDS}"
        return self.during_outage(rule, min(12 * (minutes - 1) + 1, 500), misfire)

    def during_outage(self, rule: str, count: int, misfire: str = "") -> Wish:
        return self.wish(
            self.outage_began + timedelta(seconds=1),
            stored_at=self.outage_began,
            recurrence=f"{rule};COUNT={count}",
            misfire=misfire or self.random.choice(MISFIRES),
        )

    @property
    def outage_began(self) -> datetime:
        return self.window.start - AHEAD - self.options.outage

    def wish(self, due_at: datetime, **fields: object) -> Wish:
        """Return a wish that is due at `due_at`, in a random zone, to random channels."""
        zone = self.random.choice(ZONES)
        local = due_at.astimezone(ZoneInfo(zone))
        # In the fold of a clock change the local time would mean the first of both instants.
        zone, local = (zone, local) if not local.fold else ("UTC", due_at.astimezone(UTC))
        arguments = {
            "stored_at": self.window.start - AHEAD,
            "misfire": self.random.choice(MISFIRES),
            "places": self.places(),
            "owner": self.random.randrange(OWNERS),
            **fields,
        }
        return Wish(local.replace(tzinfo=None, fold=0), zone, **arguments)  # type: ignore[arg-type]

    def places(self) -> tuple[int, ...]:
        receivers = {self.receiver()}
        if self.random.random() < 0.3:
            receivers.add(self.random.choice([INBOX, self.receiver()]))
        return tuple(sorted(receivers))

    def receiver(self) -> int:
        """Return a random receiver: each misbehaving one gets a tenth of the messages."""
        bad = len(self.options.providers)
        if self.random.random() < 0.1 * bad:
            return self.instant + self.random.randrange(bad)
        return self.random.randrange(self.instant)

    def some_second(self) -> datetime:
        seconds = int(self.window.length.total_seconds())
        return self.window.start + timedelta(seconds=self.random.randint(0, seconds))


def store(wishes: list[Wish], urls: list[str]) -> Iterator[tuple[int, Wish]]:
    """Store each wish as API, admin and commands do; yield its id."""
    owners = [_owner(number, urls) for number in range(OWNERS)]
    for number, wish in enumerate(wishes):
        owner, channels = owners[wish.owner]
        reminder = Reminder(
            owner=owner,
            title=f"Drill {number}",
            starts_at=wish.starts_at,
            timezone=wish.timezone,
            recurrence=wish.recurrence,
            leads=list(wish.leads),
            misfire=wish.misfire,
            grace=wish.grace,
        )
        reminder.store(wish.stored_at, [channels[place] for place in wish.places])
        yield reminder.pk, wish


def _owner(number: int, urls: list[str]) -> tuple[User, dict[int, Channel]]:
    name = f"{OWNER}{number}"
    owner = User.objects.create_user(name, f"{name}@example.com", None, timezone="UTC")
    channels = {INBOX: Channel.objects.inbox_of(owner)}
    for place, url in enumerate(urls):
        channels[place] = Channel(
            owner=owner,
            kind="webhook",
            name=f"Receiver {place}",
            address=url,
            verified_at=datetime.now(UTC),
        )
        channels[place].store()
    return owner, channels
