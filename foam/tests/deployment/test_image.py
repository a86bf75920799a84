"""The image: what the Dockerfile copies is let in by .dockerignore, and works without the rest."""

from pathlib import Path

import pytest
from django.conf import settings

from foam.tests.deployment.dockerfile import Context, Ignore, stages

ROOT = Path(settings.BASE_DIR)
STAGES = stages((ROOT / "Dockerfile").read_text())
COPIES = [(stage.name, source) for stage in STAGES for source, _ in stage.copies()]


@pytest.mark.parametrize(("stage", "source"), COPIES)
def test_what_a_stage_copies_is_let_in(stage: str, source: str):
    assert Context(ROOT).matches(source), f".dockerignore leaves {source} out"


def test_requirements_of_every_extra_are_copied():
    copied = {Path(source).stem for _, source in COPIES if source.startswith("requirements/")}
    text = (ROOT / "Dockerfile").read_text()
    assert "requirements/$FOAM_EXTRA.txt" in text
    assert copied == {"base", "sentry"}


# As `docker build` of these rules does it.
RULES = """
# A comment.
*
!foam
!requirements/base.txt
!docs/*.md
  !spaces.txt\t
!/rooted.txt
**/__pycache__
**/tests
foam/*/old
foam/v?.txt
foam/[ab].txt
!foam/keep/tests/one.py
"""


@pytest.mark.parametrize(
    ("path", "is_in"),
    [
        ("foam/urls.py", True),
        ("foam/deep/er/x.py", True),
        ("foam/tests/test_x.py", False),
        ("tests", False),
        ("foam/a/tests/x.py", False),
        ("foam/__pycache__/x.pyc", False),
        ("foam/mytests/x.py", True),
        ("foam/keep/tests/one.py", True),
        ("foam/keep/tests/two.py", False),
        ("foam/x/old", False),
        ("foam/x/old/y.py", False),
        ("foam/x/y/old", True),
        ("foam/v1.txt", False),
        ("foam/v10.txt", True),
        ("foam/a.txt", False),
        ("foam/c.txt", True),
        ("foamy/x.py", False),
        ("requirements/base.txt", True),
        ("requirements/baseXtxt", False),
        ("requirements/sentry.txt", False),
        ("docs/a.md", True),
        ("docs/a/b.md", False),
        ("spaces.txt", True),
        ("rooted.txt", True),
        (".env", False),
        (".git/config", False),
    ],
)
def test_last_rule_that_matches_a_path_or_a_folder_above_it_decides(path: str, is_in: bool):
    assert Ignore(RULES).leaves_out(path) is not is_in


@pytest.mark.parametrize(
    ("source", "files"),
    [
        (".", ["app/a.py", "app/b.txt", "run.sh"]),
        ("./run.sh", ["run.sh"]),
        ("app", ["app/a.py", "app/b.txt"]),
        ("app/", ["app/a.py", "app/b.txt"]),
        ("app/*.py", ["app/a.py"]),
        ("*.sh", ["run.sh"]),
        ("secret.txt", []),
        ("ap", []),
        ("*.py", []),
    ],
)
def test_copy_takes_files_folders_and_patterns(source: str, files: list[str], tmp_path: Path):
    for name in ("app/a.py", "app/b.txt", "run.sh", "secret.txt", ".dockerignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".dockerignore").write_text("secret.txt\n.dockerignore\n")
    assert sorted(Context(tmp_path).matches(source)) == files


def test_dockerfile_is_read_in_stages_with_flags_and_continued_lines():
    text = (
        "# syntax\nARG V=1\nFROM one AS build\nCOPY --chown=1:1 a \\\n  # a remark\n  b to/\n"
        'FROM two\nCOPY --from=build /a /a\nCOPY ["c d", "to"]\n'
    )
    [build, last] = stages(text)
    assert (build.base, build.name, build.copies()) == (
        "one",
        "build",
        [("a", "to/"), ("b", "to/")],
    )
    assert (last.base, last.name, last.copies()) == ("two", "1", [("c d", "to")])
