"""The fenced blocks of our pages, and what each says of itself.

The language of a block tells what it is: `sh` and `console` are commands and are run, `http` are
requests of the API, the others are to be read. A comment right above a block of commands says why
it is not run: `<!-- not run: needs Docker -->`, or `<!-- parsed: takes minutes -->` where its words
are checked by the parsers of what it calls.
"""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
COMMANDS = ("sh", "console")
MARKER = re.compile(r"<!-- (not run|parsed): (.+) -->")
FENCE = re.compile(r"^( *)(```+)(\S*)\s*$")


@dataclass(frozen=True)
class Fence:
    """A block at `line` of a page; `why` is the reason for which it is not run, `how` the word."""

    page: str
    line: int
    language: str
    text: str
    how: str = ""
    why: str = ""

    @property
    def is_run(self) -> bool:
        return self.language in COMMANDS and not self.how

    @property
    def is_parsed(self) -> bool:
        return self.how == "parsed"

    @property
    def script(self) -> str:
        """The commands of a block; of a `console` what stands after the prompt."""
        if self.language == "sh":
            return self.text
        return "".join(f"{line[2:]}\n" for line in self.text.splitlines() if line[:2] == "$ ")

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command, without comments; what stands in quotes may have lines."""
        found: list[list[str]] = []
        begun = ""
        for line in self.script.replace("\\\n", " ").splitlines():
            begun = f"{begun}\n{line}".lstrip("\n")
            with suppress(ValueError):
                found.append(shlex.split(begun, comments=True))
                begun = ""
        assert not begun, f"{self}: a quote does not end"
        return [words for words in found if words]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def read(path: Path) -> Iterator[Fence]:
    """Yield the blocks of a page in their order."""
    lines = path.read_text().splitlines()
    opened: tuple[int, re.Match[str]] | None = None
    for number, line in enumerate(lines):
        found = FENCE.match(line)
        if opened is None and found:
            opened = number, found
        elif opened and found and found[2] == opened[1][2] and not found[3]:
            start, fence = opened
            marker = MARKER.fullmatch(lines[start - 1].strip()) if start else None
            indent = len(fence[1])
            text = "".join(f"{each[indent:]}\n" for each in lines[start + 1 : number])
            how, why = (marker[1], marker[2]) if marker else ("", "")
            yield Fence(name(path), start + 1, fence[3], text, how, why)
            opened = None
    assert opened is None, f"{name(path)}:{opened[0] + 1} begins a block that does not end"


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


FENCES = [fence for page in PAGES for fence in read(page)]
