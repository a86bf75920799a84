"""Take each guarantee away, one at a time and in a copy of the tree, and see which test goes red.

    make mutations                       # all of them, as a table
    make mutations ARGS="claim lease"    # those with these words in their names

A mutation whose text is no longer there is an error: this table follows the code.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tools.mutations import MUTATIONS, PROJECT, Mutation
from tools.mutations.paths import INITIAL_ROWS

IGNORED = shutil.ignore_patterns(".git", ".venv", ".foam", "__pycache__", ".*_cache")
FAILED = "FAILED "


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="foam-mutation-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(PROJECT, tree, ignore=IGNORED, symlinks=True)
        yield tree


def is_schema_file(path: str) -> bool:
    return "/migrations/" in path or path == INITIAL_ROWS


@contextmanager
def template_database() -> Iterator[str]:
    """Yield the name of a database that the tests copy, rather than migrate one each time."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = f"foam_mutations_{os.getpid()}"
    server_url = url._replace(scheme="postgresql").geturl()
    with psycopg.connect(server_url, autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name}")
        try:
            subprocess.run(
                [sys.executable, "manage.py", "migrate_once", "--verbosity", "0"],
                cwd=PROJECT,
                env={**os.environ, "DATABASE_URL": url._replace(path=f"/{name}").geturl()},
                check=True,
            )
            yield name
        finally:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)")


def first_red_test(tree: Path, tests: Sequence[str], template: str) -> str:
    """Run the tests in a tree; return the first that failed, or nothing when all are green."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    process = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "FOAM_TEST_TEMPLATE": template},
        capture_output=True,
        text=True,
        check=False,
    )
    failures = [line for line in process.stdout.splitlines() if line.startswith(FAILED)]
    if process.returncode == 0:
        return ""
    if process.returncode != 1 or not failures:
        sys.exit(f"These tests did not run:\n{process.stdout[-3000:]}{process.stderr[-3000:]}")
    return failures[0].removeprefix(FAILED).split(" - ")[0]


def apply_all(mutations: Sequence[Mutation], template: str, *, at_once: bool) -> int:
    """Apply one mutation after the other, print its red test; return the number of survivors."""
    if not at_once:
        with copy_of_the_tree() as tree:
            tests = {test for mutation in mutations for test in mutation.tests}
            if test := first_red_test(tree, sorted(tests), template):
                sys.exit(f"Without any mutation, {test} is red.")
    survivors = 0
    print("| promise | taken away | red |\n|---|---|---|", flush=True)
    for mutation in mutations:
        changes_schema = any(is_schema_file(edit.path) for edit in mutation.edits)
        with copy_of_the_tree() as tree:
            for edit in mutation.edits:
                edit.apply(tree)
            test = first_red_test(tree, mutation.tests, "" if changes_schema else template)
        survivors += not test
        name = test.split("::", 1)[-1]
        print(f"| {mutation.promise} | {mutation.name} | {name or '**none**'} |", flush=True)
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only those with one of these words: P2, lease")
    parser.add_argument("--at-once", action="store_true", help="do not see first that all is green")
    options = parser.parse_args()
    mutations = [
        mutation
        for mutation in MUTATIONS
        if not options.words
        or any(word in f"{mutation.promise} {mutation.name}" for word in options.words)
    ]
    with template_database() as template:
        survivors = apply_all(mutations, template, at_once=options.at_once)
    print(f"\n{len(mutations) - survivors} of {len(mutations)} went red.")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
