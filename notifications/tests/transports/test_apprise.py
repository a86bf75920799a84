"""Apprise's services, in processes of their own, against a real HTTP server that plays ntfy."""

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from notifications.encryption import fernet
from notifications.links import signed_links
from notifications.links.signed_links import Action
from notifications.models import Channel, Delivery
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.tests.receivers import Close, Endless, Hang, HttpReceiver, Reply, Trickle
from notifications.transports import Message, SendOutcome
from notifications.transports import transport as transport_of
from notifications.transports.apprise import MAX_PUNCTUAL_HELPERS, AppriseTransport
from notifications.transports.apprise_worker.client import ENVIRONMENT
from notifications.transports.apprise_worker.services import SERVICES, _plugin, schemas, scrub
from notifications.transports.base import Sender

DUE_AT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"


@pytest.fixture(autouse=True)
def allow_loopback(settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8:*"]
    settings.FOAM_WEBHOOK_PORTS = [80, 443]


@pytest.fixture(scope="module")
def transport() -> Iterator[AppriseTransport]:
    """Its helpers stay, as in a worker: to start one takes a second."""
    transport = AppriseTransport()
    yield transport
    transport.close()


@pytest.fixture
def impatient(transport, monkeypatch) -> AppriseTransport:
    """Waits as long as a test of a server that hangs has to, with helpers that are ready."""
    send(transport, message("ntfy://127.0.0.1:1/topic"))
    monkeypatch.setattr(transport, "_timeout", 0.6)
    return transport


@pytest.fixture
def server() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


def ntfy(server: HttpReceiver) -> str:
    return f"ntfy://ada:swordfish@127.0.0.1:{server.port}/foam-topic"


def message(url: str, number: int = 1, **fields) -> Message:
    return Message(
        **{
            "delivery_id": number,
            "attempt": 1,
            "id": f"foam_{number}_1",
            "channel_id": number,
            "address": "ntfy://127.0.0.1/…12345678",
            "title": "Stand-up",
            "body": "In the kitchen",
            "due_at": DUE_AT,
            "data": {"due_text": "Monday at 18:00"},
            "sealed_secret": fernet().encrypt(url.encode()).decode(),
            **fields,
        }
    )


def send(transport: AppriseTransport, *messages: Message) -> list[SendOutcome]:
    sender = transport.sender()
    sender.add(messages)
    return rest_of(sender)


def rest_of(sender: Sender) -> list[SendOutcome]:
    """Send until each has come out."""
    outcomes: list[SendOutcome] = []
    while len(sender):
        outcomes += sender.poll(0.05)
    sender.close()
    return outcomes


def outcome_of(transport: AppriseTransport, server: HttpReceiver, **fields) -> SendOutcome:
    [outcome] = send(transport, message(ntfy(server), **fields))
    return outcome


def told(server: HttpReceiver) -> dict:
    return json.loads(server.requests[-1].body)


# What is sent


def test_message_arrives_with_its_words_and_when_it_is_due(transport, server):
    outcome = outcome_of(transport, server, title="Zoë\r\n🎉", body="<b>In</b>\nשלום")
    assert (outcome.error, outcome.answer) == (None, "answered 200")
    assert told(server)["title"] == "Zoë 🎉"
    assert told(server)["message"] == "<b>In</b>\nשלום\n\nDue: Monday at 18:00"


def test_message_ends_with_the_links_that_answer_it(transport, server, monkeypatch, settings):
    monkeypatch.setattr(signed_links, "_registered", {})
    signed_links.register("test", [Action("done", "Done", 0), Action("not_me", "Not me", 1)])
    outcome_of(transport, server, reference="test:7")
    *_, done, not_me = told(server)["message"].splitlines()
    assert done.startswith(f"Done: {settings.FOAM_BASE_URL}/do/test:7.1.")
    assert not_me.startswith(f"Not me: {settings.FOAM_BASE_URL}/do/test:7.1.")


def test_body_that_is_too_long_for_the_service_leaves_the_links(transport, server, monkeypatch):
    monkeypatch.setattr(signed_links, "_registered", {})
    signed_links.register("test", [Action("done", "Done", 0)])
    assert outcome_of(transport, server, reference="test:7", body="🎉" * 100_000).error is None
    text = told(server)["message"]
    assert text.startswith("🎉🎉")
    assert "…\n\nDone: http" in text


# What becomes of it


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_answer_that_may_change_may_work_later(transport, server, status):
    server.script(Reply(status, b'{"error": "try later"}'))
    error = outcome_of(transport, server).error
    assert (error.permanent, error.uncertain) == (False, False)
    assert error.detail == f'answered {status}: {{"error": "try later"}}'


@pytest.mark.parametrize("status", [401, 403, 404])
def test_answer_that_no_attempt_will_change_is_final(transport, server, status):
    server.script(Reply(status))
    assert outcome_of(transport, server).error.permanent


def test_gone_disables_the_channel(transport, server):
    server.script(Reply(410))
    assert outcome_of(transport, server).error.address_gone


def test_service_can_ask_to_wait(transport, server):
    server.script(Reply(429, headers={"Retry-After": "120"}))
    assert outcome_of(transport, server).error.retry_after == timedelta(seconds=120)


def test_redirect_is_not_followed(transport, server):
    with HttpReceiver() as other:
        server.script(Reply(302, headers={"Location": other.url}))
        assert outcome_of(transport, server).error.detail.startswith("answered 302")
        assert other.connections == 0


@pytest.mark.parametrize("deed", [Close(), Close(b"220 mail.example ESMTP\r\n\r\n")])
def test_answer_that_is_none_may_work_later(transport, server, deed):
    server.script(deed)
    error = outcome_of(transport, server).error
    assert (error.permanent, error.uncertain) == (False, True)
    assert error.detail == "the connection was lost, or the answer is not HTTP"


def test_answer_without_end_is_cut_off(transport, server):
    server.script(Endless())
    assert outcome_of(transport, server).error is None


def test_status_decides_though_the_answer_trickles(transport, server):
    server.script(Trickle(200))
    outcome = outcome_of(transport, server)
    assert (outcome.error, outcome.answer) == (None, "answered 200")


def test_server_that_is_not_there_may_be_there_later(transport):
    [outcome] = send(transport, message("ntfy://127.0.0.1:1/topic"))
    assert outcome.error.detail == "could not connect"
    assert not outcome.error.permanent


def test_server_that_hangs_is_given_up_and_tried_later(impatient, server):
    server.script(Hang())
    error = outcome_of(impatient, server).error
    assert (error.hung, error.uncertain, error.permanent) == (True, True, False)


def test_answer_whose_rest_never_comes_counts(impatient, server):
    server.script(Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"))
    assert outcome_of(impatient, server).error is None


def test_plugin_that_hangs_is_given_up_with_its_process(impatient, server, monkeypatch):
    server.script(Hang())
    sender = impatient.sender()
    sender.add([message(ntfy(server), 1)])
    while not server.requests:
        sender.poll(0.05)
    [under_way] = sender._under_way.values()
    os.kill(under_way.helper.pid, signal.SIGSTOP)
    [outcome] = rest_of(sender)
    assert (outcome.error.hung, outcome.error.uncertain) == (True, True)
    assert outcome.error.detail.startswith("timed out after")
    assert not _is_running(under_way.helper.pid)
    monkeypatch.undo()
    assert outcome_of(impatient, server).error is None


def test_server_that_hangs_keeps_nobody_else_waiting(impatient, server):
    with HttpReceiver() as healthy:
        server.default = Hang()
        hanging = [message(ntfy(server), n) for n in range(1, MAX_PUNCTUAL_HELPERS + 1)]
        outcomes = send(impatient, *hanging, message(ntfy(healthy), 100))
    assert len(outcomes) == MAX_PUNCTUAL_HELPERS + 1
    assert sum(o.error is None for o in outcomes) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_helper_that_ends_costs_the_message_it_had_and_no_other(transport, server, number):
    sender = transport.sender()
    server.script(Hang(), Reply())
    sender.add([message(ntfy(server), 1)])
    while not server.requests:
        sender.poll(0.05)
    [under_way] = sender._under_way.values()
    os.kill(under_way.helper.pid, number)
    sender.add([message(ntfy(server), 2)])
    by_id = {o.message.delivery_id: o.error for o in rest_of(sender)}
    assert by_id[2] is None
    assert by_id[1].detail == "the plug-in ended its process"
    assert (by_id[1].uncertain, by_id[1].permanent) == (True, False)


def test_messages_of_one_channel_go_one_after_another(transport, server):
    messages = [message(ntfy(server), n, channel_id=7) for n in range(5)]
    outcomes = send(transport, *messages)
    assert [o.message.delivery_id for o in outcomes] == [0, 1, 2, 3, 4]


def test_message_whose_key_is_lost_costs_only_itself(transport, server, caplog):
    lost = message(ntfy(server), 1, sealed_secret="gAAAAA")
    outcomes = send(transport, lost, message(ntfy(server), 2))
    assert {o.message.delivery_id: o.error is None for o in outcomes} == {1: False, 2: True}


def test_what_was_not_begun_can_be_put_back(transport, server):
    server.default = Hang()
    sender = transport.sender()
    sender.add([message(ntfy(server), n, channel_id=7) for n in range(3)])
    assert [m.delivery_id for m in sender.put_back(everything=True)] == [1, 2]
    sender.close()


# Where it may go, and what it may do


def test_private_address_stored_before_is_refused_when_connecting(transport, server, settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = []
    error = outcome_of(transport, server).error
    assert error.permanent
    assert error.detail.startswith("127.0.0.1 is refused: a loopback address; the setting FOAM_")
    assert server.connections == 0


def test_helper_knows_no_settings_of_ours():
    assert set(ENVIRONMENT) == {"PATH", "LANG", "PYTHONPATH"}


def test_helper_dies_with_who_started_it_whatever_its_plugin_waits_for(server):
    server.default = Hang()
    reader, writer = os.pipe()
    worker = os.fork()
    if worker == 0:
        try:
            sender = AppriseTransport().sender()
            sender.add([message(ntfy(server))])
            [under_way] = sender._under_way.values()
            os.write(writer, str(under_way.helper.pid).encode())
            while True:
                sender.poll(1)
        finally:
            os._exit(1)
    helper = int(os.read(reader, 20))
    server.wait_for(1)
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    # Well before the plug-in gives up by itself.
    until = time.monotonic() + 5
    while _is_running(helper):
        assert time.monotonic() < until, "the helper lives on"
    os.close(reader)
    os.close(writer)


def _is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# What may be set up


def clean(transport: AppriseTransport, address: str, secret: str = "") -> tuple[str, str]:
    return transport.clean(address, secret)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ntfys://my-secret-topic", "ntfys://ntfy.sh/…"),
        ("ntfy://ada:pw@127.0.0.1:8080/topic", "ntfy://127.0.0.1/…"),
        (SLACK, "slack://hooks.slack.com/…"),
        ("https://discord.com/api/webhooks/1234/abcdefgh", "https://discord.com/…"),
    ],
)
def test_what_is_shown_tells_the_host_only(transport, url, shown):
    address, secret = clean(transport, url)
    assert address.startswith(shown)
    assert len(address) == len(shown) + 8
    assert secret == url
    assert clean(transport, address, secret) == (address, secret)


def test_two_addresses_are_shown_differently(transport):
    one, _ = clean(transport, "ntfys://topic-one")
    two, _ = clean(transport, "ntfys://topic-two")
    assert one != two


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must begin with one of these"),
        ("json://example.com/hook", "must begin with one of these"),
        ("mailto://ada:pw@example.com", "must begin with one of these"),
        ("syslog://", "must begin with one of these"),
        ("file:///etc/passwd", "must begin with one of these"),
        ("https://example.com/hook", "meant for a webhook"),
        ("slack://too-short", "not a complete slack://"),
        ("ntfys://topic?verify=no", "Leave out what FOAM decides itself: verify."),
        (f"{SLACK}?template=/etc/passwd", "Leave out what FOAM decides itself: template."),
        ("ntfy://10.0.0.1/topic", "a private address; the setting FOAM_ALLOWED_PRIVATE_NETWORKS"),
        ("ntfy://[::1]/topic", "a loopback address"),
        ("gotify://postgres/token", "FOAM_ALLOWED_PRIVATE_NETWORKS"),
        ("ntfys://ntfy.example.com:22/topic", "FOAM_WEBHOOK_PORTS"),
        ("ntfys://top\nic", "no blanks"),
    ],
)
def test_address_that_is_not_offered_is_refused_with_the_reason(transport, settings, url, why):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = []
    with pytest.raises(ValidationError) as refusal:
        clean(transport, url)
    [field] = refusal.value.message_dict
    assert field == ("address" if url else "secret")
    assert why in str(refusal.value)


