"""Files in and out through the API."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections

from conftest import client_of
from notifications.models import Channel
from reminders.exchange import importer
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

IN, OUT = "/api/v1/reminders/import/", "/api/v1/reminders/export/"
HEADER = '{"type":"foam","version":1}\n'
CRONTAB = b"# Back up\n0 3 * * * backup\n0 12 ? * WED lunch\n"


def send(api, content, query="", content_type="text/plain"):
    return api.generic("POST", IN + query, content, content_type=content_type)


def lines(*reminders):
    rows = [{"type": "reminder", "starts_at": "2030-01-07T18:00:00"} | each for each in reminders]
    return (HEADER + "\n".join(map(json.dumps, rows))).encode()


def send_lines(api, *reminders, query=""):
    return send(api, lines(*reminders), query, "application/x-ndjson")


def problem(answer, status=400):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return answer.json()


def text(answer):
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content).decode()


class TestImport:
    def test_calendar_of_ones_own_that_comes_back_changes_nothing(self, api, make_reminder):
        make_reminder(title="Stand-up", recurrence="FREQ=WEEKLY;BYDAY=MO")
        calendar = text(api.get(OUT, {"format": "icalendar"}))
        answer = send(api, calendar, content_type="text/calendar").json()
        assert answer["counts"]["unchanged"] == 1
        assert Reminder.objects.exclude_system().count() == 1

    def test_event_that_was_moved_in_a_calendar_moves_its_reminder(self, api, make_reminder):
        reminder = make_reminder(title="Stand-up", tags=["work"], misfire="all")
        calendar = text(api.get(OUT, {"format": "icalendar"})).replace("Stand-up", "Sit-down")
        answer = send(api, calendar, content_type="text/calendar").json()
        assert [each["id"] for each in answer["reminders"]] == [reminder.pk]
        reminder.refresh_from_db()
        assert (reminder.title, reminder.misfire) == ("Sit-down", "all")

    def test_event_with_the_uid_of_anothers_reminder_is_a_new_one(
        self, api, stranger, make_reminder
    ):
        inbox = Channel.objects.inbox_of(stranger)
        theirs = make_reminder(owner=stranger, channels=[inbox], recurrence="FREQ=DAILY")
        calendar = text(client_of(stranger).get(OUT, {"format": "icalendar"}))
        answer = send(api, calendar, content_type="text/calendar").json()
        assert answer["counts"]["created"] == 1
        assert answer["reminders"][0]["id"] != theirs.pk

    def test_report_tells_what_came_of_each_part(self, api, user):
        answer = send(api, CRONTAB)
        reminder = Reminder.objects.get()
        assert answer.status_code == 200
        assert answer.json() == {
            "dry_run": False,
            "counts": {"created": 1, "updated": 0, "unchanged": 0, "refused": 0},
            "reminders": [
                {
                    "where": "line 2",
                    "name": "Back up",
                    "result": "created",
                    "id": reminder.pk,
                    "errors": [],
                }
            ],
            "channels": [],
            "losses": [
                {"where": "the file", "what": answer.json()["losses"][0]["what"]},
                {"where": "line 3", "what": answer.json()["losses"][1]["what"]},
            ],
        }

    def test_same_file_again_changes_nothing(self, api):
        send(api, CRONTAB)
        assert send(api, CRONTAB).json()["counts"]["unchanged"] == 1
        assert Reminder.objects.get().version == 1

    def test_file_of_a_form_is_known_by_its_name(self, api):
        file = SimpleUploadedFile("mine.crontab", CRONTAB, "application/octet-stream")
        answer = api.post(IN, {"file": file}, format="multipart")
        assert answer.json()["counts"]["created"] == 1

    def test_dry_run_tells_the_same_and_keeps_nothing(self, api):
        answer = send(api, CRONTAB, "?dry_run=true").json()
        assert answer["counts"]["created"] == 1
        assert answer["reminders"][0]["id"] is None
        assert not Reminder.objects.exists()

    def test_times_without_a_zone_are_in_the_one_that_is_given(self, api):
        send(api, CRONTAB, "?timezone=Asia/Tokyo")
        assert Reminder.objects.get().timezone == "Asia/Tokyo"

    def test_what_is_refused_names_the_field_and_stops_nothing_else(self, api):
        answer = send_lines(api, {"title": "a", "nag_max": 0}, {"title": "b"}).json()
        refused = answer["reminders"][0]
        assert (refused["where"], refused["result"]) == ("line 2", "refused")
        assert refused["errors"][0]["field"] == "nag_max"
        assert answer["counts"]["created"] == 1

    def test_reminder_with_an_external_id_is_replaced(self, api):
        send_lines(api, {"title": "a", "external_id": "x"})
        answer = send_lines(api, {"title": "b", "external_id": "x"}).json()
        assert answer["counts"]["updated"] == 1
        assert Reminder.objects.get().title == "b"

    def test_number_of_queries_does_not_grow_with_what_is_there_already(
        self, api, django_assert_max_num_queries
    ):
        rows = [{"title": f"{n}", **({"external_id": f"{n}"} if n % 2 else {})} for n in range(40)]
        send_lines(api, *rows)
        with django_assert_max_num_queries(20):
            assert send_lines(api, *rows).json()["counts"]["unchanged"] == 40

    def test_external_id_that_stands_twice_is_refused_the_second_time(self, api):
        one = {"title": "a", "external_id": "x"}
        answer = send_lines(api, one, {**one, "title": "b"}).json()
        assert answer["reminders"][1]["errors"][0]["detail"] == (
            "Stands in this file twice: see line 2."
        )
        assert Reminder.objects.get().title == "a"

    def test_channel_that_is_not_there_is_refused(self, api):
        answer = send_lines(api, {"title": "a", "channels": ["email:x@example.com"]}).json()
        assert answer["reminders"][0]["errors"][0]["field"] == "channels"

    def test_channel_of_another_cannot_be_named(self, stranger_api, channel):
        answer = send_lines(
            stranger_api, {"title": "a", "channels": [f"webhook:{channel.address}"]}
        )
        assert answer.json()["counts"]["refused"] == 1

    def test_external_id_of_another_is_not_touched(self, stranger_api, make_reminder):
        reminder = make_reminder(external_id="x")
        assert send_lines(stranger_api, {"title": "b", "external_id": "x"}).json()["counts"] == {
            "created": 1,
            "updated": 0,
            "unchanged": 0,
            "refused": 0,
        }
        reminder.refresh_from_db()
        assert reminder.title == "Stand-up"

    def test_file_that_cannot_be_read_is_refused_by_the_line(self, api):
        found = problem(send(api, b"0 3 * * * x\nhello"))
        assert found["errors"][0]["field"] == "file"
        assert found["errors"][0]["detail"].startswith("Line 2: ")
        assert not Reminder.objects.exists()

    @pytest.mark.parametrize(
        ("query", "field"),
        [("?format=word", "format"), ("?timezone=Mars", "timezone"), ("?dry_run=2", "dry_run")],
    )
    def test_option_that_is_wrong_is_named(self, api, query, field):
        assert problem(send(api, CRONTAB, query))["errors"][0]["field"] == field

    def test_type_that_says_nothing_needs_the_format(self, api):
        answer = send(api, CRONTAB, content_type="application/octet-stream")
        assert problem(answer)["errors"][0]["field"] == "format"
        answer = send(api, CRONTAB, "?format=crontab", "application/octet-stream")
        assert answer.status_code == 200

    @pytest.mark.parametrize("content_type", ["application/json", "image/png", ""])
    def test_type_that_is_no_file_of_reminders_answers_415(self, api, content_type):
        problem(send(api, CRONTAB, content_type=content_type), 415)

    @pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x"])
    def test_nothing_at_all_is_told(self, api, content_type):
        answer = send(api, b"", content_type=content_type)
        assert problem(answer)["errors"][0]["field"] == "file"

    def test_file_may_be_larger_than_other_bodies(self, api, settings):
        assert send(api, CRONTAB + b"#" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE).status_code == 200

    def test_file_of_more_than_10_mib_answers_413(self, api):
        problem(send(api, b"#" * (10 * 1024 * 1024 + 1)), 413)

    def test_more_than_a_request_may_ask_for_is_refused(self, api):
        found = problem(send_lines(api, *[{"title": "a"}] * 10_001))
        assert found["errors"][0]["code"] == "too_many"

    def test_needs_the_scope_to_write(self, user):
        answer = send(client_of(user, ["reminders:read"]), CRONTAB)
        assert "reminders:write" in problem(answer, 403)["detail"]

    def test_channels_need_their_own_scope(self, user):
        row = {"type": "channel", "kind": "email", "name": "x", "address": "x@example.com"}
        content = (HEADER + json.dumps(row)).encode()
        api = client_of(user, ["reminders:write"])
        answer = send(api, content, content_type="application/x-ndjson").json()
        assert answer["channels"][0]["result"] == "refused"
        assert "channels:write" in answer["channels"][0]["errors"][0]["detail"]
        assert not Channel.objects.filter(kind="email").exists()

    def test_settings_of_a_channel_that_is_there_need_that_scope_too(self, user, channel):
        row = {"type": "channel", "kind": "webhook", "address": channel.address, "name": "Renamed"}
        content = (HEADER + json.dumps(row)).encode()
        send(client_of(user, ["reminders:write"]), content, content_type="application/x-ndjson")
        channel.refresh_from_db()
        assert channel.name == "Hook"

    def test_is_no_id_of_a_reminder(self, api):
        problem(api.get(IN), 405)

    def test_nobody_may(self, client):
        problem(client.post(IN, CRONTAB, content_type="text/plain"), 401)


@pytest.mark.django_db(transaction=True)
def test_of_two_imports_at_once_the_second_is_told_to_wait(api, user):
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [importer.LOCK, user.pk])
        problem(send(api, CRONTAB), 409)
    finally:
        other.close()
    assert send(api, CRONTAB).status_code == 200


class TestExport:
    def test_is_a_file_of_lines(self, api, reminder):
        answer = api.get(OUT)
        assert answer["Content-Type"] == "application/x-ndjson; charset=utf-8"
        assert answer["Content-Disposition"] == 'attachment; filename="reminders.jsonl"'
        kinds = [json.loads(line)["type"] for line in text(answer).splitlines()]
        assert kinds == ["foam", "channel", "reminder"]

    def test_filters_are_those_of_the_list(self, api, make_reminder):
        make_reminder(title="One", tags=["a"])
        make_reminder(title="Two")
        assert '"Two"' not in text(api.get(OUT, {"tag": "a", "format": "jsonl"}))

    def test_filter_that_is_wrong_is_named(self, api):
        problem(api.get(OUT, {"due_after": "soon"}))

    def test_reminders_of_others_are_not_in_it(self, stranger_api, reminder):
        assert text(stranger_api.get(OUT)) == HEADER

    def test_format_that_is_only_read_is_refused(self, api):
        found = problem(api.get(OUT, {"format": "crontab"}))
        assert found["errors"][0]["field"] == "format"

    @pytest.mark.parametrize("accept", ["application/x-ndjson", "text/html", "*/*", "x/y"])
    def test_whoever_asks_gets_the_file(self, api, accept):
        assert text(api.get(OUT, headers={"Accept": accept})) == HEADER

    def test_addresses_of_channels_need_their_own_scope(self, user):
        api = client_of(user, ["reminders:read"])
        assert "channels:read" in problem(api.get(OUT), 403)["detail"]

    def test_needs_the_scope_to_read(self, user):
        assert problem(client_of(user, ["channels:read"]).get(OUT), 403)

    def test_number_of_queries_does_not_grow_with_a_chunk(
        self, api, make_reminder, django_assert_num_queries
    ):
        for number in range(5):
            make_reminder(title=str(number))
        # The use of the token, the chunk, its channels of both kinds, what is skipped, the end.
        with django_assert_num_queries(6):
            text(api.get(OUT))
