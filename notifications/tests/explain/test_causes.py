"""A cause and what followed from it are found together by the index, and nothing else is."""

import pytest
from django.db import connection

from notifications.explain import causes
from notifications.explain.causes import FOLLOWING, Cause, cause_of, following
from notifications.models import Delivery
from notifications.outbox.post import Post, post_messages
from notifications.sql import bulk_cursor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

REFERENCES = ["a:1", "a:1:nag:1", "a:1:nag:2", "a:12", "a:12:nag:1", "a:1;", "a:"]


@pytest.fixture
def posted(channel, now):
    post_messages([Post(channel.pk, each, "t", "", now) for each in REFERENCES], now)


def test_cause_is_found_with_what_followed(posted):
    found = Delivery.objects.of("a:1").values_list("reference", flat=True)
    assert sorted(found) == ["a:1", "a:1:nag:1", "a:1:nag:2"]
    assert Delivery.objects.of("a:1", "a:12").count() == 5
    assert not Delivery.objects.of().exists()


def test_what_followed_is_told_with_its_cause(posted):
    assert following(["a:1", "a:12", "a:2"]) == {
        "a:1:nag:1": "a:1",
        "a:1:nag:2": "a:1",
        "a:12:nag:1": "a:12",
    }
    assert following([]) == {}


def test_both_are_found_by_their_index(posted):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        # Whether the index alone would do depends on what tests before have left in the table.
        cursor.execute("SET LOCAL enable_indexonlyscan = off")
    plan = Delivery.objects.of("a:1", "a:2").order_by().explain()
    assert plan.count("notifications_delivery_once_per_cause") == 3
    with bulk_cursor() as cursor:
        cursor.execute(f"EXPLAIN {FOLLOWING}", {"causes": ["a:1"]})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "notifications_delivery_once_per_cause" in plan
    assert "Index Cond: (((reference)::text > (c.cause || ':'" in plan


def test_cause_is_told_by_its_own_app_or_by_its_reference(monkeypatch):
    monkeypatch.setattr(causes, "_registered", {})
    known = Cause("the bread", url="/bread/")
    causes.register("bread", lambda reference: known if reference == "bread:1" else None)
    assert cause_of("bread:1") == known
    assert cause_of("bread:2").text == "caused by bread:2"
    assert cause_of("test:5:x").text == "a test message that somebody asked for"
