"""Turns measurements into sentences that an operator can plan with. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10

GB = 1_000_000_000
# The rule is about a burst that is sent and recorded within this time.
BURST_SECONDS = 10
# The share of its time from which a processor counts as busy, or as waiting for the disk.
BUSY_SHARE = 0.85
WAITING_SHARE = 0.2
# The share of the machine that other programs may use without spoiling the figures.
OTHERS_SHARE = 0.15


@dataclass(frozen=True)
class Share:
    """The CPU seconds that a burst used; `total` is those of all processors."""

    cpu: Mapping[str, float]  # by process of FOAM and its servers
    measuring: float  # by the receiver and the measuring process
    busy: float
    waiting: float
    total: float


@dataclass(frozen=True)
class CapacityResult:
    processors: int
    deliverers: int
    stored: int
    dispatched: float  # reminders a second, from their rows to occurrences and deliveries
    instant: float  # messages a second from row to recorded outcome, receivers answering at once
    slow: float  # the same, receivers answering after 50 ms
    late: float  # p99 of the instant burst, s
    idle_tick: float  # s
    sustained: int  # messages a second
    sustained_late: float  # p99, s
    bytes_stored: float  # of a reminder with its indexes
    bytes_sent: float  # of an occurrence, its delivery and its attempt
    memory: Mapping[str, float]  # MiB by process, after the bursts
    share: Share

    @property
    def at_once(self) -> int:
        """The number of reminders due at one instant that are sent within BURST_SECONDS."""
        return round_down(self.instant * BURST_SECONDS)


def round_down(value: float) -> int:
    """Round down to two digits, as the measurement is no more precise."""
    if value < 1:
        return 0
    unit = 10 ** max(0, floor(log10(value)) - 1)
    return int(value // unit * unit)


def capacity_rule(result: CapacityResult) -> str:
    return (
        f"This machine carries about {result.at_once:,} reminders due at one instant within "
        f"{BURST_SECONDS} s, {result.sustained:,} a second sustained, and "
        f"{round_down(GB / result.bytes_stored):,} stored per GB of disk. Each GB also holds the "
        f"records of {round_down(GB / result.bytes_sent):,} messages sent."
    )


def bottleneck(result: CapacityResult) -> str:
    """Return a sentence about the resource that limited the burst."""
    share = result.share
    if not share.total:
        return "Not known: this system has no /proc."
    seconds = share.total / result.processors
    ours = sum(share.cpu.values()) or 1.0
    most = sorted(share.cpu, key=lambda name: -share.cpu[name])[:3]
    usage = ", ".join(f"{name} {100 * share.cpu[name] / ours:.0f} %" for name in most)
    if share.busy >= BUSY_SHARE * share.total:
        measuring = 100 * share.measuring / share.total
        return (
            f"The processors were all busy. Of what FOAM used: {usage}. The receiver and measuring "
            f"took {measuring:.0f} % of the machine."
        )
    if share.waiting >= WAITING_SHARE * share.total:
        percent = 100 * share.waiting / share.total
        return f"The disk: processors waited for it {percent:.0f} % of the time."
    if share.cpu.get("dispatch", 0.0) >= BUSY_SHARE * seconds:
        return "The dispatcher, which kept one processor busy while others were not."
    if share.cpu.get("deliver", 0.0) >= BUSY_SHARE * seconds * result.deliverers:
        return "The deliverers, while processors were free: run more of them (--deliverers)."
    percent = 100 * share.busy / share.total
    return (
        f"Waiting for each other: processors were {percent:.0f} % busy. Of what FOAM used: "
        f"{usage}. More deliverers (--deliverers) may help."
    )


def lines(result: CapacityResult) -> list[str]:
    """Return the report, line by line."""
    sustained = f"{result.sustained:,} a second, p99 {result.sustained_late:.2f} s late"
    memory = ", ".join(f"{name} {mib:.0f}" for name, mib in result.memory.items())
    rows = {
        "fired": f"{result.dispatched:,.0f} reminders a second, by one dispatcher",
        "sent at once": f"{result.instant:,.0f} messages a second, p99 {result.late:.2f} s late",
        "sent, 50 ms": f"{result.slow:,.0f} messages a second to receivers that take 50 ms",
        "sustained": sustained if result.sustained else "nothing tried stayed within a second",
        "idle tick": f"{1e3 * result.idle_tick:.2f} ms with {result.stored:,} stored",
        "memory": f"{memory} MiB",
        "on disk": f"{result.bytes_stored:,.0f} bytes a reminder, "
        f"{result.bytes_sent:,.0f} a message sent",
    }
    table = [f"  {name:<13} {text}" for name, text in rows.items()]
    sentences = [
        capacity_rule(result),
        f"Bottleneck of the burst: {bottleneck(result)}",
        disturbance_warning(result),
    ]
    return ["", *table, *(line for text in sentences if text for line in ("", text))]


def disturbance_warning(result: CapacityResult) -> str:
    """Return a warning if other programs used much of the machine meanwhile; else ""."""
    share = result.share
    others_cpu = share.busy - share.measuring - sum(share.cpu.values())
    if others_cpu < OTHERS_SHARE * max(share.total, 0.01):
        return ""
    percent = 100 * others_cpu / share.total
    return (
        f"Other programs used {percent:.0f} % of this machine meanwhile: stop "
        "them and measure again, or take these figures for what FOAM gets beside them."
    )
