"""The null transport: accepts the messages of FOAM's own canary, and sends the heartbeat.

With FOAM_HEARTBEAT_URL each arrival in time sends a GET to the operator's monitor, which raises an
alarm when the heartbeat stops.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pycurl
from django.conf import settings
from django.core.exceptions import ValidationError

from notifications.metrics import store
from notifications.transports.base import Message, SendOutcome, Transport
from notifications.transports.http.curl_multi import OPTIONS, ca_file, proxy_failure, set_proxy
from notifications.transports.http.proxy import OutboundProxy
from notifications.transports.webhook import proxy_for

log = logging.getLogger(__name__)

# A canary later than this sends no heartbeat. With a canary each minute, two more are overdue by
# then, so a single lost one raises no alarm.
LATEST_HEARTBEAT = timedelta(seconds=150)
# For the whole request, name lookup included.
TIMEOUT_SECONDS = 5.0


class NullTransport(Transport):
    label = "Nobody"

    def __init__(self, timeout: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout

    def clean(
        self, address: str, secret: str, *, may_reach_private: bool = True
    ) -> tuple[str, str]:
        raise ValidationError({"kind": "Only FOAM itself has a channel of this kind."})

    def send_many(
        self, messages: Sequence[Message], deadline: float
    ) -> Iterator[SendOutcome | None]:
        """Send one heartbeat and accept all messages, even if the heartbeat fails."""
        started = time.monotonic()
        answer = self._answer(max(message.due_at for message in messages))
        latency = timedelta(seconds=time.monotonic() - started)
        for message in messages:
            yield SendOutcome(message, latency, answer)

    def _answer(self, newest_due_at: datetime) -> str:
        url = settings.FOAM_HEARTBEAT_URL
        if not url:
            return "accepted"
        if datetime.now(UTC) - newest_due_at > LATEST_HEARTBEAT:
            return "accepted, too late for the heartbeat"
        if failure := send_get(url, self._timeout):
            # Without the URL, which is often a secret.
            store.error("heartbeat")
            log.warning("heartbeat failed: %s", failure)
            return f"accepted; the heartbeat failed: {failure}"
        return "accepted, heartbeat sent"


def send_get(url: str, timeout: float) -> str:
    """Send a GET; return the reason why there was no 2xx answer, or "".

    It uses libcurl, whose timeout covers the whole request.
    """
    curl = pycurl.Curl()
    try:
        for option, value in OPTIONS.items():
            curl.setopt(option, value)
        if file := ca_file():
            curl.setopt(pycurl.CAINFO, file)
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.TIMEOUT_MS, int(timeout * 1000))
        curl.setopt(pycurl.WRITEFUNCTION, len)
        proxy = proxy_for(urlsplit(url).hostname or "")
        if proxy:
            set_proxy(curl, proxy)
        error = _perform(curl, proxy)
        status = curl.getinfo(pycurl.RESPONSE_CODE)
    finally:
        curl.close()
    if 200 <= status < 300:
        return ""
    return f"answered {status}" if status else error


def _perform(curl: pycurl.Curl, proxy: OutboundProxy | None) -> str:
    try:
        curl.perform()
    except pycurl.error as error:
        errno, text = error.args
        return (proxy and proxy_failure(curl, proxy, errno, text)) or str(text)
    return ""
