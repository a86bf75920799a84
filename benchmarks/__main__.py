"""Measure FOAM on a throw-away test bed, against its goals and its alternatives. See README.md.

python -m benchmarks [--quick] [--json] [--keep] [PART ...]
"""

import argparse
import logging
import sys
import time
from importlib import import_module
from pathlib import Path

import django

from benchmarks.report import PARTS
from tools.local_stack.terminal import Problem
from tools.testbed.cli import run_for
from tools.testbed.testbed import Rig

NOT_HERE = "Benchmarks need a PostgreSQL and a Redis of their own: make install."


def parse_options(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of a command line; end the program if they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="less of everything, two minutes")
    parser.add_argument("--tiny", action="store_true", help="only to see that everything runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--out", type=Path, help="also write the JSON to a file, part by part")
    parser.add_argument("--keep", action="store_true", help="keep it for docs/benchmarks.md")
    options = parser.parse_args(words)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def main() -> int:
    options = parse_options()
    return run_for(lambda: run(options), NOT_HERE, is_json=options.json)


def run(options: argparse.Namespace) -> int:
    # As in production, PostgreSQL waits until a commit is on the disk.
    with Rig(durable=True) as rig:
        rig.enter()
        django.setup()
        logging.getLogger().setLevel(logging.WARNING)
        return run_parts(rig, options)


def run_parts(rig: Rig, options: argparse.Namespace) -> int:
    """Measure each part, print the report, and return the number of parts that failed."""
    bench = import_module("benchmarks.bench")
    reports = import_module("benchmarks.report")
    databases = import_module("benchmarks.databases")
    scale = bench.SCALES["tiny" if options.tiny else "quick" if options.quick else "full"]
    import_module("tools.testbed.seed").delete_all()
    databases.copy(databases.use("postgres"), databases.EMPTY)
    databases.use("foam")
    report = reports.BenchmarkReport(bench.describe_machine(scale), [])
    failed = []
    for name in options.parts or PARTS:
        began, occasion = time.monotonic(), bench.describe_occasion()
        try:
            part = import_module(f"benchmarks.{name}").measure(bench.Bench(rig, scale))
        except (Problem, AssertionError):
            # The results of the other parts are still of use.
            logging.exception("%s could not be measured", name)
            failed.append(name)
            databases.use("foam")
            continue
        part.occasion = occasion
        report.parts.append(part)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if options.out:
            options.out.write_text(report.json())
        if options.keep:
            report.store()
    print(report.json() if options.json else reports.text(report))
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
