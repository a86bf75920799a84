"""A filter that cannot be understood is refused: everything is no answer to it."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("noun", "name", "value"),
    [
        ("inbox", "is_read", "maybe"),
        ("deliveries", "urgent", "null"),
        ("reminders", "tag", ""),
        ("reminders", "due_after", ""),
    ],
)
def test_filter_that_would_be_dropped_is_refused(api, noun, name, value):
    answer = api.get(f"/api/v1/{noun}/", {name: value})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_form_of_the_browsable_api_may_leave_fields_empty(api):
    answer = api.get("/api/v1/reminders/", {"tag": "", "status": ""}, HTTP_ACCEPT="text/html")
    assert answer.status_code == 200
