"""Measure FOAM on a throw-away rig, against its goals and what else one would use. See README.md.

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
from tools.local_stack.processes import Stop
from tools.local_stack.terminal import Problem
from tools.testbed.testbed import Rig


def read(words: list[str] | None = None) -> argparse.Namespace:
    """Return what a command line asks for; it ends the program where that cannot be understood."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="less of everything, two minutes")
    parser.add_argument("--tiny", action="store_true", help="only to see that everything runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--out", type=Path, help="also write the JSON to a file, part by part")
    parser.add_argument("--keep", action="store_true", help="keep it for docs/benchmarks.md")
    asked = parser.parse_args(words)
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return asked


def main() -> int:
    asked = read()
    scale = "tiny" if asked.tiny else "quick" if asked.quick else "full"
    try:
        # Like production: what is committed is on the disk.
        with Rig(durable=True) as rig:
            rig.enter()
            django.setup()
            logging.getLogger().setLevel(logging.WARNING)
            return run(rig, scale, asked)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except Stop as stop:
        return 128 + stop.signal


def run(rig: Rig, scale: str, asked: argparse.Namespace) -> int:
    bench = import_module("benchmarks.bench")
    reports = import_module("benchmarks.report")
    databases = import_module("benchmarks.databases")
    import_module("tools.testbed.seed").empty()
    databases.copy(databases.use("postgres"), databases.EMPTY)
    databases.use("foam")
    report = reports.Report(bench.machine(bench.SCALES[scale]), [])
    failed = []
    for name in asked.parts or PARTS:
        began, occasion = time.monotonic(), bench.occasion()
        try:
            measured = import_module(f"benchmarks.{name}").measure(
                bench.Bench(rig, bench.SCALES[scale])
            )
        except (Problem, AssertionError):
            # The others are still worth having.
            logging.exception("%s could not be measured", name)
            failed.append(name)
            databases.use("foam")
            continue
        measured.occasion = occasion
        report.parts.append(measured)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if asked.out:
            asked.out.write_text(report.json())
        if asked.keep:
            report.keep()
    print(report.json() if asked.json else reports.text(report))
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
