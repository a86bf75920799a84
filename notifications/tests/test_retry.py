from datetime import timedelta
from random import Random

import pytest

from notifications.retry import LADDER, LONGEST_WAIT, MAX_ATTEMPTS, backoff


class Least(Random):
    def random(self):
        return 0.0


class Most(Random):
    def random(self):
        return 0.999999


@pytest.mark.parametrize(("attempt", "step"), list(enumerate(LADDER, start=1)))
def test_wait_is_the_step_of_the_ladder(attempt, step):
    assert backoff(attempt, random=Least()) == step


@pytest.mark.parametrize("attempt", range(1, MAX_ATTEMPTS))
def test_jitter_adds_at_most_a_tenth(attempt):
    step = LADDER[attempt - 1]
    assert step <= backoff(attempt, random=Most()) <= step * 1.1


def test_two_that_failed_together_do_not_return_together():
    random = Random(7)
    assert len({backoff(3, random=random) for _ in range(50)}) == 50


def test_ladder_lasts_about_75_hours_in_ten_attempts():
    assert len(LADDER) == MAX_ATTEMPTS - 1
    assert timedelta(hours=75) < sum(LADDER, timedelta()) < timedelta(hours=76)


def test_longer_retry_after_is_obeyed():
    assert backoff(1, timedelta(minutes=7), random=Least()) == timedelta(minutes=7)


def test_shorter_retry_after_changes_nothing():
    assert backoff(2, timedelta(seconds=1), random=Least()) == LADDER[1]


def test_receiver_cannot_make_us_wait_for_ever():
    assert backoff(1, timedelta(days=365), random=Least()) == LONGEST_WAIT
