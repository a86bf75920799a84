"""List the docstrings, comments and names that break the rules of CONTRIBUTING.md, "Words".

    python -m tools.word_check            # compare the counts of all files with the baseline
    python -m tools.word_check foam/api   # list every offence in these folders and files
    python -m tools.word_check --write    # write the baseline, which may only shrink

The baseline counts the offences of each file that were there before this check was. A file with
more fails, and so does one with fewer, until the lower count is written: it cannot grow back.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
BASELINE = Path(__file__).with_name("word_check_baseline.txt")
ROOTS = (
    "accounts",
    "benchmarks",
    "foam",
    "manage.py",
    "notifications",
    "reminders",
    "requirements",
    "tools",
)
IGNORED_FOLDERS = {"tests", "migrations"}

PRONOUNS = re.compile(
    r"\b(whoever|whatever|whichever|nobody|somebody else's|what of|one that|those that|those who"
    r"|so many|so much|who asks|what is told|what was asked)\b",
    re.IGNORECASE,
)
QUESTION = re.compile(r"(What|Who|Whose|How|When|Which|Where)\b")
VAGUE_NAME = re.compile(
    r"_*(found|told|asked|shown|kept|rest|each|why|said|made|gone|left|known|given|taken|done"
    r"|whose|who|which|those|others?|wanted|seen|meant|chosen)_*",
    re.IGNORECASE,
)
# Django finds a management command by this name of its class.
SHARED_CLASS_NAMES = {"Command"}


class Offence(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def python_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the Python files in `paths`, without tests and migrations, in order."""
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if not IGNORED_FOLDERS & set(file.relative_to(PROJECT).parts):
                yield file


def offences_in(source: str, path: str) -> Iterator[Offence]:
    """Yield the offences that can be seen in one file alone."""
    tree = ast.parse(source)
    for line, text in (
        *_of_docstrings(tree),
        *_of_comments(source),
        *_of_names(tree),
        *_of_module_name(tree, Path(path)),
    ):
        yield Offence(path, line, text)


def repeated_classes(sources: dict[str, str]) -> Iterator[Offence]:
    """Yield an offence for each definition of a class whose name has several, by path."""
    definitions: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and node.name not in SHARED_CLASS_NAMES:
                definitions[node.name].append((path, node.lineno))
    for name, places in definitions.items():
        for path, line in places:
            elsewhere = [f"{file}:{at}" for file, at in places if (file, at) != (path, line)]
            if elsewhere:
                text = f"class {name} is defined in {', '.join(elsewhere)} too"
                yield Offence(path, line, text)


def all_offences() -> list[Offence]:
    files = python_files([PROJECT / name for name in ROOTS])
    sources = {str(file.relative_to(PROJECT)): file.read_text() for file in files}
    in_files = [
        offence for path, source in sources.items() for offence in offences_in(source, path)
    ]
    return sorted([*in_files, *repeated_classes(sources)])


def read_baseline(file: Path) -> Counter[str]:
    lines = file.read_text().splitlines() if file.exists() else []
    return Counter({path: int(count) for path, count in map(str.split, lines)})


def write_baseline(file: Path, offences: Sequence[Offence]) -> str:
    """Write the count of each file; return an error instead where there are more in all."""
    baseline = read_baseline(file)
    if file.exists() and len(offences) > baseline.total():
        return (
            f"There are {len(offences)} offences, and {baseline.total()} in the baseline, which may"
            " only shrink. Mend the new ones: python -m tools.word_check lists them."
        )
    counts = Counter(offence.path for offence in offences)
    file.write_text("".join(f"{path} {count}\n" for path, count in sorted(counts.items())))
    return ""


def compare(offences: Sequence[Offence], baseline: Counter[str]) -> list[str]:
    """Return what differs from the baseline, a line each; nothing where all counts agree."""
    counts = Counter(offence.path for offence in offences)
    lines = []
    for path in sorted(counts.keys() | baseline.keys()):
        count, allowed = counts[path], baseline[path]
        if count > allowed:
            lines.append(f"{path}: {count} offences against the rules of words, {allowed} allowed:")
            lines += [f"  {offence}" for offence in offences if offence.path == path]
        elif count < allowed:
            lines.append(
                f"{path}: {count} offences, and {allowed} in the baseline. Thank you;"
                " `make words` writes the lower count."
            )
    return lines


def _of_docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node) or ""
        line = getattr(node, "lineno", 1)
        if match := PRONOUNS.search(docstring):
            yield line, f'docstring: "{match[0]}" stands for a noun'
        if match := QUESTION.match(docstring):
            yield line, f'docstring begins with "{match[0]}" instead of a verb or a noun'


def _of_comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (match := PRONOUNS.search(token.string)):
            yield token.start[0], f'comment: "{match[0]}" stands for a noun'


def _of_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    # One line may assign a name twice.
    for line, name in sorted(set(_assigned_names(tree))):
        if VAGUE_NAME.fullmatch(name):
            yield line, f'name: "{name}" does not say what it holds'


def _assigned_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name


def _of_module_name(tree: ast.Module, path: Path) -> Iterator[tuple[int, str]]:
    module = path.parent.name if path.stem == "__init__" else path.stem
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == module:
            yield node.lineno, f'the function "{module}" is called like its module'


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, help="list the offences in these")
    parser.add_argument("--write", action="store_true", help="write the baseline")
    options = parser.parse_args(arguments)
    offences = all_offences()
    if options.paths:
        chosen_files = {
            str(file.relative_to(PROJECT))
            for file in python_files([path.resolve() for path in options.paths])
        }
        lines = [str(offence) for offence in offences if offence.path in chosen_files]
    elif options.write:
        lines = list(filter(None, [write_baseline(BASELINE, offences)]))
    else:
        lines = compare(offences, read_baseline(BASELINE))
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
