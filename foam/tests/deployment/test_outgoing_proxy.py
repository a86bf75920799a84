"""Webhooks, Apprise's services and the heartbeat by a proxy of the operator's."""

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography import x509

from foam.addresses import proxy_of
from foam.monitoring.doctor import outgoing_proxy
from notifications.tests.certificates import Authority
from notifications.tests.forward_proxy import ForwardProxy
from notifications.tests.receivers import Hang, HttpReceiver, Reply
from notifications.tests.transports import test_apprise, test_webhook
from notifications.tests.transports.test_apprise import transport as apprise_transport  # noqa: F401
from notifications.transports import Fault, SendOutcome
from notifications.transports.null import send_get
from notifications.transports.webhook import WebhookTransport

HOOK, CHAT = "hooks.example.org", "ntfy.example.org"

Start = Callable[..., ForwardProxy]
Send = Callable[..., SendOutcome]


@pytest.fixture(autouse=True)
def public_ports(settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = []
    settings.FOAM_WEBHOOK_PORTS = [80, 443]


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def tls_for(authority, tmp_path: Path, monkeypatch) -> Callable[..., ssl.SSLContext]:
    """Return what a server of some names needs, by an authority that FOAM knows."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file(tmp_path)))
    return lambda *names: authority.context(tmp_path, *map(x509.DNSName, names))


@pytest.fixture
def tls_receiver(tls_for) -> Iterator[HttpReceiver]:
    with HttpReceiver(tls_for(HOOK, CHAT)) as receiver:
        yield receiver


@pytest.fixture
def start(settings) -> Iterator[Start]:
    """Start a proxy that leads to a receiver, and have FOAM go by it."""
    with ExitStack() as stack:

        def start(receiver: HttpReceiver | None = None, **options) -> ForwardProxy:
            names = {HOOK: receiver.port, CHAT: receiver.port} if receiver else {}
            proxy = stack.enter_context(ForwardProxy(names, **options))
            settings.FOAM_OUTBOUND_PROXY = proxy_of(proxy.url)
            return proxy

        yield start


@pytest.fixture(params=["webhook", "apprise"])
def send(request, apprise_transport) -> Iterator[Send]:  # noqa: F811
    """Send to a host by http or https, through one kind of channel or the other."""
    with ExitStack() as stack:

        def to_webhook(host: str = HOOK, scheme: str = "http") -> SendOutcome:
            transport = WebhookTransport()
            stack.callback(transport.close)
            [outcome] = test_webhook.send(transport, test_webhook.message(f"{scheme}://{host}/"))
            return outcome

        def to_apprise(host: str = CHAT, scheme: str = "http") -> SendOutcome:
            url = f"{'ntfys' if scheme == 'https' else 'ntfy'}://ada:swordfish@{host}/topic"
            [outcome] = test_apprise.send(apprise_transport, test_apprise.message(url))
            return outcome

        yield to_webhook if request.param == "webhook" else to_apprise


def assert_blames_the_proxy(outcome: SendOutcome, text: str) -> None:
    error = outcome.error
    assert error is not None
    assert text in error.detail
    assert error.fault is Fault.FOAM
    assert (error.permanent, error.address_gone, error.hung, error.uncertain) == (False,) * 4


def test_http_request_goes_by_the_proxy(send, start, receiver):
    proxy = start(receiver)
    assert send().error is None
    [passage] = proxy.passages
    assert passage.method == "POST"
    assert passage.target.startswith("http://")
    assert len(receiver.requests) == 1


def test_https_request_goes_through_a_tunnel(send, start, tls_receiver):
    proxy = start(tls_receiver)
    assert send(scheme="https").error is None
    [passage] = proxy.passages
    assert (passage.method, passage.target.partition(":")[2]) == ("CONNECT", "443")
    assert len(tls_receiver.requests) == 1


def test_receivers_headers_are_not_shown_to_the_proxy(send, start, tls_receiver):
    proxy = start(tls_receiver)
    send(scheme="https")
    [passage] = proxy.passages
    assert "webhook-" not in passage.head.lower()
    assert "\r\nauthorization" not in passage.head.lower()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_login_is_given_to_the_proxy_and_to_no_receiver(send, start, tls_receiver, scheme):
    with HttpReceiver() as plain:
        receiver = tls_receiver if scheme == "https" else plain
        proxy = start(receiver, login="foam:s3cret")
        assert send(scheme=scheme).error is None
        assert len(proxy.passages) == 1
        if scheme == "https":
            assert "proxy-authorization" not in receiver.requests[0].headers


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_wrong_login_is_the_proxys_and_its_password_is_not_shown(
    send, start, settings, scheme, caplog
):
    caplog.set_level(logging.DEBUG)
    proxy = start(login="foam:s3cret")
    settings.FOAM_OUTBOUND_PROXY = proxy_of(f"http://foam:hush@{proxy.name}")
    outcome = send(scheme=scheme)
    assert_blames_the_proxy(outcome, f"the proxy {proxy.name} refused FOAM's name or password")
    assert "hush" not in outcome.error.detail + caplog.text


@pytest.mark.parametrize("status", [403, 502, 503, 504])
def test_tunnel_that_is_refused_is_not_the_receivers_fault(send, start, status):
    proxy = start(status=status)
    text = f"the proxy {proxy.name} refused the connection ({status})"
    assert_blames_the_proxy(send(scheme="https"), text)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (502, ""),
        (504, ""),
        (403, "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n"),
        (503, "Proxy-Status: proxy.example.org; error=dns_error\r\n"),
    ],
)
def test_http_answer_of_the_proxys_own_is_not_the_receivers_fault(send, start, status, headers):
    proxy = start(status=status, headers=headers)
    text = f"the proxy {proxy.name} refused the connection ({status})"
    assert_blames_the_proxy(send(), text)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_is_down_is_not_the_receivers_fault(send, start, settings, scheme):
    with ForwardProxy() as proxy:
        settings.FOAM_OUTBOUND_PROXY = proxy_of(proxy.url)
    text = f"the proxy {proxy.name} could not be used"
    assert_blames_the_proxy(send(scheme=scheme), text)


def test_proxy_whose_name_leads_nowhere_is_not_the_receivers_fault(send, settings):
    settings.FOAM_OUTBOUND_PROXY = proxy_of("http://proxy.invalid:3128")
    assert_blames_the_proxy(send(), "the proxy proxy.invalid:3128 could not be used: its name")


def test_tunnel_that_does_not_come_holds_no_channel(send, start):
    start(hangs=True)
    assert_blames_the_proxy(send(scheme="https"), "could not be used")


def test_answer_of_the_receiver_by_the_proxy_is_the_receivers(send, start, tls_receiver):
    start(tls_receiver)
    for status in (403, 502):
        tls_receiver.script(Reply(status))
        error = send(scheme="https").error
        assert error.detail.startswith(f"answered {status}")
        assert error.fault is Fault.RECEIVER


def test_certificate_is_still_judged_behind_the_proxy(send, start, tls_receiver):
    proxy = start(tls_receiver)
    proxy.names["other.example.org"] = tls_receiver.port
    error = send("other.example.org", "https").error
    assert "TLS certificate" in error.detail
    assert error.fault is Fault.RECEIVER


def test_receiver_that_hangs_behind_the_proxy_is_held(start, receiver):
    start(receiver)
    receiver.default = Hang()
    transport = WebhookTransport(timeout=0.3)
    [outcome] = test_webhook.send(transport, test_webhook.message(f"http://{HOOK}/"))
    transport.close()
    assert outcome.error.hung
    assert outcome.error.fault is Fault.RECEIVER


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "[::ffff:10.0.0.1]", "169.254.169.254"])
def test_address_that_leads_home_is_not_handed_to_the_proxy(send, start, host):
    proxy = start()
    error = send(host).error
    assert error.permanent
    assert "FOAM_ALLOWED_PRIVATE_NETWORKS" in error.detail
    assert proxy.connections == 0


@pytest.mark.parametrize("host", ["hooks.example.org:8443", "93.184.216.34:25"])
def test_port_that_is_not_allowed_is_not_handed_to_the_proxy(send, start, host):
    proxy = start()
    error = send(host).error
    assert error.permanent
    assert "FOAM_WEBHOOK_PORTS" in error.detail
    assert proxy.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_network_that_the_operator_named_is_reached_without_the_proxy(
    send, start, receiver, settings, host
):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8:*"]
    proxy = start(receiver)
    assert send(f"{host}:{receiver.port}").error is None
    assert proxy.connections == 0


def test_one_connection_after_another_goes_its_own_way(start, receiver, settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8:*"]
    proxy = start(receiver)
    transport = WebhookTransport()
    addresses = [f"http://{HOOK}/", receiver.url, f"http://{HOOK}/", receiver.url]
    for address in addresses:
        [outcome] = test_webhook.send(transport, test_webhook.message(address))
        assert outcome.error is None
    transport.close()
    assert len(proxy.passages) == 1
    assert len(receiver.requests) == 4


def test_https_proxy_has_to_show_a_good_certificate(send, start, receiver, tls_for, settings):
    proxy = start(receiver, tls=tls_for("localhost"))
    assert_blames_the_proxy(send(), f"the proxy {proxy.name} could not be used")
    assert proxy.passages == []
    settings.FOAM_OUTBOUND_PROXY = proxy_of(f"https://localhost:{proxy.port}")
    assert send().error is None


def test_heartbeat_goes_by_the_proxy(start, receiver):
    proxy = start(receiver)
    assert send_get(f"http://{HOOK}/ping", 5) == ""
    assert len(proxy.passages) == 1
    assert send_get(receiver.url, 5) == ""
    assert len(proxy.passages) == 1


def test_heartbeat_names_the_proxy_that_refuses_it(start):
    proxy = start(status=403)
    assert (
        send_get(f"https://{HOOK}/ping", 5)
        == f"the proxy {proxy.name} refused the connection (403)"
    )


# The doctor


def findings() -> list[tuple[str, str]]:
    return [(each.state, each.text) for each in outgoing_proxy.look_at_proxy(test_webhook.DUE_AT)]


def test_doctor_sees_a_proxy_that_answers(start):
    for status in (0, 403):
        proxy = start(status=status)
        assert findings() == [("ok", f"The proxy {proxy.name} answers.")]


def test_doctor_sees_a_proxy_that_is_down_or_refuses_the_password(start, settings):
    proxy = start(login="foam:s3cret")
    settings.FOAM_OUTBOUND_PROXY = proxy_of(f"http://foam:hush@{proxy.name}")
    [(state, text)] = findings()
    assert (state, text) == (
        "fail",
        f"The proxy {proxy.name} refused FOAM's name or password (407).",
    )
    settings.FOAM_OUTBOUND_PROXY = proxy_of("http://foam:hush@127.0.0.1:1")
    [(state, text)] = findings()
    assert (state, text) == (
        "fail",
        "The proxy 127.0.0.1:1 could not be used: Connection refused.",
    )


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy"])
def test_doctor_says_that_the_environments_proxy_is_ignored(monkeypatch, name):
    assert findings()[0][0] == "ok"
    monkeypatch.setenv(name, "http://foam:hush@proxy.example.org:3128")
    [(state, text)] = findings()
    assert state == "warn"
    assert name in text
    assert "hush" not in text


def test_password_is_in_no_text_made_of_the_setting():
    proxy = proxy_of("http://foam:hu%40sh@proxy.example.org:3128")
    assert "hu@sh" not in f"{proxy} {proxy!r} {proxy.address}"
    assert "foam" not in repr(proxy)
    assert proxy.secret_address == "http://foam:hu%40sh@proxy.example.org:3128"
