"""The front page of the admin: what it says, to whom, and what that costs."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.models import SYSTEM_USER_ID, User
from accounts.timezones import zone
from foam.monitoring import dashboard, health, metrics
from foam.monitoring.dashboard import charts, clock_changes, due, sampling, state
from foam.monitoring.dashboard.due import DueForecast
from foam.monitoring.dashboard.state import Level
from notifications.metrics import hourly as hours
from notifications.metrics import store
from notifications.models import Channel, Delivery
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError
from reminders.engine import canary, firing, tick
from reminders.models import Occurrence, Plan, Reminder
from tools.mutations import PROJECT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken", "empty_cache")]

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
UTC_ZONE = zone("UTC")


@pytest.fixture(autouse=True)
def broker(monkeypatch):
    monkeypatch.setattr(health, "_broker", lambda: "ok")


@pytest.fixture
def at_work(now, beat_rows):
    """Ticks and canaries come."""
    canary.plant(now)
    tick.run(now)


def read(now, may_view=lambda model: True):
    return dashboard.read_dashboard(now, UTC_ZONE, may_view)


def figures(now):
    return {each.label: each for each in read(now)["state"].figures}


def text(now, label):
    return figures(now)[label].text


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


def rows_of(client, now, label):
    """The rows that a figure's link leads to."""
    answer = client.get(figures(now)[label].url)
    assert answer.status_code == 200
    return set(answer.context["cl"].queryset.values_list("pk", flat=True))


# Whether all is well


def test_all_is_well_when_reminders_fire_and_arrive(at_work, now):
    found = read(now)["state"]
    assert (found.headline, found.troubles) == ("All is well. Reminders fire and arrive.", [])
    assert found.level == Level.WELL


def test_what_stops_everything_is_the_headline(at_work, now):
    found = read(now + MINUTE)["state"]
    assert found.level == Level.WRONG
    assert found.headline.startswith("Reminders are not firing. The scheduler last ticked 60 s ago")
    assert figures(now + MINUTE)["Last tick"].text == "1 min ago"


def test_broker_that_is_away_is_told(at_work, now, monkeypatch):
    monkeypatch.setattr(health, "_broker", lambda: "The broker does not answer.")
    assert read(now)["state"].headline == "The broker does not answer."


def test_tick_that_was_switched_off_is_told_with_what_to_do(at_work, now):
    PeriodicTask.objects.filter(task="reminders.tasks.dispatch").update(enabled=False)
    found = read(now)["state"]
    assert "dispatch is switched off: nothing fires. Enable" in found.headline


def test_one_stuck_reminder_is_to_be_looked_at(at_work, make_reminder, now):
    aside = make_reminder()
    Plan.objects.filter(pk=aside.pk).update(error="boom", next_fire_at=now + 2 * MINUTE)
    found = read(now)["state"]
    assert found.headline == "Reminders fire and arrive. To look at:"
    assert found.troubles == ["Reminders set aside with an error: 1."]


def test_limits_are_those_of_the_alerts():
    alerts = (PROJECT / "docs/monitoring/alerts.yml").read_text()
    for name, limit in (
        ("FoamRemindersOverdue", state.OVERDUE.total_seconds()),
        ("FoamDeliveriesOverdue", state.WAITING.total_seconds()),
    ):
        rule = alerts.split(f"alert: {name}\n")[1].split("for:")[0]
        assert rule.strip().endswith(f"> {limit:g}")
    rule = alerts.split("alert: FoamAttemptsFail\n")[1].split("for:")[0]
    assert f"> {state.FAILING:g}\n" in rule
    assert rule.strip().endswith(f"> {state.ENOUGH}")


# Figures, and the lists that they lead to


def test_overdue_reminders_are_counted_and_found(make_reminder, staff_client, now):
    late = make_reminder(starts_at=datetime(2026, 11, 23, 16, 55))
    make_reminder(starts_at=datetime(2090, 1, 2))
    label = "Reminders overdue"
    assert figures(now)[label].text == "1, the oldest for 5 min"
    assert figures(now)[label].level == Level.WRONG
    assert rows_of(staff_client, now, label) == {late.pk}


def test_backlog_that_is_seconds_old_is_no_trouble(reminder, now):
    found = figures(now + timedelta(seconds=3))["Reminders overdue"]
    assert (found.text, found.level) == ("1, the oldest for 3 s", Level.WELL)


