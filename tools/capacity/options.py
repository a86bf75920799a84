"""The command line of `manage.py capacity` and of `tools.capacity`."""

import argparse
import os
from typing import Any

DELIVERERS = max(2, os.cpu_count() or 1)


def number(lowest: int, highest: int) -> Any:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} must be {lowest} to {highest}")
        return int(text)

    return read


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


def words_of(options: dict[str, Any]) -> list[str]:
    """Return the command line that parses to these options."""
    words = [f"--{name}={options[name]}" for name in ("stored", "due", "deliverers")]
    return [*words, "--json"] if options["json"] else words
