"""List the docstrings, comments and names that break the rules of CONTRIBUTING.md, "Words".

python -m tools.word_check            # in all files: make lint
python -m tools.word_check foam/api   # in these folders and files
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
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
# Of fields of the API: their names are a promise to its clients.
PUBLIC_NAMES = {("reminders/api/batch_views.py", "done")}
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
        *_of_names(tree, path),
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


def _of_names(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    # One line may assign a name twice.
    for line, name in sorted(set(_assigned_names(tree))):
        if VAGUE_NAME.fullmatch(name) and (path, name) not in PUBLIC_NAMES:
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
    options = parser.parse_args(arguments)
    offences = all_offences()
    if options.paths:
        paths = [path.resolve() for path in options.paths]
        names = {str(file.relative_to(PROJECT)) for file in python_files(paths)}
        offences = [offence for offence in offences if offence.path in names]
    lines = [str(offence) for offence in offences]
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
