"""A Python client, generated from the OpenAPI document that is served, does the whole story."""

import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.utils import timezone

from accounts import tokens
from accounts.models.token import API_SCOPES
from notifications.outbox.round import deliver_due
from reminders.engine import tick

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("woken", "recorder"),
]


@pytest.fixture
def generated(live_server, tmp_path, monkeypatch):
    """Return the operations of a client that was generated as docs/api.md says."""
    command = ["openapi-python-client", "generate", "--url", f"{live_server.url}/openapi.json"]
    options = ["--meta", "none", "--output-path", str(tmp_path / "foam_client")]
    bin = Path(sys.executable).parent
    subprocess.run(
        [bin / command[0], *command[1:], *options],
        check=True,
        env={**os.environ, "PATH": f"{bin}:{os.environ['PATH']}"},
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module("foam_client")
    for name in [name for name in sys.modules if name.partition(".")[0] == "foam_client"]:
        del sys.modules[name]


@pytest.fixture
def program(generated, live_server):
    """Return what calls an operation by its name, with a token, and checks what it is answered."""
    opened = ExitStack()

    def with_token(secret):
        client = generated.AuthenticatedClient(base_url=live_server.url, token=secret)
        opened.enter_context(client)

        def call(name, *words, status=200, body=None, **asked):
            operation = import_module(f"foam_client.api.{name.partition('_')[0]}.{name}")
            if body is not None:
                asked["body"] = getattr(import_module("foam_client.models"), body[0])(**body[1])
            answer = operation.sync_detailed(*words, client=client, **asked)
            assert answer.status_code == status, answer.content
            return answer.parsed

        return call

    # A connection that stays open keeps a thread of the server, and its database connection.
    with opened:
        yield with_token


def test_generated_client_does_the_whole_story(program, user):
    now = timezone.now()
    _, secret = tokens.make(user, "maker", now, scopes=API_SCOPES, expires_at=None)
    maker = program(secret)
    models = import_module("foam_client.models")
    scopes = [
        models.GrantableScope(name) for name in API_SCOPES if not name.startswith(("me", "tokens"))
    ]
    made = maker(
        "tokens_create",
        status=201,
        body=("NewTokenRequest", {"name": "laptop", "scopes": scopes, "days": 1}),
    )
    call = program(made.secret)

    inbox = ("ChannelRequest", {"kind": models.ChannelKind("inbox"), "name": "Desk"})
    channel = call("channels_create", status=201, body=inbox)
    tomorrow = (now + timedelta(days=1)).replace(microsecond=0)
    schedule = {"starts_at": tomorrow.strftime("%Y-%m-%dT%H:%M:%S"), "timezone": "UTC"}
    shown = call("reminders_preview", body=("ScheduleRequest", schedule))
    assert [each.due_at for each in shown.occurrences] == [tomorrow]

    words = {"title": "Stand-up", "channels": [channel.id], **schedule}
    reminder = call("reminders_create", status=201, body=("ReminderRequest", words))
    assert reminder.next_due_at == tomorrow
    tick.run(tomorrow)
    deliver_due(tomorrow)

    (occurrence,) = call("occurrences_list", reminder=reminder.id).results
    answered = call("occurrences_acknowledge", occurrence.id)
    assert answered.status.value == "acknowledged"
    assert [each.user for each in answered.responses] == ["ada"]
    (delivery,) = call("deliveries_list", reference=occurrence.reference).results
    assert call("deliveries_retrieve", delivery.id).attempts[0].outcome.value == "sent"

    maker("tokens_destroy", made.id, status=204)
    refused = call("reminders_list", status=401)
    assert refused.code == "authentication_failed"


def test_generated_client_adds_sentences_and_turns_pages(program, user):
    _, secret = tokens.make(user, "x", timezone.now(), scopes=API_SCOPES, expires_at=None)
    call = program(secret)
    models = import_module("foam_client.models")
    for text in ("tea every day at 5pm", "stand-up every Monday at 9am"):
        call("reminders_create", status=201, body=("QuickAddRequest", {"text": text}))

    order = models.RemindersListOrdering.TITLE_DESC
    page = call("reminders_list", ordering=order, page_size=1)
    rest = call("reminders_list", ordering=order, page_size=1, cursor=page.next_cursor)
    assert [each.title for each in [*page.results, *rest.results]] == ["tea", "stand-up"]
    assert rest.next_cursor is None

    new = models.PatchedReminderRequest(title="Green tea")
    item = models.BatchUpdateRequest(op="update", id=page.results[0].id, fields=new)
    done = call("reminders_batch", body=("BatchRequest", {"items": [item]}))
    assert [each.status for each in done.results] == [200]
