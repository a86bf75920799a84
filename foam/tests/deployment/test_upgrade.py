"""The release before, at work on the new schema, as it is while an upgrade replaces processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from foam.tests import processes
from tools.migration_check import BASELINE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
]

# What it is asked to do goes through the API and the names of the tasks, which do not change.
AT_WORK = """
import json, time
from datetime import UTC, datetime, timedelta
from django.core.management import call_command
from django.test import Client
from accounts.models import User
from notifications.tasks import deliver
from reminders.tasks import dispatch

user = User.objects.create_user("ada", "ada@example.com", "enigma-1843", timezone="UTC")
client = Client(headers={"host": "127.0.0.1"})
client.force_login(user)

def ask(method, path, body=None, status=200):
    answer = client.generic(method, f"/api/v1/{path}", json.dumps(body or {}), "application/json")
    assert answer.status_code == status, (path, answer.status_code, answer.content)
    return json.loads(answer.content) if answer.content else None

channel = ask("POST", "channels/", {"kind": "inbox", "name": "Inbox"}, 201)
due = (datetime.now(UTC) + timedelta(seconds=2)).isoformat(timespec="seconds")
wish = {"title": "Stand-up", "starts_at": due, "recurrence": "FREQ=DAILY",
        "channels": [channel["id"]], "leads": ["PT0S"]}
reminder = ask("POST", "reminders/", wish, 201)
here = f"reminders/{reminder['id']}/"
deadline = time.monotonic() + 60
while not ask("GET", f"{here}occurrences/")["results"]:
    assert time.monotonic() < deadline, "it does not fire"
    dispatch()
deliver()
assert [each["title"] for each in ask("GET", "inbox/")["results"]] == ["Stand-up"]
assert [each["status"] for each in ask("GET", "deliveries/")["results"]] == ["sent"]
ask("PATCH", here, {"title": "Retrospective"})
ask("POST", f"{here}pause/")
ask("POST", f"{here}resume/")
ask("DELETE", here, status=204)
call_command("ledger")
"""


def git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=processes.PROJECT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no history here: git {words[0]}: {done.stderr.decode().strip()[:100]}")
    return done.stdout


def commits_before() -> list[str]:
    """Return the commits before each that added or removed migrations, the newest first.

    Only those that have the baseline: an upgrade from one before it stops FOAM.
    """
    if git("rev-parse", "--is-shallow-repository").strip() != b"false":
        pytest.skip("the history is cut off here: git fetch --unshallow")
    # Along the line of what was released: a branch that is merged does not count by its own time.
    line = ("--first-parent", "--diff-merges=first-parent", "--diff-filter=AD", "--no-renames")
    commits = git(
        "log", "-20", *line, "--no-patch", "--format=%H^", "--", ":(glob)*/migrations/0*.py"
    )
    kept = [commit for commit in commits.decode().split() if _has_baseline(commit)]
    if not kept:
        pytest.skip("no migration was added since the baseline: an upgrade to it stops FOAM")
    return kept


def _has_baseline(commit: str) -> bool:
    """Whether a commit has the migrations for which FOAM has to be stopped."""
    files = git("ls-tree", "-r", "--name-only", commit).decode().splitlines()
    return {f"{app}/migrations/{name}.py" for app, name in BASELINE.items()} <= set(files)


def lay_out(commit: str, tree: Path) -> Path:
    """Put the files of a commit into a folder: tagged releases need not be fetched."""
    tree.mkdir(exist_ok=True)
    subprocess.run(["tar", "-x", "-C", tree], input=git("archive", commit), check=True)
    return tree


def loopback_of(tree: Path) -> str:
    """Return FOAM_ALLOWED_PRIVATE_NETWORKS for loopback, as the FOAM in `tree` reads it."""
    has_ports = (tree / "accounts" / "quota_list.py").exists()
    return "127.0.0.0/8:*" if has_ports else "127.0.0.0/8"


@pytest.fixture(scope="module")
def release_before(tmp_path_factory) -> Path:
    """The tree as it was before a migration was last added or removed."""
    return lay_out(commits_before()[0], tmp_path_factory.mktemp("before"))


def test_release_before_fires_delivers_and_edits_on_the_new_schema(release_before, beat_rows):
    done = subprocess.run(
        [sys.executable, "-m", "django", "shell", "--verbosity", "0", "-c", AT_WORK],
        cwd=release_before,
        env=processes.environment(FOAM_ALLOWED_PRIVATE_NETWORKS=loopback_of(release_before)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]


def test_release_before_lacks_a_migration_that_this_one_has(release_before):
    def names(tree: Path) -> set[str]:
        return {str(path.relative_to(tree)) for path in tree.glob("*/migrations/0*.py")}

    assert names(release_before) != names(processes.PROJECT)
