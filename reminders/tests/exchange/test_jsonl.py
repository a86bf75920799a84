"""JSON Lines: out of one FOAM and into another, without loss."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.one_line import is_one_line
from notifications.models import Channel
from reminders.exchange import jsonl
from reminders.exchange.formats import stream
from reminders.exchange.importer import take
from reminders.exchange.limits import Unreadable
from reminders.models import Plan, Reminder
from reminders.recurrence import RecurrenceError, Schedule
from reminders.schedule.imported_state import ImportedState
from reminders.schedule.numbering import Count
from reminders.tests.recurrence.strategies import rules

HEADER = b'{"type":"foam","version":1}\n'
# Half an hour before what make_reminder stores is due.
NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)


def exported(user, now=NOW):
    return "".join(jsonl.write(stream(Reminder.objects.owned_by(user)), now)).encode()


def imported(user, content, now=NOW, **options):
    return take(user, jsonl.read(content, "UTC"), now, **options)


def read(*lines):
    return jsonl.read(HEADER + "\n".join(map(json.dumps, lines)).encode(), "Europe/Berlin")


LINE = {"type": "reminder", "title": "Stand-up", "starts_at": "2030-01-07T18:00:00"}


@pytest.mark.django_db
class TestThereAndBack:
    def there_and_back(self, user, stranger):
        """Export, import into an empty FOAM, export."""
        content = exported(user)
        report = imported(stranger, content)
        assert not report.is_refused, report
        assert exported(stranger) == content
        return report

    def test_everything_that_is_set_arrives(self, user, stranger, channel, make_reminder, now):
        mail = Channel.objects.create(
            owner=user,
            kind="email",
            name="Post",
            address="ada@example.com",
            digest_at=time(7, 30),
            flood_limit=5,
            at_most_once=True,
        )
        make_reminder(
            title="Ünïcode 🎉 {due}",
            body="Two\nlines \u2029 “quoted” \\ 🎉",
            recurrence="FREQ=WEEKLY;BYDAY=MO",
            timezone="Europe/Berlin",
            exdates=[datetime(2026, 12, 7, 17, 0)],
            rdates=[datetime(2026, 12, 9, 9, 30)],
            gap="skip",
            fold="both",
            leads=[timedelta(0), timedelta(hours=1, minutes=30)],
            misfire="none",
            grace=timedelta(days=2, seconds=1),
            channels=[mail, channel],
            nag_every=timedelta(minutes=7),
            nag_max=9,
            escalate_after=timedelta(hours=2),
            escalate_channels=[channel],
            urgent=True,
            tags=["home", "ü"],
            external_id="x-1",
        )
        self.there_and_back(user, stranger)
        arrived = Reminder.objects.get(owner=stranger)
        assert {c.kind for c in arrived.channels.all()} == {"email", "webhook"}

    def test_paused_reminder_arrives_paused(self, user, stranger, reminder, now):
        reminder.pause(now - timedelta(minutes=1))
        self.there_and_back(user, stranger)
        assert Reminder.objects.get(owner=stranger).status == "paused"

    def test_paused_reminder_arrives_paused_even_without_a_future(
        self, user, stranger, reminder, now
    ):
        reminder.pause(now - timedelta(minutes=1))
        content = exported(user)
        imported(stranger, content, now + timedelta(days=1))
        assert Reminder.objects.get(owner=stranger).status == "paused"

    def test_end_of_a_pause_arrives_and_one_that_is_over_is_none(
        self, user, stranger, make_reminder, now
    ):
        daily = make_reminder(recurrence="FREQ=DAILY")
        daily.pause(now - timedelta(minutes=1), now + timedelta(hours=1))
        content = exported(user)
        assert f'"paused_until":"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"' in content.decode()
        imported(stranger, content, now)
        arrived = Reminder.objects.get(owner=stranger)
        assert (arrived.status, arrived.paused_until) == ("paused", now + timedelta(hours=1))
        arrived.close(now)
        imported(stranger, content, now + timedelta(days=1))
        arrived = Reminder.objects.owned_by(stranger).get()
        assert (arrived.status, arrived.paused_until) == ("active", None)

    def test_finished_reminder_arrives_finished(self, user, stranger, reminder, now):
        Plan.objects.update(status="finished", next_fire_at=None, next_due_at=None)
        self.there_and_back(user, stranger)
        assert Reminder.objects.get(owner=stranger).status == "finished"

    def test_number_goes_on_where_it_was(self, user, stranger, make_reminder, now):
        make_reminder(recurrence="FREQ=DAILY", title="Day {number}")
        Plan.objects.update(fired_count=41, fired_due_at=now - timedelta(days=1))
        self.there_and_back(user, stranger)
        arrived = Reminder.objects.get(owner=stranger)
        assert arrived.count == Count(41, now - timedelta(days=1))

    def test_skipped_instants_are_skipped_there(self, user, stranger, make_reminder, now):
        leads = [timedelta(0), timedelta(hours=2)]
        reminder = make_reminder(
            recurrence="FREQ=DAILY", starts_at=datetime(2026, 11, 23, 20, 0), leads=leads
        )
        reminder.skip(now)
        reminder.skip(now)
        self.there_and_back(user, stranger)
        reminder.refresh_from_db()
        arrived = Reminder.objects.get(owner=stranger)
        assert len(arrived.skipped_ahead(now)) == 2
        assert arrived.next_due_at == reminder.next_due_at

    def test_two_that_say_the_same_both_arrive(self, user, stranger, make_reminder):
        make_reminder()
        make_reminder()
        self.there_and_back(user, stranger)
        assert Reminder.objects.filter(owner=stranger).count() == 2

    def test_same_file_again_changes_nothing(self, user, stranger, make_reminder):
        make_reminder()
        make_reminder()
        make_reminder(external_id="x-1")
        content = exported(user)
        imported(stranger, content)
        report = imported(stranger, content)
        assert report.counts == {"created": 0, "updated": 0, "unchanged": 3, "refused": 0}
        assert exported(stranger) == content
        assert set(Reminder.objects.filter(owner=stranger).values_list("version")) == {(1,)}

    def test_where_one_of_two_that_say_the_same_is_there_the_other_arrives(
        self, user, stranger, make_reminder
    ):
        make_reminder()
        imported(stranger, exported(user))
        make_reminder()
        counts = imported(stranger, exported(user)).counts
        assert (counts["created"], counts["unchanged"]) == (1, 1)

    def test_own_export_taken_in_again_changes_nothing(self, user, make_reminder):
        make_reminder(leads=[timedelta(0), timedelta(hours=1)], tags=["a"])
        assert imported(user, exported(user)).counts["unchanged"] == 1

    def test_channel_arrives_without_its_secret_and_not_verified(
        self, user, stranger, channel, make_reminder
    ):
        Channel.objects.filter(pk=channel.pk).update(secret="whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2Vj")
        make_reminder()
        content = exported(user)
        assert b"whsec" not in content
        report = imported(stranger, content)
        arrived = Channel.objects.get(owner=stranger, kind="webhook")
        assert not arrived.is_verified
        assert arrived.secret.startswith("whsec_")
        assert "nothing is sent to webhook:http://127.0.0.1:9/hook" in report.losses[0].what

    def test_chat_channel_arrives_as_one_that_still_wants_its_address(
        self, user, stranger, make_reminder
    ):
        chat = Channel.objects.create(
            owner=user, kind="apprise", name="Chat", address="ntfys://ntfy.sh/…0123abcd", secret="x"
        )
        make_reminder(channels=[chat])
        self.there_and_back(user, stranger)
        arrived = Channel.objects.get(owner=stranger, kind="apprise")
        assert (arrived.secret, arrived.is_verified) == ("", False)

    def test_reminder_whose_channels_are_gone_speaks_in_the_inbox(
        self, user, stranger, channel, make_reminder, now
    ):
        make_reminder(escalate_after=timedelta(hours=1), escalate_channels=[channel])
        channel.close(now)
        report = imported(stranger, exported(user))
        assert [c.kind for c in Reminder.objects.get(owner=stranger).channels.all()] == ["inbox"]
        assert len(report.losses) == 2

    def test_active_reminder_whose_last_time_has_passed_is_finished(
        self, user, stranger, reminder, now
    ):
        report = imported(stranger, exported(user), now + timedelta(days=1))
        assert Reminder.objects.get(owner=stranger).status == "finished"
        assert "Its last occurrence has passed" in report.losses[-1].what

    def test_deleted_reminder_is_left_out(self, user, reminder, now):
        reminder.close(now)
        assert exported(user) == HEADER

    def test_reminders_of_others_are_left_out(self, stranger, reminder):
        assert exported(stranger) == HEADER


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t\u2028 "), max_size=40
).map(lambda text: text.strip().replace("{", "{{").replace("}", "}}"))
lengths = st.integers(60, 30 * 86400).map(lambda seconds: timedelta(seconds=seconds))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
walls = st.integers(0, 1_000_000).map(lambda n: datetime(2026, 1, 1) + timedelta(seconds=61 * n))
crons = st.sampled_from(["0 9 * * 1-5", "*/15 * * * *", "30 2 1,15 * 5", "0 0 L * *"])


@st.composite
def reminders(draw):
    fields = {
        "title": draw(texts.filter(is_one_line)),
        "body": draw(texts),
        "starts_at": draw(walls),
        "timezone": draw(zones),
        "recurrence": draw(st.just("") | rules() | crons),
        "exdates": draw(st.lists(walls, max_size=2)),
        "rdates": draw(st.lists(walls, max_size=2)),
        "gap": draw(st.sampled_from(["after", "before", "skip"])),
        "fold": draw(st.sampled_from(["first", "second", "both"])),
        "leads": draw(st.lists(lengths, min_size=1, max_size=3)),
        "misfire": draw(st.sampled_from(["latest", "all", "none"])),
        "grace": draw(lengths),
        "nag_every": draw(st.none() | lengths),
        "nag_max": draw(st.integers(1, 100)),
        "escalate_after": draw(st.none() | lengths),
        "urgent": draw(st.booleans()),
        "tags": draw(st.lists(texts.filter(bool), max_size=3)),
    }
    arrival = ImportedState(
        draw(st.sampled_from(["active", "paused", "finished"])),
        Count(draw(st.integers(0, 2**31 - 1)), draw(st.none() | st.just(NOW))),
        tuple(draw(st.lists(walls.map(lambda wall: wall.replace(tzinfo=UTC)), max_size=2))),
    )
    return fields, arrival


def is_possible(drawn):
    names = set(Reminder.SCHEDULE)
    try:
        Schedule.validate(**{name: value for name, value in drawn[0].items() if name in names})
    except RecurrenceError:
        return False
    return True


@pytest.mark.django_db
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(st.lists(reminders().filter(is_possible), max_size=4), st.randoms())
def test_any_reminders_come_back_byte_by_byte(user, stranger, channel, drawn, random):
    Reminder.objects.filter(owner__in=[user, stranger]).update(deleted_at=NOW)
    Plan.objects.filter(owner__in=[user, stranger]).update(
        status="finished", next_fire_at=None, next_due_at=None
    )
    inbox = Channel.objects.inbox_of(user)
    for fields, arrival in drawn:
        chosen = random.sample([inbox, channel], random.randint(1, 2))
        Reminder(owner=user, **fields).store(NOW, chosen, [channel], arrival)
    content = exported(user)
    report = imported(stranger, content)
    assert not report.is_refused, report
    assert exported(stranger) == content
    assert imported(stranger, content).counts["unchanged"] == len(drawn)


def test_reminder_may_leave_out_what_the_api_lets_it():
    (draft,) = read(LINE).drafts
    assert draft.fields == {
        "timezone": "Europe/Berlin",
        "title": "Stand-up",
        "starts_at": "2030-01-07T18:00:00",
    }
    assert draft.state is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"[]", "each line is a JSON object"),
        (b"{", "this is no JSON"),
        (b'{"a":1,"a":2}', "a name stands twice"),
        (b'{"type":"reminder","nag_max":NaN}', "NaN is no number"),
        (b'{"type":"reminder","nag_max":' + b"9" * 5000 + b"}", "this is no JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"type":"reminder","title":"\\ud800"}', "half of a character"),
        (b'{"type":"reminder","external_id":"a\\u0000"}', "stands for NUL"),
        (b'"\xff"', "no text in UTF-8"),
        (b'{"type":"user"}', 'the type "channel" or "reminder"'),
        (b'{"type":"reminder","titel":"x"}', 'unknown field "titel". Allowed: title,'),
        (b'{"type":"channel","secret":"x"}', 'unknown field "secret"'),
        (b'{"type":"channel","kind":[]}', "kind is text"),
        (b'{"type":"reminder","channels":[1]}', "channels is a list of keys"),
        (b'{"type":"reminder","status":"done"}', "status is active, paused or finished"),
        (b'{"type":"reminder","status":[]}', "status is active, paused or finished"),
        (b'{"type":"reminder","fired_count":true}', "fired_count is a whole number"),
        (b'{"type":"reminder","fired_count":-1}', "fired_count is a whole number"),
        (b'{"type":"reminder","fired_due_at":"2026-02-30T00:00:00Z"}', "holds instants"),
        (b'{"type":"reminder","skipped":["2026-11-23T17:00:00"]}', "skipped holds instants"),
        (b'{"type":"reminder","skipped":7}', "skipped is a list"),
        (b'{"type":"reminder","paused_until":"2026-11-23T17:00:00Z"}', "goes with the status"),
        (b'{"type":"reminder","status":"paused","paused_until":7}', "paused_until holds"),
    ],
)
def test_line_that_cannot_be_read_is_refused_by_its_number(line, why):
    with pytest.raises(Unreadable) as refused:
        jsonl.read(HEADER + b"\n" + line, "UTC")
    assert str(refused.value).startswith("Line 3: ")
    assert why in str(refused.value)


@pytest.mark.parametrize("title", [r"\u0000", "ä\\", "\U0001f389"])
def test_what_only_looks_like_such_an_escape_is_text(title):
    line = {**LINE, "title": title}
    content = HEADER + json.dumps(line).encode()
    assert jsonl.read(content, "UTC").drafts[0].fields["title"] == title


@pytest.mark.parametrize("content", [b"", b"{}", b'{"type":"foam","version":2}\n', b"BEGIN:VCAL"])
def test_file_without_the_header_is_refused(content):
    with pytest.raises(Unreadable, match=r"^Line 1: "):
        jsonl.read(content, "UTC")
