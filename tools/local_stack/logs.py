"""What of a child's log is worth interrupting someone for."""

import re
from collections.abc import Iterator

from tools.local_stack.processes import Child
from tools.local_stack.terminal import paint

LEVEL = re.compile(r"\b(DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL)\b")
# The rest of a record: an indented line, or the parts of a traceback that are not.
CONTINUED = re.compile(
    r"\s|Traceback|During handling|The above exception|[\w.]+(Error|Exception)\b"
)
COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}
# `manage.py watch` shows each failed attempt, with its reason: once is enough.
SHOWN_BY_WATCH = re.compile(r" WARNING notifications\.record (more )?attempts? failed ")
# A traceback tells most in its first lines and its last; the log file has it all.
MOST_LINES = 40


class Tail:
    """Follow a log file from its beginning and pick out its warnings and errors."""

    def __init__(self, child: Child) -> None:
        assert child.log is not None
        self.name = child.name
        self.path = child.log
        self.offset = 0
        self.rest = b""
        self.level = "INFO"
        self.shown = 0

    def lines(self) -> Iterator[str]:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            read = file.read()
        self.offset += len(read)
        *whole, self.rest = (self.rest + read).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip()

    def troubles(self) -> Iterator[str]:
        for line in self.lines():
            if SHOWN_BY_WATCH.search(line[:120]):
                self.level = "INFO"
            elif found := LEVEL.search(line[:80]):
                self.level, self.shown = found[1], 0
            elif line.startswith("Traceback") and self.level not in COLOURS:
                self.level, self.shown = "ERROR", 0
            elif not CONTINUED.match(line):
                self.level = "INFO"
            if self.level in COLOURS and self.shown < MOST_LINES and line:
                self.shown += 1
                yield f"{paint(f'{self.name:>8}', COLOURS[self.level])} {line}"
