"""That the benchmarks run, at sizes that say nothing; no time is ever asserted."""

import json
import subprocess
import sys

import pytest

from benchmarks import report
from benchmarks.__main__ import PARTS
from foam.stack.folder import PROJECT

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The path of what a tiny run wrote."""
    path = tmp_path_factory.mktemp("benchmarks") / "results.json"
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--tiny", "--out", path],
        capture_output=True,
        check=True,
        cwd=PROJECT,
    )
    return path


def test_every_part_runs(results):
    measured = json.loads(results.read_text())
    assert [part["name"] for part in measured["parts"]] == list(PARTS)
    assert all(part["tables"] for part in measured["parts"])


def test_burst_loses_and_doubles_nothing(results):
    goals = report.Report.read([results]).goals
    counted = [goal for goal in goals if goal.name.startswith("none lost, none doubled")]
    assert len(counted) == 2
    assert all(goal.met for goal in counted)


def test_report_is_written_from_the_json(results):
    text = report.markdown(report.Report.read([results]))
    assert text.index("## Goals") < text.index("## Machine") < text.index("## End to end")
    assert "reminders_reminder_due" in text
