"""The API of reminders: what programs send and get, and P9: yours alone."""

from datetime import UTC, datetime, timedelta

import pytest

from notifications.models import Channel, Delivery
from notifications.tests.counters import captured_statements
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
STANDUP = {
    "title": "Stand-up",
    "starts_at": "2030-01-07T18:00:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
}


@pytest.fixture
def standup(api):
    answer = api.post(URL, STANDUP)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def url_of(reminder, action=""):
    return f"{URL}{reminder['id']}/{action}"


def fields_at_fault(answer):
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return {error["field"] for error in answer.json()["errors"]}


@pytest.mark.parametrize("is_to_the_inbox", [True, False])
def test_post_takes_four_statements_after_the_token(api, make_channels, is_to_the_inbox):
    """The channels, the quotas, all rows, and the answer."""
    fields = STANDUP if is_to_the_inbox else {**STANDUP, "channels": make_channels(3)}
    # The first request of a minute also notes that the token was used.
    assert api.post(URL, fields).status_code == 201
    with captured_statements() as texts:
        answer = api.post(URL, fields)
    assert answer.status_code == 201
    assert len(texts) == 1 + 4


def test_post_is_answered_as_a_get(api, make_channels):
    first, second = make_channels(2)
    fields = {"channels": [second, first, second], "escalate_channels": [second, first]}
    created = api.post(URL, {**STANDUP, **fields})
    shown = api.get(url_of(created.json()))
    assert created.json() == shown.json()
    assert created["ETag"] == shown["ETag"]
    assert created.json()["channels"] == [first, second]


@pytest.fixture
def make_channels(user):
    def make(count):
        channels = Channel.objects.bulk_create(
            Channel(owner=user, kind="webhook", name=f"Hook {n}", address=f"https://hook.test/{n}")
            for n in range(count)
        )
        return [channel.pk for channel in channels]

    return make


def test_created_reminder_is_answered_whole(standup, user):
    inbox = Channel.objects.inbox_of(user)
    assert standup == {
        "id": standup["id"],
        "title": "Stand-up",
        "body": "",
        "starts_at": "2030-01-07T18:00:00",
        "timezone": "Europe/Berlin",
        "recurrence": "FREQ=WEEKLY;BYDAY=MO",
        "exdates": [],
        "rdates": [],
        "gap": "after",
        "fold": "first",
        "leads": ["PT0S"],
        "misfire": "latest",
        "grace": "PT5M",
        "channels": [inbox.pk],
        "unverified_channels": [],
        "is_deliverable": True,
        "last_loss": None,
        "nag_every": None,
        "nag_max": 3,
        "escalate_after": None,
        "escalate_channels": [],
        "urgent": False,
        "tags": [],
        "external_id": None,
        "status": "active",
        "paused_until": None,
        "paused_by": None,
        "next_due_at": "2030-01-07T17:00:00Z",
        "schedule_text": standup["schedule_text"],
        "error": "",
        "version": 1,
        "created_at": standup["created_at"],
        "updated_at": standup["updated_at"],
    }


def test_retrieved_reminder_is_the_created_one(api, standup):
    assert api.get(url_of(standup)).json() == standup


def test_what_was_read_can_be_put_back(api, standup):
    answer = api.put(url_of(standup), standup)
    assert answer.status_code == 200, answer.json()


def test_patch_changes_what_it_names(api, standup):
    answer = api.patch(url_of(standup), {"title": "New", "recurrence": "FREQ=DAILY"}).json()
    assert (answer["title"], answer["recurrence"], answer["version"]) == ("New", "FREQ=DAILY", 2)


def test_zone_defaults_to_the_users(api, user):
    user.timezone = "Asia/Tokyo"
    user.save()
    answer = api.post(URL, {"title": "x", "starts_at": "2030-01-01T09:00:00"}).json()
    assert (answer["timezone"], answer["next_due_at"]) == ("Asia/Tokyo", "2030-01-01T00:00:00Z")


def test_start_with_an_offset_becomes_wall_clock_time(api):
    answer = api.post(URL, {**STANDUP, "starts_at": "2030-01-07T12:00:00-05:00"}).json()
    assert answer["starts_at"] == "2030-01-07T18:00:00"


def test_five_field_cron_is_a_recurrence(api):
    answer = api.post(URL, {**STANDUP, "recurrence": "30 9 * * 1-5"}).json()
    assert answer["next_due_at"] == "2030-01-08T08:30:00Z"


def test_deleted_reminder_is_gone(api, standup):
    assert api.delete(url_of(standup)).status_code == 204
    assert api.get(url_of(standup)).status_code == 404
    assert api.get(URL).json()["results"] == []


def test_paused_reminder_has_nothing_next(api, standup):
    answer = api.post(url_of(standup, "pause/")).json()
    assert (answer["status"], answer["next_due_at"]) == ("paused", None)


