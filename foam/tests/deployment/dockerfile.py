"""Dockerfile and .dockerignore, read as Docker reads them: what an image is built from."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property
from pathlib import Path, PurePosixPath

# Without one in front, an instruction is one line.
CONTINUED = re.compile(r"\\[ \t]*\n")
FLAG = re.compile(r"--[a-z][a-z-]*(=\S+)?")


class DockerfileError(Exception):
    """The Dockerfile says something that Docker, or this reader, does not know."""


# .dockerignore


@dataclass(frozen=True)
class Pattern:
    expression: re.Pattern[str]
    is_exception: bool

    def covers(self, path: str) -> bool:
        """Tell if the pattern matches a path or one of the folders above it."""
        parts = path.split("/")
        above = ("/".join(parts[:number]) for number in range(len(parts), 0, -1))
        return any(self.expression.fullmatch(each) for each in above)


class Ignore:
    """The rules of a .dockerignore: the last line that matches a path decides about it."""

    def __init__(self, text: str) -> None:
        self.patterns = list(_patterns(text))

    def leaves_out(self, path: str) -> bool:
        is_left_out = False
        for pattern in self.patterns:
            if pattern.is_exception == is_left_out and pattern.covers(path):
                is_left_out = not is_left_out
        return is_left_out


def _patterns(text: str) -> Iterator[Pattern]:
    for line in text.removeprefix("\ufeff").splitlines():
        # A mark of a comment is one at the very beginning only.
        words = "" if line.startswith("#") else line.strip()
        if not words:
            continue
        is_exception = words.startswith("!")
        path = os.path.normpath(words.removeprefix("!").strip())
        yield Pattern(re.compile(_expression(path.lstrip("/"))), is_exception)


def _expression(pattern: str) -> str:
    """Return a pattern of Go's filepath.Match, with Docker's `**`, as a regular expression."""
    parts = re.findall(r"\*\*/?|\*|\?|\\.|\[[^\]]+\]|.", pattern)
    return "".join(_part(part, is_last=i == len(parts) - 1) for i, part in enumerate(parts))


def _part(part: str, *, is_last: bool) -> str:
    if part.startswith("**"):
        return ".*" if is_last else "(.*/)?"
    if part in {"*", "?"}:
        return {"*": "[^/]*", "?": "[^/]"}[part]
    if part.startswith("[") and len(part) > 1:
        return part
    return re.escape(part[1:] if part.startswith("\\") and len(part) > 1 else part)


# The build context


class Context:
    """The files of a folder that a builder is given: those that .dockerignore lets in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignored = folder / ".dockerignore"
        self.ignore = Ignore(ignored.read_text() if ignored.exists() else "")

    @cached_property
    def files(self) -> list[str]:
        return [path for path in _files(self.folder) if not self.ignore.leaves_out(path)]

    def matches(self, source: str) -> list[str]:
        """Return the files that COPY takes for a source: file, folder or pattern."""
        path = os.path.normpath(source).lstrip("/")
        if path in {".", ""}:
            return self.files
        wanted = [re.compile(translate(part)) for part in path.split("/")]
        return [name for name in self.files if _begins_with(name.split("/"), wanted)]


def _begins_with(parts: list[str], wanted: list[re.Pattern[str]]) -> bool:
    return len(parts) >= len(wanted) and all(
        pattern.fullmatch(part) for pattern, part in zip(wanted, parts, strict=False)
    )


def _files(folder: Path) -> Iterator[str]:
    for above, folders, names in os.walk(folder):
        # Neither is ever in an image, and both are large.
        folders[:] = [name for name in folders if name not in {".git", ".venv"}]
        for name in names:
            yield (Path(above) / name).relative_to(folder).as_posix()


# Dockerfile


@dataclass(frozen=True)
class Instruction:
    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


@dataclass
class Stage:
    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def copies(self) -> list[tuple[str, str]]:
        """Return source and target of each file or folder that comes from the build context."""
        return [
            (source, instruction.words[-1])
            for instruction in self.instructions
            if instruction.name in {"COPY", "ADD"} and "from" not in instruction.flags
            for source in instruction.words[:-1]
        ]


def stages(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile, in their order."""
    found: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.name == "FROM":
            words = instruction.words
            name = words[2] if len(words) == 3 and words[1].upper() == "AS" else str(len(found))
            found.append(Stage(words[0], name))
        elif found:
            found[-1].instructions.append(instruction)
        elif instruction.name != "ARG":
            raise DockerfileError(f"{instruction.name} stands before the first FROM.")
    return found


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in CONTINUED.sub(" ", "\n".join(lines) + "\n").splitlines():
        if not line.strip():
            continue
        name, _, text_of = line.strip().partition(" ")
        flags: dict[str, str] = {}
        text_of = text_of.strip()
        while match := FLAG.match(text_of):
            key, _, value = match[0].removeprefix("--").partition("=")
            flags[key] = value
            text_of = text_of[match.end() :].strip()
        if "<<" in text_of:
            raise DockerfileError(f"{name} with a here-document is not read here.")
        yield Instruction(name.upper(), flags, text_of)


def target_of(source: str, target: str, workdir: str) -> str:
    """Return where COPY puts a source in the image, as an absolute path."""
    path = PurePosixPath(workdir, target)
    is_folder = target.endswith("/") or target in {".", ".."}
    return str(path / PurePosixPath(source).name if is_folder else path)
