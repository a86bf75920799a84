"""`manage.py watch`: what is new is shown as it happens, each once."""

import pytest

from foam.management.commands.watch import Follow
from reminders import dispatch
from reminders.models import Occurrence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]


@pytest.fixture
def follow():
    return Follow(Occurrence.objects.of_users())


def test_what_is_new_is_shown_once(follow, make_reminder, now):
    make_reminder()
    dispatch.tick(now)
    assert follow.new() == ([Occurrence.objects.get()], 0)
    assert follow.new() == ([], 0)


def test_of_a_burst_the_first_are_shown_and_the_rest_counted(follow, make_reminder, now):
    for _ in range(Follow.SHOWN + 3):
        make_reminder()
    dispatch.tick(now)
    shown, more = follow.new()
    assert (len(shown), more) == (Follow.SHOWN, 3)
    assert follow.new() == ([], 0)


def test_what_is_committed_after_a_later_one_is_shown(follow, make_reminder, now):
    make_reminder()
    make_reminder()
    dispatch.tick(now)
    first, second = Occurrence.objects.order_by("pk")
    late = Follow(Occurrence.objects.exclude(pk=first.pk))
    late.rows = Occurrence.objects.all()
    assert late.new() == ([first], 0)
    assert second.pk in late.seen
