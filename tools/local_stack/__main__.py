"""python -m tools.local_stack run; python -m tools.local_stack exec [--ephemeral] -- COMMAND ..."""

import argparse
import sys

from tools.local_stack.execute import run_command
from tools.local_stack.processes import Signals, Stop
from tools.local_stack.run import run_stack
from tools.local_stack.terminal import Problem, paint


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.local_stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="all of FOAM, until Ctrl-C")
    command = commands.add_parser("exec", help="one command, with servers for it")
    command.add_argument("--ephemeral", action="store_true", help="servers that keep nothing")
    command.add_argument("words", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    signals = Signals()
    try:
        if options.command == "exec":
            return run_command(options.words, signals, ephemeral=options.ephemeral)
        return run_stack(signals)
    except Problem as problem:
        print(paint(str(problem), "red"), file=sys.stderr)
        return 1
    except Stop as stop:
        return 0 if options.command == "run" else 128 + stop.signal


if __name__ == "__main__":
    sys.exit(main())
