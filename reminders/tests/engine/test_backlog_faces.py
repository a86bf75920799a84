"""The admin's page of the backlog, and the command: what they show, who may decide, and how."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.audit.actor import Actor, Source, acting_as
from reminders.engine import tick
from reminders.models import Backlog, Occurrence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

PAGE = "/admin/reminders/backlog/now/"


@pytest.fixture(autouse=True)
def late(make_reminder, monkeypatch):
    """Three reminders that an outage has left, each with three occurrences due meanwhile."""
    monkeypatch.setattr(tick, "FIRST", 3)
    began = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    return [
        make_reminder(
            starts_at=began.replace(tzinfo=None),
            stored_at=began - timedelta(hours=1),
            recurrence="FREQ=MINUTELY;INTERVAL=20;COUNT=3",
        )
        for _ in range(3)
    ]


@pytest.fixture
def desk(client, staff):
    client.force_login(staff)
    return client


def viewer(user, *codenames):
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def told(*args):
    """Return what the command says."""
    out = StringIO()
    # As manage.py does.
    with acting_as(Actor(Source.COMMAND)):
        call_command("backlog", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_page_shows_what_each_decision_would_do(desk):
    page = desk.get(PAGE).content.decode()
    assert '<span class="font-semibold">3</span> reminders overdue' in page
    assert "Counted exactly." in page
    assert page.count("<dt>Recorded as missed</dt><dd>6</dd>") == 2
    assert page.count("<dt>Recorded as missed</dt><dd>9</dd>") == 1


def test_drop_asks_first(desk):
    page = desk.post(PAGE, {"decision": "drop", "seen": "0"}).content.decode()
    assert "Drop 3 reminders?" in page
    assert not Backlog.objects.exists()


def test_confirmed_decision_is_taken_and_told(desk, staff):
    answer = desk.post(PAGE, {"decision": "drop", "seen": "0", "sure": "yes"}, follow=True)
    backlog = Backlog.objects.get()
    assert (backlog.decision, backlog.decided_by, backlog.decider) == (
        "drop",
        staff,
        "grace in the admin",
    )
    assert "Dropped: they are recorded as missed" in answer.content.decode()
    assert LogEntry.objects.get().object_id == str(backlog.pk)
    tick.run(timezone.now())
    assert set(Occurrence.objects.values_list("status", flat=True)) == {"missed"}


def test_hold_is_taken_at_once(desk):
    desk.post(PAGE, {"decision": "hold", "seen": "0"})
    assert Backlog.objects.get().decision == "hold"


def test_release_takes_another_rate(desk):
    desk.post(PAGE, {"decision": "release", "seen": "0", "rate": "7", "sure": "yes"})
    assert (Backlog.objects.get().decision, Backlog.objects.get().rate) == ("release", 7)


@pytest.mark.parametrize("rate", ["-1", "many", "1000001", "9" * 30])
def test_bad_rate_is_told_and_nothing_decided(desk, rate):
    page = desk.post(PAGE, {"decision": "release", "seen": "0", "rate": rate, "sure": "yes"})
    assert "must be a" in page.content.decode()
    assert not Backlog.objects.exists()


def test_decision_about_what_has_changed_meanwhile_is_refused(desk, settings):
    settings.FOAM_BACKLOG_RATE = 1
    tick.run(timezone.now())
    page = desk.post(PAGE, {"decision": "drop", "seen": "0", "sure": "yes"}).content.decode()
    assert "look again" in page
    assert Backlog.objects.get().decision == "release"


def test_who_may_only_look_does_not_decide(client, stranger):
    client.force_login(viewer(stranger, "view_backlog"))
    assert 'name="decision"' not in client.get(PAGE).content.decode()
    answer = client.post(PAGE, {"decision": "hold", "seen": "0"})
    assert answer.status_code == 403
    assert not Backlog.objects.exists()


def test_who_may_decide_need_not_be_a_superuser(client, stranger):
    client.force_login(viewer(stranger, "decide_backlog"))
    client.post(PAGE, {"decision": "hold", "seen": "0"})
    assert Backlog.objects.get().decider == "eve in the admin"


def test_other_staff_do_not_see_it(client, stranger):
    client.force_login(viewer(stranger, "view_reminder"))
    assert client.get(PAGE).status_code == 403


def test_every_page_of_the_admin_says_that_it_is_held(desk):
    desk.post(PAGE, {"decision": "hold", "seen": "0"})
    page = desk.get("/admin/").content.decode()
    assert "Late reminders wait until somebody decides: held by grace in the admin." in page


def test_page_says_when_nothing_is_overdue(desk, late):
    for each in late:
        each.pause(timezone.now())
    page = desk.get(PAGE).content.decode()
    assert "Nothing is overdue." in page
    assert 'name="decision"' not in page


def test_readiness_tells_of_it_and_stays_ready(desk):
    desk.post(PAGE, {"decision": "hold", "seen": "0"})
    answer = desk.get("/readyz?exclude=tick&exclude=canary&exclude=broker")
    assert answer.status_code == 200
    assert answer.json()["backlog"].startswith("Late reminders wait until somebody decides")


def test_command_shows_and_decides():
    assert "release              3           6  at least 1 s" in told()
    assert "held by a command" in told("--hold")
    assert "at most 5 a second" in told("--release", "--rate", "5")
    assert Backlog.objects.get().rate == 5


def test_command_drops_nothing_unasked():
    with pytest.raises(CommandError, match="--yes"):
        told("--drop")
    assert not Backlog.objects.exists()
    told("--drop", "--yes")
    assert Backlog.objects.get().decision == "drop"


def test_command_names_what_it_cannot_take():
    with pytest.raises(CommandError, match="must be a whole number from 0"):
        told("--release", "--rate", "-2")


def test_command_answers_programs():
    found = json.loads(told("--hold", "--json"))
    assert found["backlog"]["decision"] == "hold"
    assert found["overdue"] == 3
    assert found["outcomes"]["drop"] == {"messages": 0, "missed": 9, "seconds": None}