def test_reminders_that_were_set_aside_are_counted_and_found(make_reminder, staff_client, now):
    make_reminder(recurrence="FREQ=DAILY")
    make_reminder(recurrence="FREQ=DAILY")
    (first, _) = firing.claim(now, 2)
    tick.set_aside(first, ValueError("boom"), now)
    aside = Reminder.objects.get(pk=first.pk)
    label = "Reminders set aside with an error"
    assert text(now, label) == "1"
    assert rows_of(staff_client, now, label) == {aside.pk}
    assert text(aside.next_fire_at + HOUR, label) == "1"


def test_overdue_follow_ups_are_counted_and_found(make_reminder, staff_client, now):
    nags = make_reminder(nag_every=timedelta(minutes=10))
    make_reminder()
    tick.run(now)
    later = now + timedelta(minutes=12)
    label = "Snoozes and nags overdue"
    assert text(later, label) == "1, the oldest for 2 min"
    assert rows_of(staff_client, later, label) == {nags.occurrences.get().pk}


def test_deliveries_that_are_due_or_lost_are_counted_and_found(channel, staff_client, now):
    posts = [Post(channel.pk, f"test:{n}", "Title", "", now - MINUTE) for n in range(4)]
    post_messages(posts, now - MINUTE)
    due, sending, lost, later = Delivery.objects.order_by("pk").values_list("pk", flat=True)
    row = Delivery.objects.filter
    row(pk=sending).update(status="sending", leased_until=now + MINUTE)
    row(pk=lost).update(status="sending", leased_until=now - timedelta(seconds=1))
    row(pk=later).update(next_attempt_at=now + HOUR)
    assert text(now, "Deliveries due and not taken") == "1, the oldest for 1 min"
    assert rows_of(staff_client, now, "Deliveries due and not taken") == {due}
    assert text(now, "Deliveries whose lease has run out") == "1"
    assert rows_of(staff_client, now, "Deliveries whose lease has run out") == {lost}


def test_deliveries_given_up_within_a_day_are_counted_and_found(
    channel, recorder, staff_client, now
):
    hours.mark(now)
    post_messages([Post(channel.pk, "test:1", "Title", "", now)], now)
    recorder.fail_with(TransportError("gone", permanent=True))
    deliver_due(now)
    label = "Deliveries given up in 24 h"
    assert (figures(now)[label].text, figures(now)[label].level) == ("1", Level.NOTE)
    assert rows_of(staff_client, now, label) == {Delivery.objects.get().pk}


def test_disabled_and_hung_channels_are_counted_and_found(channel, user, staff_client, now):
    channel.disable("gone", now)
    hung = Channel.objects.create(owner=user, kind="email", held_until=now + MINUTE)
    Channel.objects.create(owner=user, kind="email", disabled_at=now, deleted_at=now)
    assert text(now, "Channels disabled") == "1"
    assert rows_of(staff_client, now, "Channels disabled") == {channel.pk}
    assert rows_of(staff_client, now, "Channels resting after a time-out") == {hung.pk}


def test_kind_of_channel_by_which_most_attempts_fail_is_wrong(at_work, now):
    hours.mark(now)
    store.add(
        Counter(
            {
                store.ATTEMPTS.series(kind="email", outcome="transient"): 30,
                store.ATTEMPTS.series(kind="email", outcome="sent"): 10,
                store.ATTEMPTS.series(kind="webhook", outcome="permanent"): 9,
            }
        )
    )
    assert read(now)["state"].headline == "Attempts that fail, E-mail: 30 of 40 in this hour."


def test_what_is_counted_is_counted_up_to_a_limit(make_reminder, now, monkeypatch):
    monkeypatch.setattr(state, "CAP", 2)
    for _ in range(4):
        make_reminder()
    assert text(now, "Reminders overdue").startswith("more than 2, ")


def test_canary_is_in_no_figure(planted, now):
    Plan.objects.filter(pk=SYSTEM_USER_ID).update(error="boom")
    Channel.objects.filter(pk=SYSTEM_USER_ID).update(disabled_at=now, held_until=now + HOUR)
    post_messages([Post(SYSTEM_USER_ID, "test:1", "Title", "", now)], now)
    Occurrence.objects.create(
        reminder=planted, due_at=now, status="pending", recorded_at=now, follow_up_at=now
    )
    store.add(Counter({store.ATTEMPTS.series(kind="null", outcome="sent"): 9}))
    later = now + 2 * MINUTE
    found = figures(later)
    counted = {label for label in found if label not in {"Last tick", "Last canary that arrived"}}
    texts = {found[label].text for label in counted}
    assert texts == {"answers", "none", "not counted yet"}
    assert read(now - MINUTE)["due"].columns == []
    assert read(later)["sent"] == []