def test_resumed_reminder_is_active_again(api, standup):
    api.post(url_of(standup, "pause/"))
    answer = api.post(url_of(standup, "resume/")).json()
    assert (answer["status"], answer["next_due_at"]) == ("active", "2030-01-07T17:00:00Z")


def test_trigger_fires_now(api, standup):
    answer = api.post(url_of(standup, "trigger/"))
    assert answer.status_code == 201
    assert answer.json()["status"] == "pending"
    assert Delivery.objects.get().reference == answer.json()["reference"]


def test_upcoming_shows_the_next_instants(api, standup):
    assert api.get(url_of(standup, "upcoming/?count=2")).json()["occurrences"] == [
        "2030-01-07T17:00:00Z",
        "2030-01-14T17:00:00Z",
    ]


@pytest.mark.parametrize("count", ["0", "501", "-1", "x", "1" * 5000, "\u0663"])
def test_upcoming_refuses_a_count_out_of_range(api, standup, count):
    assert fields_at_fault(api.get(url_of(standup, "upcoming/"), {"count": count})) == {"count"}


def test_occurrences_show_what_has_fired(api, standup):
    api.post(url_of(standup, "trigger/"))
    (occurrence,) = api.get(url_of(standup, "occurrences/")).json()["results"]
    assert (occurrence["reminder"], occurrence["status"]) == (standup["id"], "pending")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"titel": "typo"}, "titel"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "nul\0"}, "title"),
        ({"body": "x" * 10_001}, "body"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"recurrence": "every monday"}, "recurrence"),
        ({"recurrence": "FREQ=SECONDLY"}, "recurrence"),
        ({"recurrence": "FREQ=DAILY;INTERVAL=0"}, "recurrence"),
        ({"recurrence": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "recurrence"),
        ({"recurrence": "61 * * * *"}, "recurrence"),
        ({"recurrence": "x" * 501}, "recurrence"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"starts_at": "2030-02-30T10:00:00"}, "starts_at"),
        ({"starts_at": None}, "starts_at"),
        ({"starts_at": "2020-01-01T10:00:00", "recurrence": ""}, "starts_at"),
        ({"gap": "never"}, "gap"),
        ({"fold": "third"}, "fold"),
        ({"misfire": "maybe"}, "misfire"),
        ({"leads": ["an hour"]}, "leads.0"),
        ({"leads": ["-PT1H"]}, "leads"),
        ({"leads": []}, "leads"),
        ({"grace": "-PT1H"}, "grace"),
        ({"exdates": ["x"]}, "exdates.0"),
        ({"channels": [999_999]}, "channels"),
        ({"channels": "all"}, "channels"),
        ({"channels": []}, "channels"),
        ({"tags": ["x" * 51]}, "tags.0"),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, dict) else None,
)
def test_bad_input_names_the_field_and_stores_nothing(api, change, field):
    assert field in fields_at_fault(api.post(URL, {**STANDUP, **change}))
    assert not Reminder.objects.exists()


