"""That the benchmarks run, at sizes that say nothing; no time is ever asserted.

Two parts of them: CI runs all.
"""

import json
import subprocess
import sys

import pytest

from benchmarks import report
from tools.local_stack.data_dir import PROJECT

pytestmark = pytest.mark.e2e

PARTS = ("dispatch", "idle")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The path of what a tiny run wrote."""
    path = tmp_path_factory.mktemp("benchmarks") / "results.json"
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--tiny", "--out", path, *PARTS],
        capture_output=True,
        check=True,
        cwd=PROJECT,
    )
    return path


def test_parts_run(results):
    measured = json.loads(results.read_text())
    assert [part["name"] for part in measured["parts"]] == list(PARTS)
    assert all(part["tables"] for part in measured["parts"])


def test_report_is_written_from_the_json(results):
    text = report.markdown(report.Report.read([results]))
    assert text.index("## Goals") < text.index("## Machine") < text.index("## Dispatch alone")
    assert "reminders_reminder_due" in text
