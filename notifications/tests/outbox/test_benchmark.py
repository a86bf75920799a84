import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_benchmark_of_email_runs():
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.email", "--quick", "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    measured = json.loads(run.stdout)
    assert len(measured["rows"]) == 6
    assert len(measured["goals"]) == 2