@pytest.mark.parametrize(
    "body",
    ["{", "[]", '"x"', "null", "nonsense", '{"title": "\\ud800"}', "1e999", "[" * 100_000],
    ids=lambda body: body[:20],
)
def test_wrong_json_is_a_problem(api, body):
    answer = api.post(URL, body, content_type="application/json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert not Reminder.objects.exists()


def test_body_of_two_megabytes_is_refused(api):
    answer = api.post(URL, {**STANDUP, "body": "x" * 2_000_000})
    assert answer.status_code == 413
    assert answer["Content-Type"] == "application/problem+json"


def test_channel_of_another_is_refused_like_one_that_does_not_exist(api, stranger):
    foreign = Channel.objects.inbox_of(stranger)
    answer = api.post(URL, {**STANDUP, "channels": [foreign.pk]})
    assert fields_at_fault(answer) == {"channels"}
    assert not Reminder.objects.exists()


def test_channel_that_is_not_verified_is_taken_and_told(api, standup, user):
    hook = Channel.objects.create(owner=user, kind="webhook", name="x", address="https://e.com/")
    changed = api.patch(url_of(standup), {"channels": [*standup["channels"], hook.pk]}).json()
    assert changed["channels"] == [*standup["channels"], hook.pk]
    assert changed["unverified_channels"] == [hook.pk]
    assert standup["unverified_channels"] == []


def test_deleted_channel_is_shown_on_no_reminder(api, standup, user, now):
    hook = Channel.objects.create(owner=user, kind="webhook", name="x", address="https://e.com/")
    api.patch(url_of(standup), {"channels": [*standup["channels"], hook.pk]})
    hook.close(now)
    assert api.get(url_of(standup)).json()["channels"] == standup["channels"]


def test_two_reminders_cannot_share_an_external_id(api):
    api.post(URL, {**STANDUP, "external_id": "a"})
    answer = api.post(URL, {**STANDUP, "external_id": "a"})
    assert answer.status_code == 400
    assert "external_id" in answer.json()["errors"][0]["detail"]


def test_if_match_with_the_present_version_is_let_through(api, standup):
    answer = api.patch(url_of(standup), {"title": "New"}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer["ETag"][:3]) == (200, '"2-')


def test_if_match_with_an_older_version_is_refused(api, standup):
    api.patch(url_of(standup), {"title": "First"})
    answer = api.patch(url_of(standup), {"title": "Second"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 412
    assert api.get(url_of(standup)).json()["title"] == "First"


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("get", ""),
        ("put", ""),
        ("patch", ""),
        ("delete", ""),
        ("post", "pause/"),
        ("post", "resume/"),
        ("post", "trigger/"),
        ("get", "upcoming/"),
        ("get", "occurrences/"),
    ],
)
def test_reminder_of_another_answers_404(stranger_api, standup, method, action):
    answer = getattr(stranger_api, method)(url_of(standup, action), {})
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert not Occurrence.objects.exists()


def test_list_shows_only_ones_own(stranger_api, standup):
    assert stranger_api.get(URL).json()["results"] == []


def test_list_is_paged_newest_first(api, make_reminder):
    made = [make_reminder().pk for _ in range(5)]
    page = api.get(URL, {"page_size": 2}).json()
    seen = [each["id"] for each in page["results"]]
    while page["next"]:
        page = api.get(page["next"]).json()
        seen += [each["id"] for each in page["results"]]
    assert seen == made[::-1]


def test_list_takes_two_statements_however_long_it_is(api, make_reminder):
    """The token, and the page."""
    for _ in range(10):
        make_reminder()
    assert api.get(URL).status_code == 200
    with captured_statements() as texts:
        api.get(URL)
    assert len(texts) == 2


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({"status": "paused"}, {"paused"}),
        ({"tag": "work"}, {"tagged"}),
        ({"search": "TAG"}, {"tagged"}),
        ({"external_id": "e1"}, {"tagged"}),
        ({"due_before": "2026-11-23T17:00:00Z"}, set()),
        ({"due_after": "2026-11-23T17:00:00Z"}, {"tagged"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_list_can_be_filtered(api, make_reminder, now, query, titles):
    make_reminder(title="paused").pause(now - timedelta(minutes=1))
    make_reminder(title="tagged", tags=["work"], external_id="e1")
    found = {each["title"] for each in api.get(URL, query).json()["results"]}
    assert found == titles


def test_filter_with_nonsense_names_it(api):
    assert fields_at_fault(api.get(URL, {"due_after": "soon"})) == {"due_after"}


@pytest.mark.parametrize("cursor", ["nonsense", "", "W10", "e30", "WzEsMiwzLDRd", "é", "x" * 5000])
def test_broken_cursor_is_named(api, cursor):
    assert fields_at_fault(api.get(URL, {"cursor": cursor})) == {"cursor"}


def test_reminder_that_cannot_be_read_says_so_on_the_reminder(api, make_reminder):
    reminder = make_reminder()
    Reminder.objects.filter(pk=reminder.pk).update(recurrence="nonsense")
    answer = api.get(f"{URL}{reminder.pk}/").json()
    assert answer["schedule_text"].startswith("cannot be read:")


def test_reminder_ten_seconds_from_now_is_possible(api):
    soon = (datetime.now(UTC) + timedelta(seconds=10)).replace(microsecond=0)
    answer = api.post(URL, {"title": "x", "starts_at": soon.isoformat()})
    assert answer.json()["next_due_at"] == soon.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("lead", ["PT0S", "PT1H30M", "P1D", "P1DT12H", "PT15S"])
def test_durations_come_back_as_they_were_given(api, lead):
    assert api.post(URL, {**STANDUP, "leads": [lead]}).json()["leads"] == [lead]


@pytest.mark.parametrize("size", ["0", "-1", "many", "", "٣"])
def test_page_size_that_cannot_be_is_refused(api, size):
    answer = api.get(URL, {"page_size": size})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "page_size"


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", 5), ("urgent", "yes"), ("nag_max", "3"), ("nag_max", True), ("channels", ["1"])],
)
def test_json_of_another_type_is_refused(api, field, value):
    answer = api.post(URL, {"title": "x", "starts_at": "2090-01-02T18:00:00", field: value})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_options_of_an_external_id_tell_what_can_be_sent(api, make_reminder):
    make_reminder(external_id="ticket-1")
    answer = api.options(f"{URL}by-external-id/ticket-1/")
    assert answer.status_code == 200
    assert "title" in answer.json()["actions"]["PUT"]
    assert api.options(f"{URL}by-external-id/ticket-2/").status_code == 200


def test_occurrences_of_a_reminder_are_not_ordered_as_reminders_are(api, make_reminder):
    url = f"{URL}{make_reminder().pk}/occurrences/"
    answer = api.get(url, {"ordering": "next_due_at"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "ordering")
