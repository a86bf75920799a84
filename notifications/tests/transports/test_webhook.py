import base64
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import pycurl
import pytest
from cryptography import x509
from django.core.exceptions import ValidationError
from standardwebhooks import Webhook

from notifications.encryption import fernet
from notifications.links import signed_links
from notifications.links.signed_links import Action
from notifications.tests.certificates import Authority
from notifications.tests.receivers import Close, Endless, Hang, HttpReceiver, Reply, Trickle
from notifications.transports import Message, SendOutcome
from notifications.transports.http.lanes import Lane, Lanes
from notifications.transports.null import send_get
from notifications.transports.webhook import MAX_PUNCTUAL_REQUESTS, WebhookTransport

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
DUE_AT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
FOREVER = math.inf

Make = Callable[..., WebhookTransport]


@pytest.fixture(autouse=True)
def allow_loopback(settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8:*", "[::1]:*"]
    settings.FOAM_WEBHOOK_PORTS = [80, 443]


@pytest.fixture
def make_transport() -> Iterator[Make]:
    made: list[WebhookTransport] = []

    def make(**options) -> WebhookTransport:
        made.append(WebhookTransport(**options))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def transport(make_transport: Make) -> WebhookTransport:
    return make_transport()


@pytest.fixture
def impatient(make_transport: Make) -> WebhookTransport:
    """Waits as long as a test of a hanging receiver has to."""
    return make_transport(timeout=0.3)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def other_receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


def message(address: str, number: int = 1, **fields) -> Message:
    return Message(
        **{
            "delivery_id": number,
            "attempt": 1,
            "id": f"foam_{number}_1",
            "channel_id": 1,
            "address": address,
            "title": "Stand-up",
            "body": "In the kitchen",
            "due_at": DUE_AT,
            "sealed_secret": fernet().encrypt(SECRET.encode()).decode(),
            **fields,
        }
    )


def send(transport: WebhookTransport, *messages: Message) -> list[SendOutcome]:
    """Send until each has come out or was put back; return the outcomes as they came."""
    sender = transport.sender()
    sender.add(messages)
    outcomes = []
    while len(sender):
        outcomes += sender.poll(0.25)
        sender.put_back(everything=False)
    sender.close()
    return outcomes


def outcome_of(transport: WebhookTransport, receiver: HttpReceiver, **fields) -> SendOutcome:
    [outcome] = send(transport, message(receiver.url, **fields))
    return outcome


# What is sent


def test_signature_is_accepted_by_the_standard_webhooks_library(transport, receiver):
    outcome_of(transport, receiver)
    [request] = receiver.wait_for(1)
    assert Webhook(SECRET).verify(request.body, request.headers)


def test_message_says_what_is_due_and_when(transport, receiver):
    outcome_of(transport, receiver, data={"reminder_id": 7, "title": "not this one"})
    [request] = receiver.wait_for(1)
    assert json.loads(request.body) == {
        "type": "reminder.due",
        "timestamp": "2026-11-23T17:00:00Z",
        "data": {
            "title": "Stand-up",
            "body": "In the kitchen",
            "due_at": "2026-11-23T17:00:00Z",
            "reminder_id": 7,
        },
    }


def test_message_has_the_links_that_answer_it(transport, receiver, monkeypatch):
    monkeypatch.setattr(signed_links, "_registered", {})
    signed_links.register("test", [Action("done", "Done", 0), Action("not_me", "Not me", 1)])
    outcome_of(transport, receiver, reference="test:7", data={"actions": "another's"})
    told = json.loads(receiver.requests[0].body)["data"]["actions"]
    assert list(told) == ["done", "not_me"]
    assert "/do/test:7.1.6b16e610.done." in told["done"]


def test_message_that_nothing_answers_has_no_links(transport, receiver):
    outcome_of(transport, receiver, reference="other:7")
    assert "actions" not in json.loads(receiver.requests[0].body)["data"]


def test_type_is_what_the_message_says_it_is(transport, receiver):
    outcome_of(transport, receiver, data={"type": "channel.test"})
    [request] = receiver.wait_for(1)
    assert json.loads(request.body)["type"] == "channel.test"


def test_request_is_a_plain_json_post_by_foam(transport, receiver):
    outcome_of(transport, receiver)
    [request] = receiver.wait_for(1)
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "FOAM/1"


def test_second_attempt_carries_the_same_id(transport, receiver):
    receiver.script(Reply(500))
    outcome_of(transport, receiver, attempt=1)
    outcome_of(transport, receiver, attempt=2)
    assert [r.headers["webhook-id"] for r in receiver.wait_for(2)] == ["foam_1_1", "foam_1_1"]


def test_timestamp_is_that_of_the_attempt(transport, receiver, time_machine):
    time_machine.move_to(datetime(2030, 1, 1, tzinfo=UTC), tick=False)
    outcome_of(transport, receiver)
    [request] = receiver.wait_for(1)
    assert request.headers["webhook-timestamp"] == "1893456000"


def test_body_of_100_kb_arrives_whole(transport, receiver):
    assert outcome_of(transport, receiver, body="<Zoë> 🎉\n" * 10_000).error is None
    assert json.loads(receiver.requests[0].body)["data"]["body"] == "<Zoë> 🎉\n" * 10_000


def test_any_words_arrive_as_they_are(transport, receiver):
    words = 'Zoë "says" \r\n\t\\ 🎉 \u2028'
    outcome_of(transport, receiver, title=words)
    [request] = receiver.wait_for(1)
    assert json.loads(request.body)["data"]["title"] == words


# What becomes of it


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_answer_in_the_two_hundreds_means_sent(transport, receiver, status):
    receiver.script(Reply(status, b""))
    outcome = outcome_of(transport, receiver)
    assert (outcome.error, outcome.answer) == (None, f"answered {status}")


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 422, 429, 500, 502, 503, 599])
def test_any_other_answer_may_work_later(transport, receiver, status):
    receiver.script(Reply(status, b""))
    error = outcome_of(transport, receiver).error
    assert (error.permanent, error.detail[:12]) == (False, f"answered {status}")


