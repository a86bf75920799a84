"""P9: every operation of the API, as anyone who may not use it. Nobody keeps a list by hand.

The operations come from the OpenAPI document, what they ask from foam/api/openapi/examples.py.
"""

import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.admindocs.views import simplify_regex
from django.db import connection
from django.http import HttpResponse
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiToken
from accounts.models import pause as pauses
from accounts.models.token import API_SCOPES
from conftest import client_of
from foam.tests.operations import DOCUMENT, IDS, MARK, NUMBERS, OPERATIONS
from notifications.models import Channel, Delivery, InboxMessage
from notifications.outbox.round import deliver_due
from reminders.engine import tick
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken", "recorder")]

# Without signing in, under /api/v1/: the list of what there is.
PUBLIC: set[str] = set()
UNTOLD = {""}
# And beside it. Each checks for itself who may do what.
BESIDE = {
    "account/not-me/<str:token>/",
    "",
    "errors",
    "openapi.json",
    "docs",
    "redoc",
    "healthz",
    "readyz",
    "metrics",
    "admin/",
    "admin/autocomplete/",
    "do/<path:token>",
    "account/",
    "account/activity/",
    "account/close/",
    "account/email/stop/<str:token>/",
    "account/password/set/",
    "admin/password_change/",
    "_allauth/",
    "calendar/<str:secret>.ics",
}
# What an example cannot bring about alone: a code that fits, and a delivery that is dead.
REFUSED = {"channels_verify": 400, "deliveries_retry": 409}
NOTHING = 10**9


def those(choose):
    return pytest.mark.parametrize("operation", list(filter(choose, OPERATIONS)), ids=str)


each = those(lambda each: True)
about_one = those(lambda each: each.is_about_one)
about_none = those(lambda each: not each.is_about_one and not each.is_by_external_id)
by_external_id = those(lambda each: each.is_by_external_id)
writing = those(lambda each: each.method != "get")
with_ids_in_query = those(lambda each: each.queries().keys() & IDS.keys())
with_ids_in_body = those(lambda each: each.takes_body and each.numbers() & IDS.keys())


@pytest.fixture
def ids(user, channel, make_reminder, now):
    """One of every noun, all the owner's, by noun."""
    Channel.objects.filter(pk=channel.pk).update(name=MARK)
    inbox = Channel.objects.inbox_of(user)
    words = {"title": MARK, "body": MARK, "external_id": MARK, "tags": [MARK]}
    # Daily, so that there is one to skip.
    reminder = make_reminder(**words, channels=[channel, inbox], recurrence="FREQ=DAILY")
    tick.run(now)
    deliver_due(now)
    token, _ = ApiToken.issue(user, MARK)
    pause, _ = pauses.begin("tag", timezone.now(), owner=user, tag=MARK, reason=MARK)
    message = InboxMessage.objects.create(
        channel=inbox, message_id=MARK, title=MARK, body=MARK, due_at=now
    )
    return {
        "reminders": reminder.pk,
        "occurrences": Occurrence.objects.get(reminder=reminder).pk,
        "channels": channel.pk,
        "deliveries": Delivery.objects.get(channel=channel).pk,
        "inbox": message.pk,
        "tokens": token.pk,
        "pauses": pause.pk,
    }


@pytest.fixture
def strangers(stranger, make_reminder):
    """The stranger's own, by noun."""
    inbox = Channel.objects.inbox_of(stranger)
    reminder = make_reminder(owner=stranger, channels=[inbox], recurrence="FREQ=DAILY")
    return {"reminders": reminder.pk, "channels": inbox.pk, "deliveries": 0}


@pytest.fixture
def nobodys(ids):
    return dict.fromkeys(ids, NOTHING)


def ask(client, operation, ids):
    asked = {"headers": {"X-Request-ID": "test"}}
    if operation.takes_body:
        body = operation.body(ids)
        kind = {"content_type": "text/plain"} if isinstance(body, str) else {"format": "json"}
        asked |= {"data": body, **kind}
    answer = getattr(client, operation.method)(operation.url(ids), **asked)
    if not answer.streaming:
        return answer
    kept = {name: value for name, value in answer.items() if name != "Content-Type"}
    return HttpResponse(answer.getvalue(), answer["Content-Type"], answer.status_code, headers=kept)


