"""Handles a request to the plug-ins' process: `check` an address or `send` a message."""

import json
import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from apprise import Apprise, NotifyFormat, OverflowMode
from apprise.plugins.base import NotifyBase
from urllib3.exceptions import NameResolutionError, NewConnectionError, ReadTimeoutError

from notifications.retry import requested_wait
from notifications.transports.apprise_worker import sandbox
from notifications.transports.apprise_worker.sandbox import (
    Guard,
    PluginExchange,
    ProxyAddress,
    UnknownProxy,
)
from notifications.transports.apprise_worker.services import NotOffered, create_service, scrub
from notifications.transports.http import proxy as proxy_rules
from notifications.transports.http.egress_policy import Policy, RefusedUrl, check_url

# A service with shorter messages than this, such as SMS, has no room for links.
ROOM_FOR_LINKS = 1000
# Octets of an ntfy request beside the body: mainly the title.
OVERHEAD = 3000
ANSWER_LENGTH = 200
# Permanent failures: the token is revoked, or the room does not exist.
FINAL_STATUSES = {401, 403, 404, 410}

# The log messages of plug-ins may contain secrets.
logging.getLogger("apprise").disabled = True


def answer(request: dict[str, Any], on_begin: Callable[[], None]) -> dict[str, Any]:
    """Return the reply to a request. Of an exception only the class, as its text may be secret."""
    try:
        return _answer(request, on_begin)
    except Exception as crash:
        return {"error": f"the plug-in failed ({type(crash).__name__})"}


def _answer(request: dict[str, Any], on_begin: Callable[[], None]) -> dict[str, Any]:
    policy = Policy.of(request["networks"], request["ports"])
    try:
        service = create_service(request["url"])
    except NotOffered as refusal:
        return {"error": str(refusal), "permanent": True}
    if request["do"] == "check":
        return check(service, policy)
    proxy = ProxyAddress(**request["proxy"]) if request["proxy"] else None
    guard = Guard(policy, request["seconds"], request["ca_file"], proxy=proxy, on_begin=on_begin)
    return send(service, guard, request)


