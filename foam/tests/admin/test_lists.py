"""Lists: order, pages that stay in place, filters, and nothing that is silently dropped."""

import base64
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from notifications.models import Channel
from notifications.tests.counters import captured_statements
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
LISTS = ["reminders/", "occurrences/", "channels/", "deliveries/", "inbox/"]


def pages(api, **query):
    page = api.get(URL, {"page_size": 3, **query}).json()
    yield page
    while page["next"]:
        page = api.get(page["next"]).json()
        yield page


def ids(page):
    return [each["id"] for each in page["results"]]


@pytest.fixture
def several(make_reminder, now):
    """Some due at one instant, some with one title, and some paused, which are never due."""
    made = [
        make_reminder(
            title=f"Title {i % 3}",
            starts_at=(now + timedelta(days=i // 3)).replace(tzinfo=None),
        )
        for i in range(12)
    ]
    for each in made[::4]:
        each.pause(now - timedelta(minutes=30))
    return made


ORDERINGS = ["id", "next_due_at", "created_at", "updated_at", "title"]


@pytest.mark.parametrize("ordering", [*ORDERINGS, *(f"-{name}" for name in ORDERINGS)])
def test_pages_have_each_once_and_in_order_there_and_back(api, several, ordering):
    forth = list(pages(api, ordering=ordering))
    seen = [pk for page in forth for pk in ids(page)]
    assert sorted(seen) == sorted(each.pk for each in several)
    whole = api.get(URL, {"ordering": ordering, "page_size": 200}).json()
    assert ids(whole) == seen
    page, back = forth[-1], [forth[-1]]
    while page["previous"]:
        page = api.get(page["previous"]).json()
        back.insert(0, page)
    assert [pk for page in back for pk in ids(page)] == seen


def test_what_is_never_due_comes_last(api, several):
    shown = api.get(URL, {"ordering": "next_due_at"}).json()["results"]
    dues = [each["next_due_at"] for each in shown]
    assert dues[-3:] == [None] * 3
    assert dues[:-3] == sorted(dues[:-3])


@pytest.mark.parametrize("ordering", ["-id", "next_due_at", "title"])
def test_page_stays_in_place_while_rows_come_and_go(api, several, make_reminder, now, ordering):
    first = api.get(URL, {"ordering": ordering, "page_size": 4}).json()
    expected = ids(api.get(first["next"]).json())
    make_reminder(title="A", starts_at=now.replace(tzinfo=None))
    Reminder.objects.get(pk=ids(first)[0]).close(now)
    Reminder.objects.get(pk=ids(first)[-1]).close(now)
    assert ids(api.get(first["next"]).json())[:3] == expected[:3]


def test_cursor_of_another_order_is_refused(api, several):
    link = api.get(URL, {"ordering": "title", "page_size": 3}).json()["next"]
    answer = api.get(link.replace("ordering=title", "ordering=id"))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"


def cursor_of(page):
    return parse_qs(urlsplit(page.json()["next"]).query)["cursor"][0]


def forged(value):
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        forged(r'["title","a\u0000",5,false]'),
        forged(r'["title","\ud800",5,false]'),
        forged('["-id",null,5,false]'),
        forged("[" * 3000),
        forged(r'["next_due_at","2026-11-23T17:00:00+16:00",5,false]'),
        "W10",
        "",
        "===",
        "é",
        "a" * 3000,
    ],
)
@pytest.mark.parametrize("ordering", ["-id", "title", "next_due_at"])
def test_cursor_that_we_did_not_make_is_refused(api, several, text, ordering):
    answer = api.get(URL, {"ordering": ordering, "cursor": text})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("at", [0, 5, 12, -1])
def test_cursor_with_one_other_character_is_refused(api, several, at):
    text = list(cursor_of(api.get(URL, {"page_size": 3})))
    text[at] = "A" if text[at] != "A" else "Q"
    assert api.get(URL, {"cursor": "".join(text)}).status_code == 400


def test_cursor_of_another_list_or_user_is_refused(api, stranger_api, several, stranger):
    text = cursor_of(api.get(URL, {"page_size": 3}))
    assert api.get(URL, {"cursor": text}).status_code == 200
    assert api.get("/api/v1/occurrences/", {"cursor": text}).status_code == 400
    assert stranger_api.get(URL, {"cursor": text}).status_code == 400


