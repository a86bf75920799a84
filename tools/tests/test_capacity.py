import json
import subprocess
import sys

import pytest

from tools.capacity.estimate import (
    CapacityResult,
    Share,
    bottleneck,
    capacity_rule,
    disturbance_warning,
    lines,
    round_down,
)
from tools.local_stack.data_dir import PROJECT

BURST = Share(
    {"postgres": 2.0, "deliver": 1.5, "dispatch": 0.5},
    measuring=0.0,
    busy=4.0,
    waiting=0.0,
    total=4.2,
)


def measured(**changed) -> CapacityResult:
    return CapacityResult(
        **{
            "processors": 2,
            "deliverers": 2,
            "stored": 100_000,
            "dispatched": 24_000.0,
            "instant": 6_543.0,
            "slow": 4_000.0,
            "late": 1.2,
            "idle_tick": 0.001,
            "sustained": 4_500,
            "sustained_late": 0.8,
            "bytes_stored": 700.0,
            "bytes_sent": 1_900.0,
            "memory": {"deliver": 160.0, "beat": 80.0},
            "share": BURST,
            **changed,
        }
    )


@pytest.mark.parametrize(
    ("value", "told"), [(65_430, 65_000), (9_990, 9_900), (12, 12), (7.6, 7), (0.4, 0)]
)
def test_figures_are_rounded_down_to_what_can_be_promised(value, told):
    assert round_down(value) == told


def test_rule_tells_bursts_flow_and_disk():
    assert capacity_rule(measured()) == (
        "This machine carries about 65,000 reminders due at one instant within 10 s, 4,500 a "
        "second sustained, and 1,400,000 stored per GB of disk. Each GB also holds the "
        "records of 520,000 messages sent."
    )


def test_bottleneck_is_the_processors_when_all_are_busy():
    assert bottleneck(measured()).startswith("The processors were all busy. Of what FOAM used: ")
    assert "postgres 50 %, deliver 38 %, dispatch 12 %" in bottleneck(measured())


@pytest.mark.parametrize(
    ("cpu", "waiting", "word"),
    [
        ({"postgres": 0.5}, 2.0, "disk"),
        ({"dispatch": 1.9, "deliver": 1.0}, 0.0, "dispatcher"),
        ({"dispatch": 0.2, "deliver": 3.8}, 0.0, "deliverers"),
        ({"dispatch": 0.2, "deliver": 1.0}, 0.0, "Waiting"),
    ],
)
def test_bottleneck_is_what_was_used_up(cpu, waiting, word):
    share = Share(cpu, measuring=0.0, busy=sum(cpu.values()), waiting=waiting, total=8.0)
    assert word in bottleneck(measured(processors=4, share=share))


def test_other_programs_on_the_machine_are_told_of():
    share = Share({"postgres": 1.0}, measuring=0.5, busy=3.9, waiting=0.0, total=4.0)
    assert disturbance_warning(measured(share=share)).startswith(
        "Other programs used 60 % of this machine"
    )
    assert disturbance_warning(measured()) == ""


def test_nothing_sustained_is_said_in_words():
    assert any("nothing tried" in line for line in lines(measured(sustained=0)))


@pytest.mark.e2e
def test_capacity_measures_a_rig_and_answers_in_json():
    run = subprocess.run(
        [sys.executable, "manage.py", "capacity", "--json", "--stored=300", "--due=40"],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    )
    told = json.loads(run.stdout)
    assert told["instant"] > 0
    assert told["bytes_stored"] > 0
    assert told["rule"].startswith("This machine carries about ")
