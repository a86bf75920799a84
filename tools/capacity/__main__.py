"""python -m tools.capacity: what `manage.py capacity` runs.

A process of its own, so that Django is set up with the rig's servers and has never heard of others.
"""

import argparse
import json
import logging
import sys
from contextlib import ExitStack
from dataclasses import asdict

import django

from tools.capacity.estimate import bottleneck, disturbed, lines, rule
from tools.capacity.options import add_arguments
from tools.local_stack.terminal import paint, say, step
from tools.testbed.cli import run_for
from tools.testbed.testbed import Rig

NOT_HERE = (
    "Capacity is measured on a PostgreSQL and a Redis of its own, and they are not installed here, "
    "as in production. In a checkout of this version, on the same machine, run: make capacity"
)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="manage.py capacity", description="Measure how much this machine carries."
    )
    add_arguments(parser)
    asked = parser.parse_args()
    return run_for(lambda: run(asked), NOT_HERE, is_json=asked.json)


def run(asked: argparse.Namespace) -> int:
    say(
        paint("Capacity", "bold") + paint("  on a throw-away FOAM; nothing of yours is used", "dim")
    )
    with ExitStack() as exits:
        with step("Servers and migrations"):
            rig = exits.enter_context(Rig(durable=True))
        rig.enter()
        django.setup()
        logging.getLogger().setLevel(logging.WARNING)
        # Only now: models need the settings, and these the rig's environment.
        from tools.capacity.measure import measure  # noqa: PLC0415

        measured = measure(rig, asked.stored, asked.due, asked.deliverers)
    for line in lines(measured):
        say(line)
    if asked.json:
        told = {
            "rule": rule(measured),
            "bottleneck": bottleneck(measured),
            "disturbed": disturbed(measured),
        }
        print(json.dumps({**asdict(measured), "at_once": measured.at_once, **told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
