"""The drill: what it expects, how it judges, and that it goes red when FOAM is broken."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from reminders.recurrence import Fire, Lead, Schedule
from tools.drill import __main__ as face
from tools.drill.expected import Fate, Oracle, fires_of
from tools.drill.faults import Faults
from tools.drill.options import Options, add_arguments
from tools.drill.verdict import ExpectedFiring, Observations, compare
from tools.drill.workload import Mixture, Window
from tools.local_stack.data_dir import PROJECT
from tools.testbed import cli

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
NO_LEAD = Lead()
ORACLE = Oracle(NOW, NOW + timedelta(seconds=10))


def at(seconds):
    moment = NOW + timedelta(seconds=seconds)
    return Fire(moment, moment, NO_LEAD)


@pytest.mark.parametrize(
    ("misfire", "seconds", "fates"),
    [
        ("all", [-600, -300, 300], ["fires", "fires", "fires"]),
        ("latest", [-600, -300], ["missed", "fires"]),
        ("latest", [-600, -300, 300], ["missed", "fires", "fires"]),
        # Whether the first tick saw the second one depends on its second.
        ("latest", [-600, 5], ["either", "fires"]),
        # Two so close together may be overtaken while a fault keeps everyone from ticking.
        ("latest", [100, 105], ["either", "fires"]),
        ("none", [-600, -310, 300], ["missed", "missed", "fires"]),
        ("none", [-295], ["either"]),
        ("none", [-200], ["fires"]),
    ],
)
def test_oracle_applies_each_misfire_policy(misfire, seconds, fates):
    fires = [at(each) for each in seconds]
    assert ORACLE.fates(fires, misfire, timedelta(minutes=5)) == [Fate(each) for each in fates]


def test_oracle_lists_each_lead_of_each_due_instant():
    schedule = Schedule(
        starts_at=datetime(2026, 11, 23, 18, 0),
        timezone="UTC",
        recurrence="FREQ=MINUTELY;COUNT=2",
        leads=[NO_LEAD, timedelta(seconds=90)],
    )
    fires = fires_of(schedule, NOW)
    assert [(fire.fire_at.strftime("%H:%M:%S"), fire.lead.seconds) for fire in fires] == [
        ("17:58:30", 90),
        ("17:59:30", 90),
        ("18:00:00", 0),
        ("18:01:00", 0),
    ]


EXPECTED = ExpectedFiring(7, at(60), Fate.FIRES, "latest", (0,))
KEY = (*EXPECTED.saying, 0)


def judge(observed, *, fate=Fate.FIRES, patient=()):
    return compare([replace(EXPECTED, fate=fate)], observed, patient, NOW)


def accepted(*ids):
    observed = Observations()
    for id_ in ids:
        observed.accept(KEY, id_, at(61).fire_at)
    return observed


def test_message_that_arrived_once_is_delivered_and_its_lateness_counts():
    verdict = judge(accepted("foam_1_a"))
    assert verdict.is_green
    assert (verdict.delivered, verdict.late(1)) == (1, 1.0)


def test_message_that_never_arrived_is_missing():
    verdict = judge(Observations())
    assert not verdict.is_green
    assert verdict.missing == ["reminder 7 due 17:01:00, receiver 0"]


def test_message_may_wait_only_for_a_receiver_that_never_answers():
    observed = Observations(waiting={KEY})
    assert not judge(observed).is_green
    assert judge(observed, patient=[0]).is_green


def test_repeat_is_explained_by_a_death_that_left_no_outcome_and_by_nothing_else():
    observed = accepted("foam_1_a", "foam_1_a")
    assert not judge(observed).is_green
    observed.uncertain = Counter({"foam_1_a": 1})
    assert not judge(observed).is_green
    observed.deaths = [(at(62).fire_at, at(62).fire_at)]
    assert judge(observed).is_green
    assert judge(observed).explained == 1


def test_death_long_after_a_message_was_accepted_explains_no_repeat():
    observed = accepted("foam_1_a", "foam_1_a")
    observed.uncertain = Counter({"foam_1_a": 1})
    observed.deaths = [(at(100).fire_at, at(100).fire_at)]
    assert not judge(observed).is_green


def test_repeat_under_another_id_is_never_explained():
    observed = accepted("foam_1_a", "foam_2_a")
    observed.uncertain = Counter({"foam_1_a": 1, "foam_2_a": 1})
    assert not judge(observed).is_green


def test_what_should_have_been_missed_may_neither_arrive_nor_go_unrecorded():
    assert not judge(accepted("foam_1_a"), fate=Fate.MISSED).is_green
    assert not judge(Observations(), fate=Fate.MISSED).is_green
    assert judge(Observations(missed={EXPECTED.saying}), fate=Fate.MISSED).is_green


def test_what_may_go_either_way_is_delivered_or_recorded_as_missed():
    assert judge(accepted("foam_1_a"), fate=Fate.EITHER).is_green
    assert judge(Observations(missed={EXPECTED.saying}), fate=Fate.EITHER).is_green
    assert not judge(Observations(), fate=Fate.EITHER).is_green


def test_message_that_nobody_asked_for_is_unexpected():
    observed = accepted("foam_1_a")
    observed.accept((8, *KEY[1:]), "foam_2_a", NOW)
    assert judge(observed).unexpected == ["reminder 8 due 17:01:00, receiver 0"]


def parse(*words):
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return vars(parser.parse_args(words))


def test_drill_without_a_choice_of_faults_has_all_of_them():
    options = Options.of(parse("--quick"))
    assert options.kill9
    assert options.flush_broker
    assert options.restart_postgres
    assert options.outage == timedelta(hours=2)
    assert options.providers == ("flaky", "slow", "dead", "hang")


def test_fault_that_is_asked_for_comes_alone():
    options = Options.of(parse("--restart-postgres"))
    assert options.restart_postgres
    assert not options.kill9
    assert not options.outage
    assert options.providers == ()


def test_workers_are_killed_with_messages_on_their_way_to_a_slow_receiver():
    assert Options.of(parse("--kill9")).providers == ("slow",)
    assert Options.of(parse("--kill9", "--provider", "dead")).providers == ("dead",)


@pytest.mark.parametrize("words", [["--workers", "1", "--beats", "1"], ["--seconds", "5"], []])
def test_nothing_is_killed_that_was_killed_and_not_started_again(words):
    options = Options.of(parse("--kill9", "--provider", "forgetful", *words))
    faults = Faults(options, FakeRig(), None)
    for fault in faults.timeline(14, [2, 7]):
        fault.strike()
    assert faults.rig.dead == set()
    assert faults.rig.killed >= {"deliver1", "dispatch1", "beat1"}


class FakeRig:
    """Keeps book of what is killed and started, and does neither."""

    def __init__(self):
        self.dead, self.killed = set(), set()

    def kill(self, name):
        assert name not in self.dead
        self.dead.add(name)
        self.killed.add(name)

    def start_again(self, name):
        self.dead.remove(name)


def test_words_that_are_handed_on_mean_the_same():
    asked = parse("--quick", "--outage", "90m", "--provider", "dead", "--beats", "3", "--seed", "0")
    assert parse(*cli.words_of(add_arguments, asked)) == asked


def test_same_seed_makes_the_same_mixture():
    options = Options.of(parse("--quick", "--seed", "7"))
    window = Window(NOW, timedelta(seconds=20))
    assert Mixture(options, window, 6).wishes() == Mixture(options, window, 6).wishes()


def test_drill_says_where_it_can_run_when_there_are_no_servers_to_embed(monkeypatch, capsys):
    monkeypatch.setattr(cli, "package_directory", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["drill"])
    assert face.main() == 1
    assert "make drill" in capsys.readouterr().err


SMALL = ["--quick", "--seconds", "5", "--reminders", "60", "--workers", "1", "--beats", "1"]


def drill(tmp_path, *words, project=PROJECT):
    """Run a small drill, which keeps the logs of a red one in a temporary directory."""
    return subprocess.run(
        [sys.executable, "-m", "tools.drill", *SMALL, "--json", *words],
        cwd=project,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.e2e
def test_small_drill_is_green(tmp_path):
    done = drill(tmp_path, "--provider", "instant")
    result = json.loads(done.stdout)
    assert (done.returncode, result["green"]) == (0, True), done.stderr
    assert result["delivered"] == result["messages"] > 60


@pytest.mark.e2e
def test_drill_is_red_when_foam_forgets_a_channel(tmp_path):
    """A copy of FOAM that posts to each reminder's first channel only."""
    project = tmp_path / "project"
    project.mkdir()
    for part in ("accounts", "foam", "notifications", "reminders", "tools", "manage.py"):
        copy = shutil.copytree if (PROJECT / part).is_dir() else shutil.copy
        copy(PROJECT / part, project / part)
    firing = project / "reminders" / "engine" / "firing.py"
    sound, broken = "for channel_id in channel_ids\n", "for channel_id in channel_ids[:1]\n"
    assert sound in firing.read_text()
    firing.write_text(firing.read_text().replace(sound, broken))
    done = drill(tmp_path, "--provider", "instant", project=project)
    result = json.loads(done.stdout)
    assert (done.returncode, result["green"]) == (1, False), done.stderr
    assert result["missing"] > 0


@pytest.mark.e2e
def test_interrupted_drill_leaves_nothing_behind():
    words = [sys.executable, "-m", "tools.drill", *SMALL]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        next(line for line in process.stdout if "stored" in line)
        family = psutil.Process(process.pid).children(recursive=True)
        data = next(Path(each.cwd()) for each in family if each.name() == "postgres")
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert "nothing is left behind" in rest
    assert not psutil.wait_procs(family, 10)[1]
    assert not data.parent.exists()
