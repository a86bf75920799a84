import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tools.drill.options import add_arguments, words_of
from tools.local_stack.execute import attend
from tools.local_stack.processes import Signals, Stop


class Command(BaseCommand):
    help = (
        "Let everything go wrong on a throw-away FOAM of its own, and prove that nothing is lost. "
        "Without a choice of faults: all of them."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        # Not in this process, which has been set up with the operator's database.
        words = [sys.executable, "-m", "tools.drill", *words_of(options)]
        try:
            code = attend(words, dict(os.environ), Signals())
        except Stop as stop:
            code = 128 + stop.signal
        sys.exit(code)
