"""Thousands of hostile requests, over all operations and pages: none is answered with a 5xx.

Values at the edge of what a layer takes (`hostile`) stand in each query parameter, header, part of
a path, field of a body and field of a form.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.urls import reverse

from conftest import client_of
from foam.tests.admin.test_admin_pages import everything  # noqa: F401
from foam.tests.operations import OPERATIONS
from foam.tests.security.hostile import (
    BODIES,
    BYTES,
    HEADERS,
    JSON_VALUES,
    QUERIES,
    TYPES,
    VALUES,
    share,
)
from notifications.models import Channel, Delivery, InboxMessage
from notifications.outbox.round import deliver_due
from reminders.engine import firing
from reminders.models import Occurrence, Reminder

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("woken", "recorder"),
    # A filter of the admin without an offset: a warning in production, an error in tests.
    pytest.mark.filterwarnings("ignore:.*received a naive datetime:RuntimeWarning"),
]

JSON = "application/json"
PLACE = "PLACE-OF-THE-HOSTILE-VALUE"
# Anybody may ask these.
PAGES = ["/", "/docs", "/redoc", "/readyz", "/healthz", "/openapi.json", "/metrics", "/nothing/"]
PAGES += ["/calendar/a.ics", "/do/a", "/static/foam/icon.svg", "/api/v1/", "/.well-known/a"]
ACCOUNT = [
    *("", "login/", "signup/", "logout/", "email/", "password/change/", "password/reset/"),
    *("confirm-email/", "2fa/", "2fa/totp/activate/", "2fa/authenticate/", "sessions/", "close/"),
    *(
        "reauthenticate/",
        "2fa/recovery-codes/",
        "2fa/webauthn/",
        "inactive/",
        "password/reset/key/",
    ),
]
HEADLESS = [
    "auth/login",
    "auth/signup",
    "auth/session",
    "auth/password/request",
    "auth/password/reset",
]
HEADLESS += [
    "auth/email/verify",
    "auth/2fa/authenticate",
    "account/email",
    "account/password/change",
]


class Asker:
    """Sends requests one by one, undoes what each did, and keeps those that a 5xx answered."""

    def __init__(self, client: Any) -> None:
        client.raise_request_exception = False
        self.client = client
        self.count = 0
        self.failures: list[str] = []

    def ask(
        self, method: str, address: str, body: bytes = b"", type_: str = JSON, **extra: Any
    ) -> None:
        path, _, query = address.partition("?")
        self.count += 1
        point = transaction.savepoint()
        # As a server hands headers on: each byte as a character.
        extra = {name: value.encode().decode("latin-1") for name, value in extra.items()}
        try:
            answer = self.client.generic(
                method, path, body, type_, headers=extra, QUERY_STRING=query
            )
            parts = answer.streaming_content if answer.streaming else [answer.content]
            size = sum(map(len, parts))
        except UnicodeEncodeError:
            # No client can send it.
            return
        except Exception as error:
            self._fail(method, address, body, extra, repr(error))
            return
        finally:
            transaction.savepoint_rollback(point)
            connection.needs_rollback = False
        sent = len(body) + len(query)
        if answer.status_code >= 500 and not address.startswith(("/readyz", "/metrics")):
            self._fail(method, address, body, extra, str(answer.status_code))
        elif answer.status_code >= 400 and size > 100_000 + 2 * sent:
            self._fail(method, address, body, extra, f"{size} bytes for {sent}")

    def _fail(self, method: str, address: str, body: bytes, extra: Any, what: str) -> None:
        self.failures.append(f"{what}: {method} {address[:150]} {body[:200]!r} {str(extra)[:150]}")

    def check(self) -> None:
        assert not self.failures, "\n".join(
            [f"{len(self.failures)} of {self.count}", *self.failures[:40]]
        )
        assert self.count


@pytest.fixture
def ids(user, make_reminder, channel, now) -> dict[str, int]:
    """One of every noun."""
    inbox = Channel.objects.inbox_of(user)
    reminder = make_reminder(
        channels=[channel, inbox], recurrence="FREQ=DAILY", external_id="only-for-adas-eyes"
    )
    firing.trigger(reminder, now)
    deliver_due(now)
    message = InboxMessage.objects.create(
        channel=inbox, message_id="m", title="Tea", body="Tea", due_at=now
    )
    return {
        "reminders": reminder.pk,
        "channels": channel.pk,
        "occurrences": Occurrence.objects.get().pk,
        "deliveries": Delivery.objects.first().pk,
        "inbox": message.pk,
        "tokens": 1,
        "pauses": 1,
    }


@pytest.fixture
def asker(user, ids) -> Asker:
    return Asker(client_of(user))


def leaves(value: Any) -> Iterator[Any]:
    """Yield the value once with each of its parts, and with the whole, replaced by PLACE."""
    yield PLACE
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, part in items:
        for replaced in leaves(part):
            copy = dict(value) if isinstance(value, dict) else list(value)
            copy[name] = replaced
            yield copy


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_no_query_of_an_operation_is_a_5xx(asker, ids, operation):
    path = operation.url(ids).partition("?")[0]
    body = json.dumps(operation.body(ids)).encode() if operation.takes_body else b""
    place = OPERATIONS.index(operation)
    for name in [*operation.queries(), "unknown", "format", "ordering", "cursor"]:
        place += 1
        for value in share(QUERIES, place):
            asker.ask(operation.method.upper(), f"{path}?{name}={value}", body)
    for value in share(BYTES, place, 3):
        asker.ask(operation.method.upper(), f"{path}?{value}=1&{value}", body)
    asker.check()


@pytest.mark.parametrize("operation", [op for op in OPERATIONS if "{" in op.path], ids=str)
def test_no_part_of_a_path_is_a_5xx(asker, ids, operation):
    begin, _, end = operation.path.partition("{")
    body = json.dumps(operation.body(ids)).encode() if operation.takes_body else b""
    for value in [*share(VALUES, OPERATIONS.index(operation)), "\x00", "\x01", "a/b"]:
        part = quote(value, safe="", errors="replace")[:6_000]
        asker.ask(operation.method.upper(), f"{begin}{part}{end.partition('}')[2]}", body)
    asker.check()


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_no_header_is_a_5xx(asker, ids, operation):
    path = operation.url(ids)
    body = json.dumps(operation.body(ids)).encode() if operation.takes_body else b""
    for name, values in HEADERS.items():
        for value in share(values, OPERATIONS.index(operation), 8):
            asker.ask(operation.method.upper(), path, body, **{name: value})
    asker.check()


@pytest.mark.parametrize("operation", [op for op in OPERATIONS if op.takes_body], ids=str)
def test_no_body_is_a_5xx(asker, ids, operation):
    path, method = operation.url(ids), operation.method.upper()
    for body in BODIES:
        asker.ask(method, path, body)
    place = OPERATIONS.index(operation)
    for type_ in share(TYPES, place, 3):
        for body in (b"", b"{}", b"--a\r\n\r\n--a--"):
            asker.ask(method, path, body, type_)
    for changed in leaves(operation.body(ids)):
        whole = json.dumps(changed)
        place += 1
        for value in share(JSON_VALUES, place):
            asker.ask(method, path, whole.replace(f'"{PLACE}"', value).encode("utf-8", "replace"))
    asker.check()


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_a_5xx(client, ids, path):
    asker = Asker(client)
    place = PAGES.index(path)
    for name in ("next", "tag", "exclude", "format", "lang", "a"):
        place += 1
        for value in share(QUERIES, place):
            asker.ask("GET", f"{path}?{name}={value}")
    for name, values in HEADERS.items():
        for value in share(values, place, 4):
            asker.ask("GET", path, **{name: value})
    for value in share(QUERIES, place):
        asker.ask("GET", f"{path.rstrip('/')}/{value}")
        asker.ask(
            "POST", path, f"a={value}&{value}=a".encode(), "application/x-www-form-urlencoded"
        )
    for body in BODIES:
        asker.ask("POST", path, body)
    asker.check()


@pytest.mark.parametrize("is_signed_in", [False, True])
@pytest.mark.parametrize("page", ACCOUNT)
def test_no_page_of_an_account_is_a_5xx(client, user, ids, page, is_signed_in):
    if is_signed_in:
        client.force_login(user)
    asker = Asker(client)
    path = f"/account/{page}"
    place = ACCOUNT.index(page)
    for value in share(QUERIES, place, 3):
        asker.ask("GET", f"{path}?next={value}&code={value}&email={value}")
    names = ("next", "login", "email", "password", "code", "password1", "oldpassword", "timezone")
    for value in share(QUERIES, place + 1, 3):
        for fields in (names[:3], names[3:]):
            form = "&".join(f"{name}={value}" for name in fields)
            asker.ask("POST", path, form.encode(), "application/x-www-form-urlencoded")
    for type_ in share(TYPES, place, 3):
        asker.ask("POST", path, b"a=b", type_)
    asker.check()


@pytest.mark.parametrize("address", HEADLESS)
def test_no_request_of_a_program_that_signs_in_is_a_5xx(client, ids, address):
    asker = Asker(client)
    for body in BODIES:
        asker.ask("POST", f"/_allauth/app/v1/{address}", body)
    names = ("email", "username", "password", "key", "code")
    for value in share(JSON_VALUES, HEADLESS.index(address), 3):
        body = "{" + ",".join(f'"{name}":{value}' for name in names) + "}"
        asker.ask("POST", f"/_allauth/app/v1/{address}", body.encode("utf-8", "replace"))
    for name in ("X-Session-Token", "Cookie", "Origin", "Accept"):
        for value in HEADERS[name]:
            asker.ask("POST", f"/_allauth/app/v1/{address}", b"{}", **{name: value})
    asker.check()


MODELS = list(admin.site._registry)


def names_of(view: Any, model: Any) -> list[str]:
    """Return the parameters that the address of a list may have."""
    filters = [each[0] if isinstance(each, tuple) else each for each in view.list_filter]
    names = [
        each if isinstance(each, str) else getattr(each, "parameter_name", None) for each in filters
    ]
    fields = [field.name for field in model._meta.fields]
    # Not each lookup of each field, but each with fields of many models.
    lookups = [
        f"{field}__{lookup}"
        for place, field in enumerate(fields, MODELS.index(model))
        for lookup in share(["exact", "gte", "in", "isnull", "year"], place, 3)
    ]
    fixed = ["q", "p", "o", "all", "e", "_to_field", "_popup", "_changelist_filters", "at", "days"]
    return [*filter(None, names), *fields, *lookups, *fixed]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
@pytest.mark.usefixtures("everything", "beat_rows")
def test_no_list_of_the_admin_is_a_5xx(client, staff, model):
    client.force_login(staff)
    asker = Asker(client)
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    path = reverse(f"{base}_changelist")
    names = names_of(admin.site._registry[model], model)
    # Many values on few names, and few values on many: each name and each value is met.
    place = MODELS.index(model)
    for value in share(QUERIES, place):
        place += 7
        for name in {names[place % len(names)], "q"}:
            asker.ask("GET", f"{path}?{name}={value}")
    for place, name in enumerate(names):
        asker.ask("GET", f"{path}?{name}={QUERIES[place * 3 % len(QUERIES)]}")
    asker.check()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
@pytest.mark.usefixtures("everything", "beat_rows")
def test_no_form_of_the_admin_is_a_5xx(client, staff, model):
    client.force_login(staff)
    asker = Asker(client)
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    row = model._default_manager.order_by("pk").first()
    addresses = [reverse(f"{base}_add")]
    addresses += [reverse(f"{base}_change", args=[row.pk])] if row else []
    names = [field.name for field in model._meta.get_fields() if not field.auto_created]
    names += [
        "starts_at_0",
        "starts_at_1",
        "until_0",
        "until_1",
        "exdates",
        "rdates",
        "leads",
        "action",
    ]
    place = MODELS.index(model)
    for address in addresses:
        for value in share(QUERIES, place):
            form = "&".join(f"{name}={value}" for name in names)
            asker.ask("POST", address, form.encode(), "application/x-www-form-urlencoded")
        for value in share(QUERIES, place, 24):
            asker.ask("GET", f"{address}?{'&'.join(f'{name}={value}' for name in names)}")
    for value in share(QUERIES, place):
        asker.ask("GET", f"{reverse(f'{base}_changelist')}{value[:3_000]}/change/")
    asker.check()


@pytest.mark.usefixtures("everything")
def test_no_further_page_of_the_admin_is_a_5xx(client, staff):
    client.force_login(staff)
    asker = Asker(client)
    reminder = Reminder.objects.not_deleted().first()
    begin = "/admin/reminders/reminder/"
    addresses = ["/admin/", "/admin/autocomplete/", f"{begin}import/", f"{begin}export/"]
    addresses += [
        f"{begin}{reminder.pk}/{name}/" for name in ("history", "delete", "explain", "preview")
    ]
    names = (
        "term",
        "app_label",
        "model_name",
        "field_name",
        "owner",
        "format",
        "at",
        "p",
        "timezone",
    )
    for place, address in enumerate(addresses):
        for value in share(QUERIES, place, len(addresses)):
            query = "&".join(f"{name}={value}" for name in names)
            asker.ask("GET", f"{address}?{query}")
            asker.ask("POST", address, query.encode(), "application/x-www-form-urlencoded")
        for value in share(QUERIES, place + 1, len(addresses)):
            query = f"app_label=reminders&model_name=reminder&field_name=owner&term={value}"
            asker.ask("GET", f"{address}?{query}&at={value}&owner={reminder.owner_id}&format=jsonl")
    asker.check()