# Plots


def test_due_reminders_are_plotted_by_the_hour(make_reminder, now):
    for minute in (5, 50):
        make_reminder(starts_at=datetime(2026, 11, 23, 17, minute))
    make_reminder(starts_at=datetime(2026, 11, 24, 16, 59))
    make_reminder(starts_at=datetime(2026, 11, 24, 17, 0))
    found = due.read(now)
    assert (found.counts[0], found.counts[23], sum(found.counts)) == (2, 1, 3)
    plot = charts.draw_due(found, zone("Asia/Kolkata"))
    assert plot.table[1] == ("Mon 22:30", "2")
    assert "In all 3. The busiest hour, from 22:30 on, has 2." in plot.text


def test_overdue_reminders_are_not_among_those_to_come(reminder, now):
    assert sum(due.read(now + MINUTE).counts) == 0


def test_many_due_reminders_are_counted_on_all_pages_of_a_small_table(
    make_reminder, now, monkeypatch
):
    monkeypatch.setattr(due, "CAP", 2)
    for _ in range(4):
        make_reminder(starts_at=datetime(2026, 11, 23, 20, 15))
    found = due.read(now)
    assert (found.counts[3], sum(found.counts), found.sample_size) == (4, 4, None)


def test_estimate_is_told_with_two_digits_and_what_it_is_from(now):
    plot = charts.draw_due(DueForecast(now, now, [38_251, 0, 7], 765), UTC_ZONE)
    assert plot.text == (
        "In all about 38,000. The busiest hour, from 17:00 on, has about 38,000. Estimated from a "
        "sample in which 765 were found; each reminder is counted once, at its next due time."
    )
    assert [row[1] for row in plot.table[1:]] == ["about 38,000", "about 0", "about 7"]


def test_what_is_due_is_kept_for_a_while_and_says_as_of_when(make_reminder, now):
    assert due.read(now).at == now
    make_reminder(starts_at=datetime(2026, 11, 23, 20, 15))
    kept = due.read(now + MINUTE)
    assert (kept.at, sum(kept.counts)) == (now, 0)


def test_sent_and_failed_are_plotted_by_kind_and_hour(channel, recorder, now):
    hours.mark(now)
    posts = [Post(channel.pk, f"test:{n}", "Title", "", now) for n in range(3)]
    post_messages(posts, now)
    recorder.fail_with(TransportError("busy"))
    deliver_due(now)
    recorder.recover()
    hours.mark(now + HOUR)
    deliver_due(now + HOUR)
    later = now + HOUR + MINUTE
    (plot,) = charts.draw_sent(hours.last(24, later), UTC_ZONE)
    assert (plot.title, plot.text) == ("Webhook", "3 sent, 3 failed attempts.")
    assert plot.table[-2:] == [("Mon 17:00", "0", "3"), ("Mon 18:00", "3", "0")]
    assert plot.table[1] == ("Sun 19:00", "not counted", "not counted")
    assert [[bar.look for bar in column.bars] for column in plot.columns[-3:]] == [
        ["unknown"],
        ["failed"],
        ["sent"],
    ]


def test_tick_marks_the_hour(now):
    assert hours.last(1, now)[0].counted_from is None
    tick.run(now)
    assert hours.last(1, now)[0].counted_from == now


def test_lateness_is_told_by_the_upper_end_of_its_step(now):
    hours.mark(now)
    store.add(store.LATENESS.of([0.2] * 90 + [3] * 8 + [7200] * 2, kind="email"))
    store.add(store.LATENESS.of([50], kind="null"))
    plot = charts.draw_lateness(hours.last(24, now + MINUTE), UTC_ZONE)
    assert plot.table[-1] == ("Mon 17:00", "at most 0.25 s", "at most 5 s", "more than 1 h")
    assert plot.text.startswith("Of 100 messages half were at most 0.25 s late")