def test_cursor_of_the_key_before_is_good(api, several, settings):
    text = cursor_of(api.get(URL, {"page_size": 3}))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of this server, long enough"
    assert api.get(URL, {"cursor": text}).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert api.get(URL, {"cursor": text}).status_code == 400


@pytest.mark.parametrize("ordering", ["", "body", "owner__password", "--id", "id,title", "?"])
def test_ordering_that_is_none_is_named(api, ordering):
    answer = api.get(URL, {"ordering": ordering})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "ordering"
    assert "next_due_at" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("size", ["0", "201", "-1", "x", "", "1" * 5000, "\u0663"])
def test_page_size_out_of_range_is_named(api, size):
    answer = api.get(URL, {"page_size": size})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "page_size"


@pytest.mark.parametrize("noun", LISTS)
def test_unknown_query_parameter_is_named_with_what_is_allowed(api, noun):
    answer = api.get(f"/api/v1/{noun}", {"stauts": "active"})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("stauts", "unknown")
    assert "page_size" in error["detail"]


@pytest.mark.parametrize(
    "path", ["", "upcoming/", "explain/"], ids=["retrieve", "upcoming", "explain"]
)
def test_unknown_query_parameter_of_one_thing_is_named(api, reminder, path):
    answer = api.get(f"{URL}{reminder.pk}/{path}", {"cuont": "3"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cuont"


def test_statuses_are_any_of_and_tags_all_of(api, make_reminder, now):
    make_reminder(title="both", tags=["a", "b,c"])
    make_reminder(title="one", tags=["a"]).pause(now - timedelta(minutes=1))

    def titles(query):
        return {each["title"] for each in api.get(f"{URL}?{query}").json()["results"]}

    assert titles("status=active&status=paused") == {"both", "one"}
    assert titles("status=paused") == {"one"}
    assert titles("tag=a") == {"both", "one"}
    assert titles("tag=a&tag=b,c") == {"both"}
    assert api.get(f"{URL}?status=active&status=asleep").status_code == 400
    assert api.get(f"{URL}?tag=%00&tag=a").status_code == 400


def test_search_looks_into_title_body_and_tags(api, make_reminder):
    make_reminder(title="Water the PLANTS")
    make_reminder(title="x", body="the plants, again")
    make_reminder(title="y", tags=["plants"])
    make_reminder(title="100% sure")
    assert len(api.get(URL, {"search": "plants"}).json()["results"]) == 3
    assert len(api.get(URL, {"search": "0% s"}).json()["results"]) == 1
    assert api.get(URL, {"search": "{"}).json()["results"] == []


@pytest.fixture
def one_of_each(api, reminder, user):
    api.post(f"{URL}{reminder.pk}/trigger/")
    inbox = Channel.objects.inbox_of(user)
    inbox.inbox_messages.create(
        message_id="m1", reference="occurrence:1", title="x", due_at=reminder.next_due_at
    )


@pytest.mark.parametrize("noun", LISTS)
def test_lists_take_the_same_queries_however_long(api, one_of_each, make_reminder, user, noun):
    def count():
        with captured_statements() as texts:
            answer = api.get(f"/api/v1/{noun}")
        assert answer.json()["results"]
        return len(texts)

    # The first use of a token is written down.
    count()
    before = count()
    for number in range(4):
        made = make_reminder()
        api.post(f"{URL}{made.pk}/trigger/")
        hook = Channel.objects.create(
            owner=user, kind="webhook", name="x", address=f"https://e.com/{number}"
        )
        hook.inbox_messages.create(
            message_id=f"n{number}", reference="occurrence:2", title="x", due_at=made.next_due_at
        )
    assert count() == before
    assert before <= 5


@pytest.mark.parametrize("noun", [*LISTS, "me/"])
def test_retrieving_takes_few_queries(api, one_of_each, noun):
    url = f"/api/v1/{noun}"
    if noun != "me/":
        url += f"{api.get(url).json()['results'][0]['id']}/"
    with captured_statements() as texts:
        assert api.get(url).status_code == 200
    # The token and the row; the profile counts what each quota allows.
    assert len(texts) <= (9 if noun == "me/" else 2)