def test_detail_tells_the_answer_on_one_short_line(transport, receiver):
    receiver.script(Reply(500, b"\x00 No\r\n  such\x1b[31m table " + b"x" * 5000))
    detail = outcome_of(transport, receiver).error.detail
    assert detail.startswith("answered 500: No such [31m table xxx")
    assert len(detail) <= 220


def test_detail_never_tells_the_secret(transport, receiver):
    receiver.script(Reply(500, f"expected {SECRET}".encode()))
    detail = outcome_of(transport, receiver).error.detail
    assert detail == "answered 500: expected whsec_…"


def test_gone_disables_the_channel(transport, receiver):
    receiver.script(Reply(410))
    error = outcome_of(transport, receiver).error
    assert (error.address_gone, error.permanent) == (True, True)


@pytest.mark.parametrize("status", [429, 503])
def test_receiver_can_ask_for_seconds_to_wait(transport, receiver, status):
    receiver.script(Reply(status, headers={"Retry-After": "120"}))
    assert outcome_of(transport, receiver).error.retry_after == timedelta(seconds=120)


def test_receiver_can_ask_to_wait_until_a_moment(transport, receiver):
    moment = datetime.now(UTC) + timedelta(hours=1)
    receiver.script(Reply(503, headers={"Retry-After": format_datetime(moment, usegmt=True)}))
    wait = outcome_of(transport, receiver).error.retry_after
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


