"""The API under gunicorn: how fast, and whether it grows with what is stored; which worker class.

The asker is the largest of many owners: PostgreSQL plans the lists of one owner among many
otherwise than those of an owner of everything.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from django.utils import timezone

from accounts.models import ApiToken
from benchmarks import databases
from benchmarks.bench import Bench
from benchmarks.client import Ask, Client, Load, half_asked
from benchmarks.report import Cell, Goal, Part, Spread, Table, at_least, at_most, ratios
from reminders.models import Reminder
from tools.local_stack.run import answers
from tools.local_stack.servers import free_port
from tools.testbed import seed
from tools.testbed.testbed import Rig, web

PREFIX = "bench_api_"
WORKERS = 2
CONNECTIONS = 4
# The share of the reminders that belongs to other owners.
OTHERS = 0.9
PATIENCE = 60
# Of clients that are slow to send, as on a phone in a tunnel.
SLOW = 2
NEW = {
    "title": "Take the bread out of the oven",
    "starts_at": "2027-03-01T18:00:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "tags": ["kitchen"],
}
REMINDERS = "/api/v1/reminders/"
# What gunicorn offers for an application like ours, without further packages.
SERVERS: Mapping[str, Sequence[str]] = {
    "2 sync": ("--worker-class", "sync", "--threads", "1"),
    "2 gthread, 2 threads each": ("--threads", "2"),
    "2 gthread, 4 threads each": ("--threads", "4"),
    "2 gthread, 8 threads each": ("--threads", "8"),
}


@dataclass
class Site:
    """A web server of FOAM over a database of its own."""

    stored: int
    client: Client
    ids: Sequence[int]

    def asks(self, what: str) -> Callable[[int], Ask]:
        fixed = {
            "list": "?page_size=50",
            "list, soonest first": "?page_size=50&ordering=next_due_at",
            "list, by a tag that none has": "?page_size=50&tag=garden",
            "list, by a word that none has": "?page_size=50&search=gardening",
        }
        if what == "retrieve":
            return lambda n: Ask("GET", f"{REMINDERS}{self.ids[n * 7 % len(self.ids)]}/")
        if what == "create":
            return lambda n: Ask("POST", REMINDERS, NEW)
        return lambda n: Ask("GET", REMINDERS + fixed[what])


ASKED = ("list", "retrieve", "create")
# These look at everything that the asker owns, and so are asked less often.
LOOKED_FOR = (
    "list, soonest first",
    "list, by a tag that none has",
    "list, by a word that none has",
)


@dataclass
class Found:
    loads: dict[str, dict[int, list[Load]]] = field(default_factory=dict)
    one_by_one: list[float] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)

    def add(self, what: str, stored: int, load: Load) -> None:
        self.loads.setdefault(what, {}).setdefault(stored, []).append(load)

    def each(self, what: str, stored: int, read: Callable[[Load], float]) -> list[float]:
        return [read(load) for load in self.loads[what][stored]]


def measure(bench: Bench) -> Part:
    before = databases.use(databases.EMPTY)
    few, many = bench.scale.api
    for size in (few, many):
        make(size)
    with site(bench.rig, few) as small, site(bench.rig, many) as big:
        found = compared(bench, (small, big))
        batches(bench, small, found)
    servers = classes(bench, few)
    for size in (few, many):
        databases.drop(name(size))
    databases.use(before)
    return report(bench, found, servers)


def name(size: int) -> str:
    return f"{PREFIX}{size}"


def make(size: int) -> None:
    databases.copy(databases.EMPTY, name(size))
    databases.use(name(size))
    to = seed.add_channels([f"http://127.0.0.1:9/{number}" for number in range(10)])
    seed.add_stored(size, to, timezone.now())
    seed.share_out(max(1, size // 50), OTHERS)
    seed.settle()
    databases.use(databases.EMPTY)


@contextmanager
def site(rig: Rig, size: int, options: Sequence[str] = ("--threads", "4")) -> Iterator[Site]:
    """Serve the database of so many reminders."""
    before = databases.use(name(size))
    _, token = ApiToken.issue(seed.someone(), "bench")
    own = Reminder.objects.owned_by(seed.someone())
    ids = list(own.order_by("?").values_list("pk", flat=True)[:1_000])
    databases.use(before)
    port, program = free_port(), f"web-{size}"
    url = urlunsplit(urlsplit(rig.url("postgres"))._replace(path=f"/{name(size)}"))
    # The limits would refuse what is measured.
    limits = ("", "_USER", "_WRITE", "_ANONYMOUS")
    off = dict.fromkeys((f"FOAM_API{each}_RATE" for each in limits), "off")
    settings = {"DATABASE_URL": url, "LOG_LEVEL": "WARNING", **off}
    rig.start(program, web(port, WORKERS, *options), settings)
    try:
        rig.wait_until(lambda: answers(port), PATIENCE, "the web server answers")
        yield Site(size, Client(port, token), ids)
    finally:
        rig.kill(program)


def compared(bench: Bench, sites: Sequence[Site]) -> Found:
    found = Found()
    for what in (*ASKED, *LOOKED_FOR):
        few = what in LOOKED_FOR
        count = max(CONNECTIONS, bench.scale.requests // (100 if few else 1))
        for each in sites:
            each.client.load(each.asks(what), max(CONNECTIONS, count // 10), CONNECTIONS)
        for _ in bench.rounds():
            for each in sites:
                load = each.client.load(each.asks(what), count, CONNECTIONS)
                found.add(what, each.stored, load)
    return found


def batches(bench: Bench, small: Site, found: Found) -> None:
    count = bench.scale.batch
    items = [{"op": "create", "fields": NEW}] * count
    for _ in bench.rounds():
        found.one_by_one.append(small.client.load(small.asks("create"), count, 1).wall)
        load = small.client.load(
            lambda n: Ask("POST", f"{REMINDERS}batch/", {"items": items}), 1, 1
        )
        found.at_once.append(load.wall)


def classes(bench: Bench, size: int) -> dict[str, tuple[list[Load], list[Load]]]:
    """Return, by kind of server, what it did alone and beside clients that are slow to ask."""
    found: dict[str, tuple[list[Load], list[Load]]] = {which: ([], []) for which in SERVERS}
    count = max(CONNECTIONS, bench.scale.requests // 2)
    for _ in bench.rounds():
        for which, options in SERVERS.items():
            with site(bench.rig, size, options) as here:
                here.client.load(here.asks("list"), count // 5, CONNECTIONS)
                found[which][0].append(here.client.load(here.asks("list"), count, CONNECTIONS))
                with half_asked(here.client.port, SLOW):
                    # Few: a kind that can do one thing at a time waits until it gives them up.
                    load = here.client.load(here.asks("list"), CONNECTIONS, CONNECTIONS)
                    found[which][1].append(load)
    return found


def report(bench: Bench, found: Found, servers: dict[str, tuple[list[Load], list[Load]]]) -> Part:
    few, many = bench.scale.api
    goals = [grown(found, what, few, many) for what in ("list", "retrieve")]
    faster = ratios(found.one_by_one, found.at_once)
    count = bench.scale.batch
    goals.append(at_least(f"a batch of {count:,} 10 x as fast as one by one", 10, faster))
    return Part(
        "api",
        "The API",
        goals=goals,
        tables=[
            Table(
                f"{WORKERS} gunicorn workers, {CONNECTIONS} connections that ask without a pause",
                ["", "stored", "a second", "p50, ms", "p99, ms", "p99, of the few"],
                [row(found, what, size, few) for what in found.loads for size in (few, many)],
            ),
            Table(
                f"{count:,} reminders created",
                ["", "s"],
                [
                    ["one by one", Spread.of(found.one_by_one)],
                    ["in a batch", Spread.of(found.at_once)],
                ],
            ),
            Table(
                f"Lists, by kind of worker; then beside {SLOW} clients that send half a request",
                ["", "a second", "p99, ms", "beside slow ones, a second", "p99, ms"],
                [served(which, *loads) for which, loads in servers.items()],
            ),
        ],
    )


def grown(found: Found, what: str, few: int, many: int) -> Goal:
    p99 = {size: found.each(what, size, p99_ms) for size in (few, many)}
    return at_most(
        f"p99 of {what} within 1.5 x to {many:,} stored", 1.5, ratios(p99[many], p99[few])
    )


def p99_ms(load: Load) -> float:
    return load.percentile(0.99) * 1000


def p50_ms(load: Load) -> float:
    return load.percentile(0.5) * 1000


def rate(load: Load) -> float:
    return load.rate


def row(found: Found, what: str, size: int, few: int) -> list[Cell]:
    return [
        what,
        f"{size:,}",
        Spread.of(found.each(what, size, rate)),
        Spread.of(found.each(what, size, p50_ms)),
        Spread.of(found.each(what, size, p99_ms)),
        ratios(found.each(what, size, p99_ms), found.each(what, few, p99_ms)),
    ]


def served(which: str, alone: Sequence[Load], beside: Sequence[Load]) -> list[Cell]:
    return [
        which,
        Spread.of(map(rate, alone)),
        Spread.of(map(p99_ms, alone)),
        Spread.of(map(rate, beside)),
        Spread.of(map(p99_ms, beside)),
    ]