def test_hour_that_is_counted_in_part_says_so(now):
    hours.mark(now + 20 * MINUTE)
    store.add(store.LATENESS.of([0.2], kind="email"))
    plot = charts.draw_lateness(hours.last(24, now + 30 * MINUTE), UTC_ZONE)
    assert plot.table[-1][0] == "Mon 17:00 (from 17:20 on)"


def test_bars_stay_within_the_picture(now):
    plot = charts.draw_due(DueForecast(now, now, [1, 10_000, *[0] * 22], None), UTC_ZONE)
    heights = [[float(bar.height) for bar in column.bars] for column in plot.columns[:3]]
    assert heights == [[2], [100], []]


def test_clock_changes_ahead_are_told_with_how_many_reminders_meet_them(make_reminder, now):
    now = datetime(2027, 3, 20, 12, tzinfo=UTC)
    fields = {"recurrence": "FREQ=DAILY", "stored_at": now}
    for name in ("Europe/Berlin", "Europe/Berlin", "Europe/Paris", "Asia/Kolkata"):
        make_reminder(timezone=name, **fields)
    (change,) = clock_changes.read(now).changes
    assert (change.at, change.text) == (datetime(2027, 3, 28, 1, tzinfo=UTC), "1 h forward")
    assert [zone[:2] for zone in change.zones] == [("Europe/Berlin", "2"), ("Europe/Paris", "1")]


def test_clock_changes_are_kept_for_an_hour_and_not_told_when_they_are_past(make_reminder):
    before = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    make_reminder(timezone="Europe/Berlin", recurrence="FREQ=DAILY", stored_at=before)
    assert len(clock_changes.read(before).changes) == 1
    make_reminder(timezone="Europe/Paris", recurrence="FREQ=DAILY", stored_at=before)
    assert len(clock_changes.read(before + MINUTE).changes[0].zones) == 1
    assert clock_changes.read(before + 31 * MINUTE).changes == []


# The page


