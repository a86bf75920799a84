"""python -m tools.drill, which `manage.py drill` and `make drill` run.

It is a process of its own, so that Django is set up with the test bed's servers and no others.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import django
from django.core.management.base import OutputWrapper

from tools.drill.options import INSTANT, Options, add_arguments
from tools.local_stack import terminal
from tools.local_stack.terminal import paint, say
from tools.testbed.cli import run_for
from tools.testbed.receiver import BEHAVIOURS, Behaviour, Receiver
from tools.testbed.testbed import Rig

LEASE = "50"
NOT_HERE = (
    "A drill runs on a PostgreSQL and a Redis of its own, and they are not installed here, as in "
    "production. In a checkout of this version, on any machine, run: make drill"
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="manage.py drill", description=DESCRIPTION)
    add_arguments(parser)
    options = Options.of(vars(parser.parse_args()))
    return run_for(lambda: drill(options), NOT_HERE, is_json=options.json)


DESCRIPTION = (
    "Let everything go wrong on a throw-away FOAM, and prove that nothing is lost. "
    "Without a choice of faults: all of them."
)


def drill(options: Options) -> int:
    began = time.monotonic()
    behaviours = [Behaviour()] * INSTANT + [BEHAVIOURS[name] for name in options.providers]
    settings = {"FOAM_LEASE_SECONDS": LEASE} if options.quick else {}
    say(paint("Drill", "bold") + paint(f"  seed {options.seed}", "dim"))
    with (
        Rig(durable=True, settings=settings) as rig,
        Receiver(behaviours, bodies=True, seed=options.seed) as receiver,
    ):
        set_up = time.monotonic() - began
        rig.enter()
        django.setup()
        # Imported here, as models need the settings, and these the test bed's environment.
        from reminders.management.progress import Progress  # noqa: PLC0415
        from tools.drill.report import lines, verdict_json  # noqa: PLC0415
        from tools.drill.run import Drill  # noqa: PLC0415

        output = OutputWrapper(terminal.output)
        stage = Drill(options, rig, receiver, set_up, lambda total: Progress(output, total))
        verdict = stage.run()
        seconds = time.monotonic() - began
        say()
        for line in lines(verdict, options, seconds):
            say(line)
        if options.json:
            print(json.dumps(verdict_json(verdict, options, seconds)))
        if not verdict.is_green:
            say(f"  The logs of what ran are kept in {save_logs(rig)}")
    return 0 if verdict.is_green else 1


def save_logs(rig: Rig) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="foam-drill-"))
    shutil.copytree(rig.folder.log, folder, dirs_exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