def fingerprint():
    """Return a digest of all rows of each table, but for when a token was last used."""
    names = connection.introspection.table_names()
    digests = " UNION ALL ".join(
        f"SELECT '{name}', md5(string_agg(row::text, ',' ORDER BY row::text))"
        f" FROM (SELECT to_jsonb(t) - 'last_used_at' AS row FROM \"{name}\" t) AS rows"
        for name in sorted(names)
    )
    with connection.cursor() as cursor:
        cursor.execute(digests)
        return dict(cursor.fetchall())


@contextmanager
def nothing_changes():
    before = fingerprint()
    yield
    assert fingerprint() == before


def assert_refused(client, operation, ids, status):
    answer = ask(client, operation, ids)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert MARK not in answer.content.decode()
    return answer


def assert_unauthorized(client, operation, ids):
    """Refused, and told no more than who has a token that never was."""
    answer = assert_refused(client, operation, ids, 401)
    assert answer["WWW-Authenticate"].startswith("Bearer")
    unknown = APIClient(headers={"Authorization": "Bearer foam_unknown"})
    assert answer.content == ask(unknown, operation, ids).content


def bearer(user, **limits):
    token, secret = ApiToken.issue(user, "test", **limits)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return token, client


@each
def test_owner_is_let_in_and_answered_as_the_document_says(operation, api, ids):
    answer = ask(api, operation, ids)
    assert str(answer.status_code) in operation.told["responses"], answer.content
    assert answer.status_code < 300 or answer.status_code == REFUSED.get(operation.id), (
        answer.content
    )
    told = operation.told["responses"][str(answer.status_code)]
    shared = told.get("$ref", "").rpartition("/")[2]
    headers = DOCUMENT["components"]["responses"].get(shared, told)["headers"].keys()
    own = {name for name in DOCUMENT["components"]["headers"] if name in answer}
    assert own <= headers, "Describe them in foam/api/openapi/schema.py or as answer_headers."
    assert (answer.status_code == 201) == ("Location" in answer)


@each
def test_clients_without_the_right_get_nothing(operation, user, ids, now):
    """Ask all of them in one world: to make it takes longer than to ask."""
    if operation.is_public:
        assert operation.id in PUBLIC, f"{operation.id} needs no signing in: list it as public."
        return
    revoked, of_revoked = bearer(user)
    revoked.revoke(now)
    _, of_expired = bearer(user, expires_at=timezone.now() - timedelta(seconds=1))
    _, of_inactive = bearer(user)
    others = [scope for scope in API_SCOPES if scope != operation.scope]
    of_others, of_none = client_of(user, others), client_of(user, [])
    with nothing_changes():
        answer = assert_refused(APIClient(), operation, ids, 401)
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert_unauthorized(of_revoked, operation, ids)
        assert_unauthorized(of_expired, operation, ids)
        answer = assert_refused(of_others, operation, ids, 403)
        assert answer.json()["detail"] == f"This token lacks the scope {operation.scope}."
        assert_refused(of_none, operation, ids, 403)
    user.is_active = False
    user.save()
    with nothing_changes():
        assert_unauthorized(of_inactive, operation, ids)


@each
def test_needed_scope_is_enough(operation, user, ids):
    client = client_of(user, [operation.scope])
    assert ask(client, operation, ids).status_code != 403


@about_one
def test_stranger_is_told_what_is_told_of_nothing(operation, stranger_api, ids, nobodys):
    with nothing_changes():
        refused = assert_refused(stranger_api, operation, ids, 404)
    assert ask(stranger_api, operation, nobodys).content == refused.content


@about_one
def test_stranger_in_a_browser_is_told_the_same(operation, stranger, ids):
    client = APIClient()
    client.force_login(stranger)
    with nothing_changes():
        assert_refused(client, operation, ids, 404)


@about_one
@pytest.mark.parametrize("method", ["head", "options"])
def test_stranger_learns_nothing_from_other_methods(method, operation, stranger_api, ids, nobodys):
    shown = getattr(stranger_api, method)(operation.url(ids))
    of_nothing = getattr(stranger_api, method)(operation.url(nobodys))
    assert (shown.status_code, shown.content) == (of_nothing.status_code, of_nothing.content)
    assert getattr(APIClient(), method)(operation.url(ids)).status_code == 401


