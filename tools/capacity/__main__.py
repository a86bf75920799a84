"""python -m tools.capacity, which `manage.py capacity` runs.

It is a process of its own, so that Django is set up with the test bed's servers and no others.
"""

import argparse
import json
import logging
import sys
from contextlib import ExitStack
from dataclasses import asdict

import django

from tools.capacity.estimate import bottleneck, capacity_rule, disturbance_warning, lines
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
    options = parser.parse_args()
    return run_for(lambda: run(options), NOT_HERE, is_json=options.json)


def run(options: argparse.Namespace) -> int:
    say(
        paint("Capacity", "bold") + paint("  on a throw-away FOAM; nothing of yours is used", "dim")
    )
    with ExitStack() as exits:
        with step("Servers and migrations"):
            rig = exits.enter_context(Rig(durable=True))
        rig.enter()
        django.setup()
        logging.getLogger().setLevel(logging.WARNING)
        # Imported here, as models need the settings, and these the test bed's environment.
        from tools.capacity.measure import measure_capacity  # noqa: PLC0415

        result = measure_capacity(rig, options.stored, options.due, options.deliverers)
    for line in lines(result):
        say(line)
    if options.json:
        sentences = {
            "rule": capacity_rule(result),
            "bottleneck": bottleneck(result),
            "disturbed": disturbance_warning(result),
        }
        print(json.dumps({**asdict(result), "at_once": result.at_once, **sentences}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
