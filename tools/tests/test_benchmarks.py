"""That the benchmarks run, at sizes that say nothing; no time is ever asserted."""

import json
import subprocess
import sys

import pytest

from benchmarks import report
from tools.local_stack.data_dir import PROJECT

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


def test_parts_run(results):
    measured = json.loads(results.read_text())
    assert [part["name"] for part in measured["parts"]] == list(report.PARTS)
    assert all(part["tables"] for part in measured["parts"])


def test_benchmarks_lose_nothing(results):
    assert "NOT MET none lost" not in report.text(report.BenchmarkReport.read([results]))


def test_each_rule_and_each_contender_is_measured(results):
    parts = {part["name"]: part for part in json.loads(results.read_text())["parts"]}
    assert len({row[0] for row in parts["recurrence"]["tables"][0]["rows"]}) == 10
    assert len(parts["recurrence"]["goals"]) == 6
    assert len(parts["sending"]["tables"][0]["rows"]) == 7
    assert len(parts["sending"]["goals"]) == 2


def test_report_is_written_from_the_json(results):
    text = report.markdown(report.BenchmarkReport.read([results]))
    assert text.index("## Goals") < text.index("## Machine") < text.index("## Dispatch alone")
    assert "reminders_plan_due" in text
