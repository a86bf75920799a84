"""The API under gunicorn: rates and times by the number of stored reminders.

The client's user is the largest of many owners: PostgreSQL plans the lists of one owner among many
otherwise than the lists of an owner of everything.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from accounts.models import ApiToken
from benchmarks import databases
from benchmarks.bench import Bench
from benchmarks.client import ApiRequest, Client, LoadTimes
from benchmarks.report import Cell, Goal, Part, Spread, Table, at_least, at_most, ratios
from reminders.models import Reminder
from tools.local_stack.programs import web
from tools.local_stack.run import answers
from tools.local_stack.servers import free_port
from tools.testbed import seed
from tools.testbed.testbed import Rig

WORKERS = 2
CONNECTIONS = 4
# The share of the reminders that belongs to other owners.
OTHER_OWNERS_SHARE = 0.9
PATIENCE = 60
NEW = {
    "title": "Take the bread out of the oven",
    "starts_at": "2027-03-01T18:00:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "tags": ["kitchen"],
}
REMINDERS = "/api/v1/reminders/"


@dataclass
class Site:
    """A web server of FOAM over a database of its own."""

    stored: int
    client: Client
    ids: Sequence[int]

    def requests(self, query: str) -> Callable[[int], ApiRequest]:
        queries = {
            "list": "?page_size=50",
            "list, soonest first": "?page_size=50&ordering=next_due_at",
            "list, by a tag that none has": "?page_size=50&tag=garden",
            "list, by a word that none has": "?page_size=50&search=gardening",
        }
        if query in ROW_PATHS:
            path = ROW_PATHS[query]
            return lambda n: ApiRequest("GET", f"{path}{self.ids[n * 7 % len(self.ids)]}/")
        if query in FLOOR_PATHS:
            return lambda n: ApiRequest("GET", FLOOR_PATHS[query])
        if query == "create":
            return lambda n: ApiRequest("POST", REMINDERS, NEW)
        return lambda n: ApiRequest("GET", REMINDERS + queries[query])


STATIC, LIST_FLOOR, RETRIEVE_FLOOR = "static answer", "list, values()", "retrieve, values()"
ROW_PATHS = {"retrieve": REMINDERS, RETRIEVE_FLOOR: "/floor/reminders/"}
FLOOR_PATHS = {STATIC: "/floor/static/", LIST_FLOOR: "/floor/reminders/"}
BESIDE = (("list", LIST_FLOOR), ("list", STATIC), ("retrieve", RETRIEVE_FLOOR))
# Measured with few stored only: see benchmarks.floors.
FLOORS = (STATIC, LIST_FLOOR, RETRIEVE_FLOOR)
# A second, of one user on two idle processors, with the client beside the server.
RATES = {"list": 300, "retrieve": 1_000, "create": 400}
MAX_P99_MS = 50
# A query and its floors take turns, so that a ratio is of one moment.
QUERIES_IN_TURN = (("list", LIST_FLOOR, STATIC), ("retrieve", RETRIEVE_FLOOR), ("create",))
# These read all reminders of the owner, and so fewer of them are sent.
SLOW_QUERIES = (
    "list, soonest first",
    "list, by a tag that none has",
    "list, by a word that none has",
)


@dataclass
class ApiResult:
    loads: dict[str, dict[int, list[LoadTimes]]] = field(default_factory=dict)
    one_by_one: list[float] = field(default_factory=list)
    in_batch: list[float] = field(default_factory=list)

    def add(self, query: str, stored: int, load: LoadTimes) -> None:
        self.loads.setdefault(query, {}).setdefault(stored, []).append(load)

    def values(self, query: str, stored: int, read: Callable[[LoadTimes], float]) -> list[float]:
        return [read(load) for load in self.loads[query][stored]]


def measure(bench: Bench) -> Part:
    before = databases.use(databases.EMPTY)
    few, many = bench.scale.api
    for size in (few, many):
        make(size)
    with site(bench.rig, few) as small, site(bench.rig, many) as big:
        result = measure_queries(bench, (small, big))
        measure_batches(bench, small, result)
    for size in (few, many):
        databases.drop(databases.name_of(size))
    databases.use(before)
    return report(bench, result)


def make(size: int) -> None:
    databases.fill(size, 10)
    seed.share_out(max(1, size // 50), OTHER_OWNERS_SHARE)
    seed.vacuum()
    databases.use(databases.EMPTY)


@contextmanager
def site(rig: Rig, size: int) -> Iterator[Site]:
    """Serve the database with `size` reminders."""
    before = databases.use(databases.name_of(size))
    _, token = ApiToken.issue(seed.seed_owner(), "bench")
    own = Reminder.objects.owned_by(seed.seed_owner())
    ids = list(own.order_by("?").values_list("pk", flat=True)[:1_000])
    databases.use(before)
    port, program = free_port(), f"web-{size}"
    url = urlunsplit(urlsplit(rig.url("postgres"))._replace(path=f"/{databases.name_of(size)}"))
    # The rate limits would refuse most requests of the measurement.
    limits = ("", "_USER", "_WRITE", "_ANONYMOUS")
    off = dict.fromkeys((f"FOAM_API{limit}_RATE" for limit in limits), "off")
    module = {"DJANGO_SETTINGS_MODULE": "benchmarks.floor_settings"}
    settings = {"DATABASE_URL": url, "LOG_LEVEL": "WARNING", **module, **off}
    rig.start(program, web(port, WORKERS), settings)
    try:
        rig.wait_until(lambda: answers(port), PATIENCE, "the web server answers")
        yield Site(size, Client(port, token), ids)
    finally:
        rig.kill(program)


def measure_queries(bench: Bench, sites: Sequence[Site]) -> ApiResult:
    result = ApiResult()
    for queries in (*QUERIES_IN_TURN, *((query,) for query in SLOW_QUERIES)):
        few = queries[0] in SLOW_QUERIES
        count = max(CONNECTIONS, bench.scale.requests // (100 if few else 1))
        turns = [
            (query, site) for query in queries for site in (sites[:1] if query in FLOORS else sites)
        ]
        for query, site in turns:
            site.client.load(site.requests(query), max(CONNECTIONS, count // 10), CONNECTIONS)
        for _ in bench.rounds():
            for query, site in turns:
                load = site.client.load(site.requests(query), count, CONNECTIONS)
                result.add(query, site.stored, load)
    return result


def measure_batches(bench: Bench, small: Site, result: ApiResult) -> None:
    count = bench.scale.batch
    items = [{"op": "create", "fields": NEW}] * count
    for _ in bench.rounds():
        result.one_by_one.append(small.client.load(small.requests("create"), count, 1).wall)
        load = small.client.load(
            lambda n: ApiRequest("POST", f"{REMINDERS}batch/", {"items": items}), 1, 1
        )
        result.in_batch.append(load.wall)


def report(bench: Bench, result: ApiResult) -> Part:
    few, many = bench.scale.api

    def rates_of(query: str) -> list[float]:
        return result.values(query, few, rate)

    goals = [growth_goal(result, query, few, many) for query in ("list", "retrieve")]
    for query, least in RATES.items():
        rates = Spread.of(rates_of(query))
        goals.append(at_least(f"{query}: {least:,} a second", least, rates, "/s"))
        p99 = Spread.of(result.values(query, few, p99_ms))
        goals.append(at_most(f"p99 of {query}: {MAX_P99_MS} ms", MAX_P99_MS, p99, " ms"))
    faster = ratios(result.one_by_one, result.in_batch)
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
                [
                    row(result, query, size, few)
                    for query, loads in result.loads.items()
                    for size in loads
                ],
            ),
            Table(
                "Rates beside their floors",
                ["", "of its rate"],
                [
                    [f"{query}, beside {floor}", ratios(rates_of(query), rates_of(floor))]
                    for query, floor in BESIDE
                ],
            ),
            Table(
                f"{count:,} reminders created",
                ["", "s"],
                [
                    ["one by one", Spread.of(result.one_by_one)],
                    ["in a batch", Spread.of(result.in_batch)],
                ],
            ),
        ],
    )


def growth_goal(result: ApiResult, query: str, few: int, many: int) -> Goal:
    p99 = {size: result.values(query, size, p99_ms) for size in (few, many)}
    return at_most(
        f"p99 of {query} within 1.5 x to {many:,} stored", 1.5, ratios(p99[many], p99[few])
    )


def p99_ms(load: LoadTimes) -> float:
    return load.percentile(0.99) * 1000


def p50_ms(load: LoadTimes) -> float:
    return load.percentile(0.5) * 1000


def rate(load: LoadTimes) -> float:
    return load.rate


def row(result: ApiResult, query: str, size: int, few: int) -> list[Cell]:
    return [
        query,
        f"{size:,}",
        Spread.of(result.values(query, size, rate)),
        Spread.of(result.values(query, size, p50_ms)),
        Spread.of(result.values(query, size, p99_ms)),
        ratios(result.values(query, size, p99_ms), result.values(query, few, p99_ms)),
    ]
