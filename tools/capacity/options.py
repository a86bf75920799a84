"""The command line of `manage.py capacity` and of `tools.capacity`."""

import argparse
import os

from tools.testbed.cli import number

DELIVERERS = max(2, os.cpu_count() or 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--stored", type=number(100, 10_000_000), default=100_000, help="default: 100000")
    add("--due", type=number(10, 1_000_000), default=10_000, help="at one instant (10000)")
    add(
        "--deliverers",
        type=number(1, 64),
        default=DELIVERERS,
        help=f"processes that send (default here: {DELIVERERS}, one a processor)",
    )
    add("--json", action="store_true", help="the result as JSON on stdout, the rest on stderr")