def test_every_service_is_there_under_its_names():
    assert {module: set(schemas(_plugin(module))) for module in SERVICES} == {
        module: set(names) for module, names in SERVICES.items()
    }


# What nobody is told


@pytest.mark.usefixtures("woken")
def test_address_is_shown_nowhere(api, staff, client, server, caplog):
    now = timezone.now()
    sent = {"kind": "apprise", "name": "Phone", "address": ntfy(server)}
    made = api.post("/api/v1/channels/", sent)
    Channel.objects.update(verified_at=now)
    channel = Channel.objects.get(pk=made.json()["id"])
    server.script(Reply(500, ntfy(server).encode()))
    post_messages([Post(channel.pk, "test:1", "x", "", now)], now)
    deliver_due(now)
    delivery = Delivery.objects.get()
    client.force_login(staff)
    shown = [
        made.content,
        api.get(f"/api/v1/channels/{channel.pk}/").content,
        api.patch(f"/api/v1/channels/{channel.pk}/", {"name": "Mobile"}).content,
        api.get(f"/api/v1/deliveries/{delivery.pk}/").content,
        client.get("/admin/notifications/channel/").content,
        client.get(f"/admin/notifications/channel/{channel.pk}/change/").content,
        client.get(f"/admin/notifications/delivery/{delivery.pk}/change/").content,
        caplog.text.encode(),
        str(Channel.objects.filter(pk=channel.pk).values("address")).encode(),
    ]
    assert delivery.attempts.get().detail.startswith("answered 500")
    assert [b"swordfish" in each or b"foam-topic" in each for each in shown] == [False] * 9
    assert Channel.objects.get(pk=channel.pk).secret == ntfy(server)
    transport_of("apprise").close()


def test_detail_of_a_failure_never_tells_the_address(transport, server):
    server.script(Reply(500, b"ada swordfish foam-topic " + ntfy(server).encode()))
    error = outcome_of(transport, server).error
    assert error.detail.startswith("answered 500: ada … …")
    for word in ("swordfish", "foam-topic"):
        assert word not in error.detail


def test_text_is_scrubbed_of_encoded_words_too():
    url = "ntfys://ada:sword%20fish@example.com/foam-topic?auth=basic-token"
    text = "sword fish, sword%20fish, foam-topic, basic-token"
    assert scrub(text, url) == "… …, …, …, …"


def test_address_of_several_targets_is_judged_at_once(transport):
    began = time.monotonic()
    clean(transport, "ntfys://one,two,three,four")
    assert time.monotonic() - began < 5