@pytest.mark.parametrize("value", ["soon", "-5", "", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_unusable_retry_after_is_no_wish(transport, receiver, value):
    receiver.script(Reply(503, headers={"Retry-After": value}))
    assert outcome_of(transport, receiver).error.retry_after is None


def test_redirect_is_a_failure_and_is_not_followed(transport, receiver, other_receiver):
    receiver.script(Reply(307, b"", {"Location": other_receiver.url}))
    error = outcome_of(transport, receiver).error
    assert error.detail == (
        f"answered 307: a redirect to {other_receiver.url}, which is not followed"
    )
    assert not error.permanent
    assert other_receiver.connections == 0


def test_receiver_that_hangs_is_given_up_and_tried_later(impatient, receiver):
    receiver.script(Hang())
    error = outcome_of(impatient, receiver).error
    assert (error.permanent, error.detail) == (False, "timed out after 0 s")


def test_receiver_that_stops_amid_the_head_is_given_up(impatient, receiver):
    receiver.script(Hang(b"HTTP/1.1 20"))
    assert outcome_of(impatient, receiver).error.detail == "timed out after 0 s"


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 ", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00" * 300])
def test_receiver_that_closes_or_talks_nonsense_may_work_later(transport, receiver, first):
    receiver.default = Close(first)
    assert not outcome_of(transport, receiver).error.permanent


def test_closed_connection_is_said_in_words(transport, receiver):
    receiver.default = Close()
    detail = outcome_of(transport, receiver).error.detail
    assert detail.startswith("the connection was closed without an answer")


def test_refused_connection_may_work_later(transport):
    with HttpReceiver() as receiver:
        url = receiver.url
    [outcome] = send(transport, message(url))
    assert outcome.error.detail == "could not connect: Connection refused"
    assert not outcome.error.permanent


def test_name_that_does_not_exist_may_exist_later(transport):
    [outcome] = send(transport, message("http://receiver.invalid/"))
    assert outcome.error.detail.startswith("the host name could not be looked up")
    assert not outcome.error.permanent


def test_body_without_end_is_cut_off_and_the_message_is_sent(transport, receiver):
    receiver.script(Endless())
    outcome = outcome_of(transport, receiver)
    assert outcome.error is None
    assert outcome.latency < timedelta(seconds=10), "cut off by the timeout only"