def check(service: NotifyBase, policy: Policy) -> dict[str, Any]:
    """Return the host that a message would be sent to, or an error; nothing is sent."""
    guard = Guard(policy, is_dry=True)
    # A plug-in waits for 5.5 s between two targets of an address, and web with it.
    service.request_rate_per_sec = 0
    _notify(service, guard, "Title", "Body")
    if not guard.exchanges:
        return {"error": "Nothing would be sent to this address: something is missing in it."}
    parts = urlsplit(guard.exchanges[0].url)
    try:
        target = check_url(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/", policy)
    except RefusedUrl as refused:
        return {"error": str(refused)}
    return {"host": target.host}


def send(service: NotifyBase, guard: Guard, request: dict[str, Any]) -> dict[str, Any]:
    body, links = request["body"], request["links"]
    most = service.body_maxlen - (0 if service.title_maxlen else len(request["title"]) + 2)
    if not links or most < ROOM_FOR_LINKS:
        links = ""
    fits = _clipped(body, most - len(links), _most_octets(service) - len(links))
    crash = _notify(service, guard, request["title"], fits + links)
    last = guard.exchanges[-1] if guard.exchanges else None
    if crash != "" and last and (failure := _proxy_error(last)):
        return {"error": failure, "fault": "foam"}
    if crash:
        return {"error": crash, "uncertain": last is not None}
    if last is None:
        return {"error": "nothing was sent: the plug-in would not have it"}
    if crash is None:
        return _failure(last, guard, request)
    return {"answer": f"answered {last.status}"}


def _notify(service: NotifyBase, guard: Guard, title: str, body: str) -> str | None:
    """Return "" if the message was sent, None if not, or how the plug-in failed."""
    service.overflow_mode = OverflowMode.TRUNCATE
    sender = Apprise(asset=service.asset)
    sender.add(service)
    sandbox.set_guard(guard)
    try:
        is_sent = sender.notify(title=title, body=body, body_format=NotifyFormat.TEXT)
    except BaseException as crash:
        return f"the plug-in failed ({type(crash).__name__})"
    return "" if is_sent else None


def _most_octets(service: NotifyBase) -> int:
    """Return the limit of a body in JSON: ntfy turns a longer one into an attachment."""
    most = getattr(service, "ntfy_json_upstream_size_limit", 0)
    return most - OVERHEAD if most else sys.maxsize


def _clipped(text: str, most: int, most_octets: int) -> str:
    if len(text) > most:
        text = text[: max(0, most - 1)] + "…"
    while len(json.dumps(text)) > most_octets:
        text = text[: len(text) * 9 // 10] + "…"
    return text


def _failure(last: PluginExchange, guard: Guard, request: dict[str, Any]) -> dict[str, Any]:
    if last.status:
        # Until the channel is verified its owner is shown no words: the receiver may be anybody's.
        text = scrub(last.text, request["url"])[:ANSWER_LENGTH] if request["is_verified"] else ""
        detail = f"answered {last.status}: {text}" if text else f"answered {last.status}"
        return {
            "error": detail,
            "permanent": last.status in FINAL_STATUSES,
            "gone": last.status == 410,
            "retry_after": _retry_after(last),
        }
    if guard.url_refusal:
        return {"error": guard.url_refusal, "permanent": True}
    if guard.refusal:
        host = urlsplit(last.url).hostname
        return {"error": f"{host} is refused: {guard.refusal}", "permanent": True}
    return _broken(last.error)


def _proxy_error(last: PluginExchange) -> str:
    """Return how the proxy failed; empty if the service failed."""
    if last.proxy is None:
        return ""
    return _own_answer(last, last.proxy.name) if last.status else _own_error(last, last.proxy.name)


def _own_answer(last: PluginExchange, name: str) -> str:
    is_tunnelled = last.url.lower().startswith("https:")
    headers = [last.headers.get(key, "") for key in ("Proxy-Status", "X-Squid-Error")]
    is_own = not is_tunnelled and proxy_rules.is_own_answer(last.status, *headers)
    return proxy_rules.refusal(name, last.status) if is_own else ""


def _own_error(last: PluginExchange, name: str) -> str:
    if isinstance(last.error, UnknownProxy):
        return proxy_rules.failure(name, "its name could not be looked up")
    if _is_tunnel_late(last):
        return proxy_rules.failure(name, "there was no answer in time")
    if not isinstance(last.error, requests.exceptions.ProxyError):
        return ""
    if match := re.search(r"Tunnel connection failed: ([0-9]{3})", str(last.error)):
        return proxy_rules.refusal(name, int(match[1]))
    return proxy_rules.failure(name, "there is no connection to it")


def _is_tunnel_late(last: PluginExchange) -> bool:
    """Tell whether the proxy opened no tunnel in time: then the timeout has the proxy's URL."""
    timeout = last.error.args[0] if last.error and last.error.args else None
    is_tunnelled = last.url.lower().startswith("https:")
    if not is_tunnelled or not isinstance(timeout, ReadTimeoutError):
        return False
    return str(timeout.url).startswith(("http://", "https://"))


def _broken(error: Exception | None) -> dict[str, Any]:
    """Return FOAM's own text of an error, as the library's contains the secret URL."""
    reason = getattr(error.args[0] if error and error.args else None, "reason", None)
    if isinstance(error, requests.ConnectTimeout):
        return {"error": "timed out connecting", "hung": True}
    if isinstance(error, requests.Timeout):
        return {"error": "timed out", "hung": True, "uncertain": True}
    if isinstance(error, requests.exceptions.SSLError):
        return {"error": "the TLS certificate was not accepted, or the handshake failed"}
    if isinstance(reason, NameResolutionError):
        return {"error": "the host name could not be looked up"}
    if isinstance(reason, NewConnectionError):
        return {"error": "could not connect"}
    return {"error": "the connection was lost, or the answer is not HTTP", "uncertain": True}


def _retry_after(exchange: PluginExchange) -> float:
    """Return the seconds of a service's Retry-After; 0 without it."""
    if exchange.status not in {429, 503}:
        return 0
    wait = requested_wait(exchange.headers.get("Retry-After", ""), datetime.now(UTC))
    return wait.total_seconds() if wait else 0
