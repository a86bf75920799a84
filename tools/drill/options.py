"""The options of a drill, and the command line of `manage.py drill` and `tools.drill`. Pure."""

import argparse
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from tools.testbed.cli import number

PROVIDERS = ("instant", "flaky", "slow", "dead", "hang", "forgetful")
# The faults of a drill without options: all that FOAM has to survive.
ALL_PROVIDERS = ("flaky", "slow", "dead", "hang")
ALL_OUTAGE = timedelta(hours=2)
# Receivers that answer at once, beside one for each other provider.
INSTANT = 6
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST_OUTAGE = timedelta(days=7)


def span(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,7})([smhd])", text)
    length = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not timedelta(minutes=1) <= length <= LONGEST_OUTAGE:
        raise argparse.ArgumentTypeError(f"{text!r} must be like 90m, 2h or 1d, from 1m to 7d")
    return length


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--quick", action="store_true", help="small and short, with a lease of 50 s; about 80 s")
    add("--reminders", type=number(20, 200_000), help="default: 2000, with --quick 300")
    add("--seconds", type=number(5, 3600), help="of due instants (default: 60, with --quick 15)")
    add("--workers", type=number(1, 8), help="of each kind, dispatch and deliver (default: 2)")
    add("--beats", type=number(1, 8), help="schedulers at once (default: 2)")
    add(
        "--kill9",
        action="store_true",
        help="SIGKILL workers and beats while they work (with a slow receiver to be killed at)",
    )
    add("--flush-broker", action="store_true", help="empty Redis, and restart it")
    add("--restart-postgres", action="store_true", help="crash PostgreSQL and start it again")
    add("--outage", type=span, help="everything was down for so long at the start, such as 2h")
    add(
        "--provider",
        action="append",
        choices=PROVIDERS,
        help="how a receiver behaves, beside the instant ones; may be given several times. "
        "`forgetful` loses what it accepted: with it the drill must fail",
    )
    add("--seed", type=number(0, 10**9), default=1, help="of the mixture (default: 1)")
    add("--json", action="store_true", help="the result as JSON on stdout, the rest on stderr")


@dataclass(frozen=True)
class Options:
    """The options of a drill, with defaults filled in."""

    quick: bool
    reminders: int
    seconds: int
    workers: int
    beats: int
    kill9: bool
    flush_broker: bool
    restart_postgres: bool
    outage: timedelta
    providers: tuple[str, ...]
    seed: int
    json: bool

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> Self:
        """Fill in the defaults; without any fault among the arguments, choose all faults."""
        faults = ("kill9", "flush_broker", "restart_postgres", "outage", "provider")
        everything = not any(arguments[name] for name in faults)
        # Something must be on its way when a worker is killed.
        default = ALL_PROVIDERS if everything else ("slow",) if arguments["kill9"] else ()
        providers = arguments["provider"] or default
        return cls(
            quick=arguments["quick"],
            reminders=arguments["reminders"] or (300 if arguments["quick"] else 2000),
            seconds=arguments["seconds"] or (15 if arguments["quick"] else 60),
            workers=arguments["workers"] or 2,
            beats=arguments["beats"] or 2,
            kill9=arguments["kill9"] or everything,
            flush_broker=arguments["flush_broker"] or everything,
            restart_postgres=arguments["restart_postgres"] or everything,
            outage=arguments["outage"] or (ALL_OUTAGE if everything else timedelta(0)),
            providers=tuple(dict.fromkeys(name for name in providers if name != "instant")),
            seed=arguments["seed"],
            json=arguments["json"],
        )