def test_body_that_never_comes_does_not_make_an_accepted_message_fail(impatient, receiver):
    receiver.script(Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"))
    assert outcome_of(impatient, receiver).error is None


@pytest.mark.parametrize("status", [200, 204, 302, 410, 500])
def test_status_decides_though_the_body_trickles(transport, receiver, status):
    receiver.script(Trickle(status))
    outcome = outcome_of(transport, receiver)
    assert outcome.latency < timedelta(seconds=5)
    text = outcome.answer if outcome.error is None else outcome.error.detail
    assert text.startswith(f"answered {status}")


def test_status_of_the_request_before_is_none_of_the_next(impatient, receiver):
    receiver.script(Reply(200), Hang())
    assert outcome_of(impatient, receiver).error is None
    assert outcome_of(impatient, receiver).error.hung


def test_slow_channel_delays_no_other_channel_of_its_host(transport, receiver):
    receiver.default = Hang()
    sender = transport.sender()
    slow = [message(receiver.url, n, channel_id=1) for n in range(1, 7)]
    sender.add([*slow, message(receiver.url, 7, channel_id=2)])
    began, arrived = time.monotonic(), set()
    while 7 not in arrived and time.monotonic() - began < 10:
        sender.poll(0.05)
        arrived = {delivery_of(request) for request in receiver.requests}
    sender.close()
    assert 7 in arrived
    assert time.monotonic() - began < 5


def delivery_of(request) -> int:
    return int(request.headers["webhook-id"].split("_")[1])


@pytest.mark.parametrize("hours", [7, 12, 24])
def test_retry_after_is_obeyed_up_to_a_day(transport, receiver, hours):
    receiver.script(Reply(429, headers={"Retry-After": str(hours * 3600)}))
    assert outcome_of(transport, receiver).error.retry_after == timedelta(hours=hours)


def test_certificate_that_is_not_accepted_is_told_as_such(transport, tmp_path):
    """The name has an IPv6 address, too, where nothing listens: that is not the reason."""
    tls = Authority().context(tmp_path, x509.DNSName("localhost"))
    with HttpReceiver(tls=tls) as receiver:
        address = f"https://localhost:{receiver.port}/"
        [outcome] = send(transport, message(address))
    assert outcome.error.detail.startswith("the TLS certificate was not accepted: ")
    assert "refused" not in outcome.error.detail


def test_interim_answer_is_no_answer(impatient, receiver):
    receiver.script(Hang(b"HTTP/1.1 103 Early Hints\r\n\r\n"))
    assert outcome_of(impatient, receiver).error.detail == "timed out after 0 s"


def test_message_that_cannot_be_written_costs_only_itself(transport, receiver, caplog):
    bad = message(receiver.url, 1, data={"odd": object()})
    outcomes = send(transport, bad, message(receiver.url, 2))
    told = {o.message.delivery_id: o.error and o.error.detail for o in outcomes}
    assert told == {1: "Internal error: TypeError. The server's log has more.", 2: None}
    assert "internal error" in caplog.text


def test_secret_sealed_with_a_lost_key_costs_only_its_message(transport, receiver, caplog):
    outcomes = send(
        transport,
        message(receiver.url, 1, sealed_secret="gAAAAA"),
        message(receiver.url, 2),
    )
    assert {o.message.delivery_id: o.error is None for o in outcomes} == {1: False, 2: True}


# Where it may go


@pytest.mark.parametrize(
    ("name", "leads_to", "kind"),
    [
        ("rebinding.example", "127.0.0.1", "a loopback address"),
        ("rebinding.example", "169.254.169.254", "a link-local address"),
        ("rebinding.example", "10.0.0.1,192.168.0.1", "a private address"),
        ("rebinding.example", "[::1]", "a loopback address"),
        ("rebinding.example", "[::ffff:127.0.0.1]", "a loopback address"),
        ("rebinding.example", "[64:ff9b::7f00:1]", "a loopback address"),
    ],
)
def test_name_that_leads_to_a_private_address_is_refused_when_connecting(
    make_transport, settings, name, leads_to, kind
):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = []
    transport = make_transport(options={pycurl.RESOLVE: [f"{name}:80:{leads_to}"]})
    [outcome] = send(transport, message(f"http://{name}/"))
    assert outcome.error.permanent
    assert outcome.error.detail == (
        f"{name} is refused: {kind}; the setting FOAM_ALLOWED_PRIVATE_NETWORKS can allow it"
    )


def test_nothing_reaches_a_receiver_behind_a_refused_name(make_transport, settings, receiver):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = []
    settings.FOAM_WEBHOOK_PORTS = [receiver.port]
    url = f"http://rebinding.example:{receiver.port}/"
    transport = make_transport(
        options={pycurl.RESOLVE: [f"rebinding.example:{receiver.port}:127.0.0.1"]}
    )
    [outcome] = send(transport, message(url))
    assert outcome.error.permanent
    assert receiver.connections == 0


def test_private_address_stored_before_is_refused_when_sending(transport, receiver, settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = []
    error = outcome_of(transport, receiver).error
    assert error.permanent
    assert "FOAM_ALLOWED_PRIVATE_NETWORKS" in error.detail
    assert receiver.connections == 0


def test_name_is_reached_through_the_one_address_that_is_allowed(
    make_transport, receiver, settings
):
    settings.FOAM_WEBHOOK_PORTS = [receiver.port]
    host = f"both.example:{receiver.port}"
    transport = make_transport(options={pycurl.RESOLVE: [f"{host}:[fc00::1],10.0.0.1,127.0.0.1"]})
    [outcome] = send(transport, message(f"http://{host}/"))
    assert outcome.error is None


def test_allowed_address_that_is_down_may_be_up_later(make_transport, settings):
    with HttpReceiver() as receiver:
        host = f"both.example:{receiver.port}"
    settings.FOAM_WEBHOOK_PORTS = [receiver.port]
    transport = make_transport(options={pycurl.RESOLVE: [f"{host}:10.0.0.1,127.0.0.1"]})
    [outcome] = send(transport, message(f"http://{host}/"))
    assert outcome.error.detail.startswith("could not connect")
    assert not outcome.error.permanent


def test_proxy_of_the_environment_is_not_used(transport, receiver, other_receiver, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other_receiver.url)
    assert outcome_of(transport, receiver).error is None
    assert other_receiver.connections == 0


# TLS


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def tls_receiver(authority, tmp_path: Path) -> Iterator[Callable[..., HttpReceiver]]:
    with ExitStack() as started:
        yield lambda *names: started.enter_context(
            HttpReceiver(authority.context(tmp_path, *names))
        )


@pytest.fixture
def trusting(authority, make_transport: Make, tmp_path: Path) -> WebhookTransport:
    """Trusts the test authority, as the system's ones are trusted."""
    return make_transport(options={pycurl.CAINFO: str(authority.file(tmp_path))})


def test_certificate_of_a_known_authority_for_the_host_is_accepted(trusting, tls_receiver):
    receiver = tls_receiver(x509.IPAddress(ip_address("127.0.0.1")))
    assert outcome_of(trusting, receiver).error is None


def test_certificate_for_another_host_is_not_accepted(trusting, tls_receiver):
    receiver = tls_receiver(x509.DNSName("other.example"))
    error = outcome_of(trusting, receiver).error
    assert error.detail.startswith("the TLS certificate was not accepted")
    assert not error.permanent
    assert receiver.requests == []


def test_certificate_of_an_unknown_authority_is_not_accepted(transport, tls_receiver):
    receiver = tls_receiver(x509.IPAddress(ip_address("127.0.0.1")))
    error = outcome_of(transport, receiver).error
    assert error.detail.startswith("the TLS certificate was not accepted")
    assert receiver.requests == []


def test_heartbeat_is_not_sent_to_an_unknown_authority_either(tls_receiver):
    receiver = tls_receiver(x509.IPAddress(ip_address("127.0.0.1")))
    assert "certificate" in send_get(receiver.url, timeout=5)
    assert receiver.requests == []


# Many at once


def test_every_message_of_a_batch_has_one_outcome(transport, receiver):
    outcomes = send(transport, *(message(receiver.url, n) for n in range(500)))
    assert sorted(o.message.delivery_id for o in outcomes) == list(range(500))
    assert all(o.error is None for o in outcomes)
    assert len({r.headers["webhook-id"] for r in receiver.wait_for(500)}) == 500


def test_connection_is_kept_for_the_next_batch(transport, receiver):
    outcome_of(transport, receiver)
    outcome_of(transport, receiver)
    assert [r.connection for r in receiver.wait_for(2)] == [1, 1]


def test_idle_connection_ends_when_the_transport_is_closed(transport, receiver):
    outcome_of(transport, receiver)
    transport.close()
    receiver.wait_for_end(1, timeout=5)


def test_connection_that_was_closed_in_between_is_replaced(transport, receiver):
    receiver.script(Close(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    outcome_of(transport, receiver)
    assert outcome_of(transport, receiver).error is None
    assert receiver.connections == 2


def test_host_that_hangs_does_not_delay_another(impatient, receiver, other_receiver):
    receiver.default = Hang()
    hanging = [message(receiver.url, n) for n in range(200)]
    healthy = [message(other_receiver.url, n) for n in range(1000, 1100)]
    order = [o.message.delivery_id for o in send(impatient, *hanging, *healthy)]
    assert sorted(order[:100]) == list(range(1000, 1100))


def test_host_that_hangs_holds_one_connection_and_the_rest_stays_queued(impatient, receiver):
    receiver.default = Hang()
    outcomes = send(impatient, *(message(receiver.url, n) for n in range(200)))
    assert len(outcomes) == 1
    assert receiver.connections == 1


def test_host_that_answers_quickly_is_sent_many_at_once(transport, receiver):
    send(transport, *(message(receiver.url, n) for n in range(300)))
    assert 4 < receiver.connections <= Lane.MANY


def test_what_was_not_begun_can_be_put_back(impatient, receiver):
    receiver.default = Hang()
    sender = impatient.sender()
    sender.add([message(receiver.url, n) for n in range(5)])
    assert len(sender.put_back(everything=True)) == 4
    assert len(sender) == 1


def test_slow_peer_keeps_only_what_is_under_way(impatient, receiver, monkeypatch):
    monkeypatch.setattr(Lane, "QUICK", 0.05)
    receiver.default = Hang()
    sender = impatient.sender()
    sender.add([message(receiver.url, n) for n in range(5)])
    left = []
    while not left:
        assert sender.poll(0.05) == []
        left = sender.put_back(everything=False)
    assert len(left) == 4
    assert sender.busy() == {1}


def test_round_that_is_dropped_half_way_leaves_nothing_under_way(
    transport, receiver, other_receiver
):
    receiver.default = Hang()
    sender = transport.sender()
    sender.add([message(receiver.url, 1), message(other_receiver.url, 2)])
    outcomes = []
    while not outcomes:
        outcomes = sender.poll(0.25)
    assert [outcome.message.delivery_id for outcome in outcomes] == [2]
    sender.close()
    assert outcome_of(transport, other_receiver, number=3).message.delivery_id == 3


def test_forked_worker_leaves_its_parents_connection_alone(transport, receiver):
    outcome_of(transport, receiver, number=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the receiver is a thread
        child = os.fork()
    if not child:
        try:
            error = outcome_of(transport, receiver, number=2).error
        finally:
            os._exit(0 if error is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    outcome_of(transport, receiver, number=3)
    assert [r.connection for r in receiver.wait_for(3)] == [1, 2, 1]


def test_threads_send_side_by_side(transport, receiver):
    def work(first: int) -> set[int]:
        batch = [message(receiver.url, n) for n in range(first, first + 100)]
        try:
            return {o.message.delivery_id for o in send(transport, *batch) if o.error is None}
        finally:
            transport.close()

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(work, (0, 100, 200)))
    assert done == [set(range(0, 100)), set(range(100, 200)), set(range(200, 300))]


def take_all(lanes: Lanes) -> list:
    taken = []
    while lanes:
        taken.append(lanes.take(now=0))
    return taken


def test_peers_take_turns():
    lanes: Lanes[str] = Lanes()
    for item in ("a1", "a2", "a3", "b1"):
        lanes.add(item[0], 1, item, now=0)
    assert [item for _, _, item in take_all(lanes)] == ["a1", "b1"]


def test_peer_that_answers_quickly_is_given_more_at_once():
    lanes: Lanes[int] = Lanes()
    for n in range(10_000):
        lanes.add("a", 1, n, now=0)
    sizes = []
    for _ in range(8):
        taken = take_all(lanes)
        sizes.append(len(taken))
        for lane, ticket, _ in taken:
            lanes.end(lane, ticket, 0.01, now=0)
    assert sizes == [1, 4, 8, 16, 32, 64, 128, 128]
    assert Lane.MANY < MAX_PUNCTUAL_REQUESTS


def test_peer_that_answers_slowly_is_given_few_at_once():
    lanes: Lanes[int] = Lanes()
    for n in range(100):
        lanes.add("a", 1, n, now=0)
    sizes = []
    for _ in range(3):
        taken = take_all(lanes)
        sizes.append(len(taken))
        for lane, ticket, _ in taken:
            lanes.end(lane, ticket, 5, now=0)
    assert sizes == [1, 4, 4]


def test_peer_that_hung_is_given_one_at_a_time_again():
    lanes: Lanes[int] = Lanes()
    for n in range(100):
        lanes.add("a", 1, n, now=0)
    [(lane, ticket, _)] = take_all(lanes)
    lanes.end(lane, ticket, 0.01, now=0)
    for lane, ticket, _ in take_all(lanes):
        lanes.end_hung(lane, ticket, now=0)
    assert lane.room == 1


def test_lane_that_was_emptied_has_no_turn():
    lanes: Lanes[int] = Lanes()
    lanes.add("a", 1, 1, now=0)
    [lane] = lanes
    assert lanes.clear(lane) == [1]
    assert not lanes


def test_channels_of_a_host_take_turns():
    lanes: Lanes[str] = Lanes()
    for item in ("a1", "a2", "b1", "a3"):
        lanes.add("host", ord(item[0]), item, now=0)
    [(lane, ticket, first)] = take_all(lanes)
    lanes.end(lane, ticket, 0.01, now=0)
    assert [first, *(item for *_, item in take_all(lanes))] == ["a1", "b1", "a2", "a3"]


def test_late_channel_leaves_the_host_to_its_other_channels():
    lanes: Lanes[str] = Lanes()
    for item in ("a1", "a2", "b1", "b2"):
        lanes.add("host", ord(item[0]), item, now=0)
    assert [item for *_, item in take_all(lanes)] == ["a1"]
    later = Lane.QUICK + 0.1
    assert lanes.count_late(later) == 1
    assert lanes.take(later)[2] == "b1"
    # The host still has not answered: one at a time.
    assert not lanes
    assert lanes.count_late(2 * later) == 2
    assert not lanes


def test_host_that_hangs_holds_no_more_places_than_many():
    lanes: Lanes[int] = Lanes()
    for channel in range(1000):
        lanes.add("host", channel, channel, now=0)
    for second in range(1000):
        lanes.count_late(2 * second)
        while lanes:
            lanes.take(2 * second)
    [lane] = lanes
    assert len(lane.under_way) == Lane.MANY


# What may be set up


def test_address_is_stored_in_its_canonical_form(transport):
    address, _ = transport.clean(" HTTPS://Example.com ", SECRET)
    assert address == "https://example.com/"


def test_hostile_address_is_refused_at_its_field(transport, settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = []
    with pytest.raises(ValidationError) as refusal:
        transport.clean("http://10.0.0.1/", "")
    assert refusal.value.message_dict == {
        "address": [
            "10.0.0.1 is refused: a private address; "
            "the setting FOAM_ALLOWED_PRIVATE_NETWORKS can allow it."
        ]
    }


def test_secret_is_made_when_none_is_given(transport):
    _, secret = transport.clean("https://example.com/", "")
    _, another = transport.clean("https://example.com/", "")
    assert secret != another
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize("size", [24, 32, 64])
def test_secret_that_is_given_is_kept(transport, size):
    secret = "whsec_" + base64.b64encode(b"k" * size).decode()
    assert transport.clean("https://example.com/", secret) == ("https://example.com/", secret)


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2",
        "whsec_",
        "whsec_hunter2",
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        "whsec_" + base64.b64encode(b"k" * 65).decode(),
        "whsec_" + base64.b64encode(b"k" * 32).decode() + "\n=",
        "whsec_" + "é" * 43 + "=",
        base64.b64encode(b"k" * 32).decode(),
    ],
)
def test_secret_that_is_none_is_refused_without_repeating_it(transport, secret):
    with pytest.raises(ValidationError) as refusal:
        transport.clean("https://example.com/", secret)
    assert list(refusal.value.message_dict) == ["secret"]
    assert "hunter2" not in str(refusal.value)