def page(client):
    answer = client.get("/admin/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_page_of_a_new_foam_says_that_there_is_nothing_yet(staff_client):
    told = page(staff_client)
    assert "No reminder is due in the next 24 hours." in told
    assert "Nothing has been sent since this is counted." in told
    assert "No message has been timed in the last 24 hours." in told
    assert "In no time zone of an active reminder." in told
    assert "foam-picture" not in told


def test_hours_are_by_the_clocks_of_who_looks(staff_client, staff, make_reminder):
    User.objects.filter(pk=staff.pk).update(timezone="Asia/Kolkata")
    now = timezone.now()
    soon = (now + timedelta(minutes=90)).replace(tzinfo=None, second=0, microsecond=0)
    make_reminder(starts_at=soon, stored_at=now)
    told = page(staff_client)
    assert "by your own time zone, Asia/Kolkata" in told
    assert re.search(r'<th scope="row">\w{3} \d\d:30</th><td>1</td>', told)


def test_page_has_no_words_and_addresses_of_users(staff_client, make_reminder, channel):
    make_reminder(title="Buy a ring")
    channel.disable("secret reason", timezone.now())
    told = page(staff_client)
    assert not any(each in told for each in ("Buy a ring", "secret reason", "127.0.0.1:9"))


def test_picture_has_a_title_a_description_and_a_table(staff_client, make_reminder):
    now = timezone.now()
    soon = (now + MINUTE).replace(tzinfo=None, microsecond=0)
    make_reminder(starts_at=soon, stored_at=now)
    told = page(staff_client)
    assert '<title id="plot-due-title">Reminders due in the next 24 hours</title>' in told
    assert '<desc id="plot-due-desc">In all 1.' in told
    assert '<th scope="col">Hour from</th>' in told
    assert "style=" not in told[told.index('class="foam-dashboard"') :].split("foam-apps")[0]


@pytest.fixture
def helper(client):
    """Staff who may view deliveries, and nothing else."""
    helper = User.objects.create_user("joan", "joan@example.com", "enigma-1843", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(helper)
    return client


def test_staff_see_figures_of_what_they_may_view_only(helper, at_work):
    told = page(helper)
    assert "Deliveries due and not taken" in told
    assert "Sent and failed" in told
    hidden = ("Reminders overdue", "Snoozes", "Channels disabled", "Reminders due", "Clock changes")
    assert [each for each in hidden if each in told] == []


def test_all_is_well_is_not_said_to_who_does_not_see_all(at_work, now):
    found = read(now, lambda model: model is Delivery)["state"]
    assert found.headline == "Reminders fire and arrive."


def test_part_that_takes_too_long_is_named_and_the_rest_is_shown(staff_client, monkeypatch):
    def too_long(now):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(due, "read", too_long)
    told = page(staff_client)
    assert "Could not be read in time: what is due." in told
    assert "Deliveries due and not taken" in told


def test_figures_that_take_too_long_are_to_be_looked_at(at_work, now, monkeypatch):
    def too_long(now, hours):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(state, "FIGURES", [("Channels", Channel, too_long)])
    assert read(now)["state"].troubles == ["Channels: could not be read in time."]


# What it costs


MANY = 20_000
FILL = """
INSERT INTO reminders_reminder (owner_id, title, body, starts_at, timezone, recurrence, exdates,
    rdates, gap, fold, leads, misfire, grace, tags, version, created_at, updated_at)
SELECT %(owner)s, 'x', '', '2026-01-01', 'UTC', 'FREQ=DAILY', '{}', '{}', 'after', 'first',
    '{0}', 'latest', '300 s', '{}', 1, %(now)s, %(now)s
FROM generate_series(1, %(many)s) n;
INSERT INTO reminders_plan (reminder_id, owner_id, status, next_fire_at, next_due_at, next_lead,
    missed_count, fired_count, error)
SELECT id, owner_id, 'active', at, at, '0', 0, 0, '' FROM reminders_reminder r, LATERAL (
    -- In no order, as in a table that has been in use for a while.
    SELECT %(now)s + r.id * 7919 %% %(many)s * interval '1 min'
) AS fires(at) WHERE title = 'x';
INSERT INTO notifications_delivery (channel_id, reference, title, body, due_at, data, status,
    attempt, max_attempts, reason, created_at, finished_at)
SELECT %(channel)s, 'test:' || n, 'x', '', %(now)s, '{}', 'sent', 1, 10, '', %(now)s, %(now)s
FROM generate_series(1, %(many)s) n;
INSERT INTO reminders_occurrence (reminder_id, due_at, lead, status, reason, recorded_at)
SELECT n, %(now)s, '0', 'pending', '', %(now)s FROM generate_series(1, %(many)s) n;
ANALYZE reminders_reminder, reminders_plan, notifications_delivery, reminders_occurrence
"""
SCANS = """
SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE relname IN
    ('reminders_reminder', 'reminders_plan', 'reminders_occurrence_default',
     'notifications_delivery')
"""


@pytest.fixture
def many(user, channel, now):
    with connection.cursor() as cursor:
        values = {"owner": user.pk, "channel": channel.pk, "now": now, "many": MANY}
        cursor.execute(FILL, values)


def scans():
    with connection.cursor() as cursor:
        cursor.execute(SCANS)
        return dict(cursor.fetchall())


def half():
    """Half of the pages of the table, which may be larger than `many` needs: rows of tests before
    leave room in it."""
    with connection.cursor() as cursor:
        cursor.execute(sampling.SIZE)
        return cursor.fetchone()[0] // 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("most", [metrics.CAP, 100], ids=["counted", "estimated"])
def test_page_reads_no_table_whole(many, now, monkeypatch, most):
    monkeypatch.setattr(due, "CAP", most)
    monkeypatch.setattr(due, "PAGES", half())
    with transaction.atomic():
        before = scans()
        found = read(now)
        assert scans() == before
    assert ("Estimated" in found["due"].text) == (most == 100)


def test_sample_leaves_most_out_and_stands_for_the_whole(many, now, monkeypatch):
    exact = sum(due.read(now).counts)
    monkeypatch.setattr(due, "CAP", 100)
    monkeypatch.setattr(due, "PAGES", half())
    cache.clear()
    found = due.read(now)
    assert exact * 0.3 < found.sample_size < exact * 0.7
    assert sum(found.counts) == pytest.approx(exact, rel=0.25)


def test_clock_changes_of_many_reminders_are_seen_from_a_sample(many, monkeypatch):
    monkeypatch.setattr(clock_changes, "PAGES", half())
    Reminder.objects.update(timezone="Europe/Berlin")
    found = clock_changes.read(datetime(2027, 3, 20, 12, tzinfo=UTC))
    ((name, number, _),) = found.changes[0].zones
    assert (name, found.is_whole) == ("Europe/Berlin", False)
    assert int(number.removeprefix("about ").replace(",", "")) == pytest.approx(MANY, rel=0.25)
