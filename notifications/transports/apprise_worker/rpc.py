"""One request to the plug-ins' process, and the reply to it."""

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
from notifications.transports.apprise_worker.sandbox import Exchange, Guard, Proxy, UnknownProxy
from notifications.transports.apprise_worker.services import NotOffered, scrubbed, service
from notifications.transports.http import proxy as rules
from notifications.transports.http.egress_policy import Policy, Refused, check_url

# A service whose messages are shorter than this, an SMS, has no room for links.
ROOM_FOR_LINKS = 1000
# What else there is in a request of ntfy's: the title above all.
OVERHEAD = 3000
SHOWN = 200
# What no later attempt will mend: a token that is gone, a room that is not there.
FINAL = {401, 403, 404, 410}

# A plug-in's words may be secret ones.
logging.getLogger("apprise").disabled = True


def answer(asked: dict[str, Any], tell: Callable[[], None]) -> dict[str, Any]:
    """Do what is asked. What is read of a plug-in's error is its name: its words may be secret."""
    try:
        return _answer(asked, tell)
    except Exception as crash:
        return {"error": f"the plug-in failed ({type(crash).__name__})"}


def _answer(asked: dict[str, Any], tell: Callable[[], None]) -> dict[str, Any]:
    policy = Policy.of(asked["networks"], asked["ports"])
    try:
        chosen = service(asked["url"])
    except NotOffered as refusal:
        return {"error": str(refusal), "permanent": True}
    if asked["do"] == "check":
        return check(chosen, policy)
    proxy = Proxy(**asked["proxy"]) if asked["proxy"] else None
    watched = Guard(policy, asked["seconds"], asked["ca_file"], proxy=proxy, tell=tell)
    return send(chosen, watched, asked)


def check(chosen: NotifyBase, policy: Policy) -> dict[str, Any]:
    """Tell to which host a message would go, when it may; nothing is sent."""
    watched = Guard(policy, is_dry=True)
    _notify(chosen, watched, "Title", "Body")
    if not watched.exchanges:
        return {"error": "Nothing would be sent to this address: something is missing in it."}
    parts = urlsplit(watched.exchanges[0].url)
    try:
        target = check_url(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/", policy)
    except Refused as refused:
        return {"error": str(refused)}
    return {"host": target.host}


def send(chosen: NotifyBase, watched: Guard, asked: dict[str, Any]) -> dict[str, Any]:
    body, links = asked["body"], asked["links"]
    most = chosen.body_maxlen - (0 if chosen.title_maxlen else len(asked["title"]) + 2)
    if not links or most < ROOM_FOR_LINKS:
        links = ""
    fits = _clipped(body, most - len(links), _most_octets(chosen) - len(links))
    crash = _notify(chosen, watched, asked["title"], fits + links)
    last = watched.exchanges[-1] if watched.exchanges else None
    if crash != "" and last and (why := _proxy_error(last)):
        return {"error": why, "fault": "foam"}
    if crash:
        return {"error": crash, "uncertain": last is not None}
    if last is None:
        return {"error": "nothing was sent: the plug-in would not have it"}
    if crash is None:
        return _failure(last, watched, asked["url"])
    return {"answer": f"answered {last.status}"}


def _notify(chosen: NotifyBase, watched: Guard, title: str, body: str) -> str | None:
    """Return nothing when it was sent, None when not, or how the plug-in failed."""
    chosen.overflow_mode = OverflowMode.TRUNCATE
    sender = Apprise(asset=chosen.asset)
    sender.add(chosen)
    sandbox.watch(watched)
    try:
        is_sent = sender.notify(title=title, body=body, body_format=NotifyFormat.TEXT)
    except BaseException as crash:
        return f"the plug-in failed ({type(crash).__name__})"
    return "" if is_sent else None


def _most_octets(chosen: NotifyBase) -> int:
    """Return how long a body may be in JSON: ntfy makes a file of one that is longer."""
    most = getattr(chosen, "ntfy_json_upstream_size_limit", 0)
    return most - OVERHEAD if most else sys.maxsize


def _clipped(text: str, most: int, most_octets: int) -> str:
    if len(text) > most:
        text = text[: max(0, most - 1)] + "…"
    while len(json.dumps(text)) > most_octets:
        text = text[: len(text) * 9 // 10] + "…"
    return text


def _failure(last: Exchange, watched: Guard, url: str) -> dict[str, Any]:
    if last.status:
        text = scrubbed(last.text, url)[:SHOWN]
        detail = f"answered {last.status}: {text}" if text else f"answered {last.status}"
        return {
            "error": detail,
            "permanent": last.status in FINAL,
            "gone": last.status == 410,
            "retry_after": _retry_after(last),
        }
    if watched.url_refusal:
        return {"error": watched.url_refusal, "permanent": True}
    if watched.refusal:
        host = urlsplit(last.url).hostname
        return {"error": f"{host} is refused: {watched.refusal}", "permanent": True}
    return _broken(last.error)


def _proxy_error(last: Exchange) -> str:
    """Say how the proxy failed; empty when the failure is the service's."""
    if last.proxy is None:
        return ""
    return _own_answer(last, last.proxy.name) if last.status else _own_error(last, last.proxy.name)


def _own_answer(last: Exchange, name: str) -> str:
    is_tunnelled = last.url.lower().startswith("https:")
    headers = [last.headers.get(key, "") for key in ("Proxy-Status", "X-Squid-Error")]
    is_own = not is_tunnelled and rules.is_own_answer(last.status, *headers)
    return rules.refusal(name, last.status) if is_own else ""


def _own_error(last: Exchange, name: str) -> str:
    if isinstance(last.error, UnknownProxy):
        return rules.failure(name, "its name could not be looked up")
    if _is_tunnel_late(last):
        return rules.failure(name, "there was no answer in time")
    if not isinstance(last.error, requests.exceptions.ProxyError):
        return ""
    if match := re.search(r"Tunnel connection failed: ([0-9]{3})", str(last.error)):
        return rules.refusal(name, int(match[1]))
    return rules.failure(name, "there is no connection to it")


def _is_tunnel_late(last: Exchange) -> bool:
    """Tell whether the proxy opened no tunnel in time: the time-out is of the proxy's own URL."""
    timeout = last.error.args[0] if last.error and last.error.args else None
    is_tunnelled = last.url.lower().startswith("https:")
    if not is_tunnelled or not isinstance(timeout, ReadTimeoutError):
        return False
    return str(timeout.url).startswith(("http://", "https://"))


def _broken(error: Exception | None) -> dict[str, Any]:
    """Say in words of our own what went wrong: the library's have the address in them."""
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


def _retry_after(exchange: Exchange) -> float:
    """Return the number of seconds that the service wants to be left alone; 0 without a wish."""
    if exchange.status not in {429, 503}:
        return 0
    wait = requested_wait(exchange.headers.get("Retry-After", ""), datetime.now(UTC))
    return wait.total_seconds() if wait else 0