@about_none
def test_stranger_is_shown_nothing_of_the_owners(operation, stranger_api, strangers, ids):
    answer = ask(stranger_api, operation, strangers)
    assert answer.status_code < 300, answer.content
    assert MARK not in answer.content.decode()
    # The agenda has no rows of its own, and titles in what it shows.
    if operation.id.endswith("_list") and operation.noun in ids:
        assert ids[operation.noun] not in [each["id"] for each in answer.json()["results"]]


@by_external_id
def test_external_id_is_of_ones_own_reminders_only(operation, stranger_api, ids):
    before = Reminder.objects.filter(pk=ids["reminders"]).values().get()
    answer = ask(stranger_api, operation, {**ids, "channels": 0})
    assert answer.status_code in {400, 404}
    assert MARK not in answer.content.decode()
    assert Reminder.objects.filter(pk=ids["reminders"]).values().get() == before


def test_batch_of_a_stranger_finds_nothing_of_the_owners(stranger_api, ids):
    before = fingerprint()
    items = [
        {"op": op, "id": number, "fields": {}}
        for number in (ids["reminders"], NOTHING)
        for op in ("update", "delete")
    ]
    answer = stranger_api.post("/api/v1/reminders/batch/", {"items": items})
    assert [result["status"] for result in answer.json()["results"]] == [404] * 4
    assert MARK not in answer.content.decode()
    assert fingerprint() == before


@with_ids_in_query
def test_ids_of_others_in_a_query_are_answered_as_those_of_nothing(operation, stranger_api, ids):
    for name in operation.queries().keys() & IDS.keys():
        url = operation.url(ids)
        theirs = stranger_api.get(url, {name: ids[IDS[name]]})
        of_nothing = stranger_api.get(url, {name: NOTHING})
        assert theirs.status_code == of_nothing.status_code
        assert _without_ids(theirs, ids) == _without_ids(of_nothing, ids)


def _without_ids(answer, ids):
    text = answer.content.decode().replace(str(NOTHING), "#")
    for number in ids.values():
        text = text.replace(f'"{number}"', '"#"')
    return text


@with_ids_in_body
def test_ids_of_others_in_a_body_are_refused_as_those_of_nothing(
    operation, stranger_api, ids, strangers
):
    body = operation.body(strangers)
    for name in operation.numbers() & IDS.keys():
        before = fingerprint()
        theirs, of_nothing = (
            getattr(stranger_api, operation.method)(
                operation.url(strangers), {**body, name: [number]}
            )
            for number in (ids[IDS[name]], NOTHING)
        )
        assert theirs.status_code == of_nothing.status_code == 400, theirs.content
        told = theirs.content.decode().replace(str(ids[IDS[name]]), str(NOTHING))
        assert told == of_nothing.content.decode()
        assert fingerprint() == before


def test_every_number_that_is_asked_for_is_known_as_an_id_or_as_none():
    asked = {name for operation in OPERATIONS for name in operation.numbers()}
    unknown = asked - IDS.keys() - NUMBERS
    assert not unknown, f"Say in foam/tests/operations.py whether these are ids: {unknown}"


@writing
def test_browser_without_csrf_token_changes_nothing(operation, user, ids):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    with nothing_changes():
        answer = assert_refused(client, operation, ids, 403)
    assert "CSRF" in answer.json()["detail"]


def test_every_address_of_the_api_is_in_the_document():
    told = {
        re.sub("{[^}]+}", "#", operation.path.removeprefix("/api/v1/")) for operation in OPERATIONS
    }
    served = {re.sub("<[^>]+>", "#", simplify_regex(path)[1:]) for path in _api()}
    assert served - told == UNTOLD, "Tell of it in the OpenAPI document, or list it here."


def _api():
    (api,) = (each for each in get_resolver().url_patterns if str(each.pattern) == "api/v1/")
    return _leaves(api)


def _leaves(resolver, before=""):
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        yield from [path] if isinstance(pattern, URLPattern) else _leaves(pattern, path)


def test_every_address_beside_the_api_is_listed():
    top = get_resolver().url_patterns
    pages = [
        page for each in top if not str(each.pattern) for page in getattr(each, "url_patterns", [])
    ]
    served = {str(each.pattern) for each in (*top, *pages)} - {"api/v1/"}
    assert served == BESIDE, "Say here that it checks for itself who may do what."
