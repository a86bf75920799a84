"""Query parameters of every operation: none is dropped, and none brings the server down."""

from urllib.parse import quote

import pytest

from foam.tests.operations import OPERATIONS
from notifications.models import Channel
from reminders.engine import tick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

B = "/api/v1/"
HOSTILE = [
    "",
    "9" * 400,
    "-1",
    "1e400",
    "NaN",
    "Infinity",
    "٣",
    "true",
    "[]",
    "a'b\"c%s%(x)s{0}",
    "2026-11-23T17:00:00+16:00",
    "9999-12-31T23:59:59-23:59",
    "𝟚" * 1000,
    "\u202e\u200b",
]


@pytest.fixture
def ids(user, make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY", channels=[Channel.objects.inbox_of(user)])
    tick.run(now)
    return {
        "reminders": reminder.pk,
        "channels": reminder.channels.get().pk,
        "occurrences": reminder.occurrences.first().pk,
    }


def bare(op, ids):
    return op.url(ids).partition("?")[0]


@pytest.mark.parametrize("op", OPERATIONS, ids=str)
def test_parameter_that_an_operation_does_not_know_is_refused(api, ids, op):
    answer = api.generic(op.method.upper(), bare(op, ids) + "?nothing=1")
    assert answer.status_code in {400, 404}, answer.status_code
    if answer.status_code == 400:
        assert "nothing" in {error["field"] for error in answer.json()["errors"]}


QUERIES = [
    pytest.param(op, name, id=f"{op}-{name}")
    for op in OPERATIONS
    if op.method == "get"
    for name in op.queries()
]


@pytest.mark.parametrize(("op", "name"), QUERIES)
def test_hostile_value_is_answered_and_an_empty_one_refused(api, ids, op, name):
    for value in HOSTILE:
        answer = api.get(f"{bare(op, ids)}?{name}={quote(value)}")
        assert answer.status_code < 500
        if answer.streaming:
            answer.getvalue()
        if not value and "{" not in op.path:
            assert answer.status_code == 400
            assert [error["field"] for error in answer.json()["errors"]] == [name]


@pytest.mark.parametrize(("op", "name"), QUERIES)
def test_parameter_given_twice_is_refused_unless_it_may_be(api, ids, op, name):
    answer = api.get(f"{bare(op, ids)}?{name}=1&{name}=2")
    if op.queries()[name].get("type") != "array":
        assert answer.status_code in {400, 404}


@pytest.mark.parametrize("path", ["", "reminders/", "me/", "me/export/", "reminders/export/"])
def test_empty_format_is_refused(api, path):
    answer = api.get(f"{B}{path}?format=")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "format")


@pytest.mark.parametrize("query", ["updated_since=garbage", "updated_since=start", "ordering=id",
                                   "page_size=3", "cursor=a"])  # fmt: skip
def test_export_refuses_what_only_lists_know(api, query):
    answer = api.get(f"{B}reminders/export/?{query}")
    name = query.partition("=")[0]
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)


def test_many_unknown_parameters_are_told_in_short(api):
    query = "&".join(f"p{n}=" for n in range(1000))
    answer = api.get(f"{B}reminders/?{query}")
    errors = answer.json()["errors"]
    assert (len(errors), errors[-1]["detail"]) == (21, "… and 980 more.")
    assert len(answer.content) < 2 * len(query)
