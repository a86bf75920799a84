"""Picks warnings and errors out of the log files of child processes."""

import re
from collections.abc import Iterator

from tools.local_stack.processes import Child
from tools.local_stack.terminal import paint

LEVEL = re.compile(r"\b(DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL)\b")
# Later lines of a record: indented ones, and the parts of a traceback that are not indented.
CONTINUED = re.compile(
    r"\s|Traceback|During handling|The above exception|[\w.]+(Error|Exception)\b"
)
COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}
# `manage.py watch` shows each failed attempt, with its reason: once is enough.
SHOWN_BY_WATCH = re.compile(r" WARNING notifications\.outbox\.record (more )?attempts? failed ")
# A traceback tells most in its first lines and its last; the log file has it all.
MOST_LINES = 40


class Tail:
    """Follow a log file from its beginning and pick out its warnings and errors."""

    def __init__(self, child: Child) -> None:
        assert child.log is not None
        self.name = child.name
        self.path = child.log
        self.offset = 0
        self.partial_line = b""
        self.level = "INFO"
        self.line_count = 0

    def lines(self) -> Iterator[str]:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            read = file.read()
        self.offset += len(read)
        *whole, self.partial_line = (self.partial_line + read).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip()

    def troubles(self) -> Iterator[str]:
        for line in self.lines():
            if SHOWN_BY_WATCH.search(line[:120]):
                self.level = "INFO"
            elif match := LEVEL.search(line[:80]):
                self.level, self.line_count = match[1], 0
            elif line.startswith("Traceback") and self.level not in COLOURS:
                self.level, self.line_count = "ERROR", 0
            elif not CONTINUED.match(line):
                self.level = "INFO"
            if self.level in COLOURS and self.line_count < MOST_LINES and line:
                self.line_count += 1
                yield f"{paint(f'{self.name:>8}', COLOURS[self.level])} {line}"
