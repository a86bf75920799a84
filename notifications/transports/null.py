"""The null channel: accepts everything, tells nobody. FOAM's own canary arrives here.

With FOAM_HEARTBEAT_URL each arrival in time is told to a monitor of the operator's, which raises
the alarm when it hears nothing, whatever has happened to FOAM.
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
from notifications.transports.base import Message, Outcome, Transport
from notifications.transports.http.curl_multi import OPTIONS, ca_file, proxy_failure, set_proxy
from notifications.transports.http.proxy import Proxy
from notifications.transports.webhook import proxy_for

log = logging.getLogger(__name__)

# What arrives later than this shows that FOAM is not well. With a canary each minute, two more
# are overdue by then: one that is lost is no alarm.
LATE = timedelta(seconds=150)
# In all, looking up the name included.
TIMEOUT = 5.0


class NullTransport(Transport):
    label = "Nobody"

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout

    def clean(self, address: str, secret: str) -> tuple[str, str]:
        raise ValidationError({"kind": "Only FOAM itself has a channel of this kind."})

    def send_many(self, messages: Sequence[Message], deadline: float) -> Iterator[Outcome | None]:
        """Accept them all, after one heartbeat; that it failed is told, and changes nothing."""
        started = time.monotonic()
        answer = self._answer(max(message.due_at for message in messages))
        latency = timedelta(seconds=time.monotonic() - started)
        for message in messages:
            yield Outcome(message, latency, answer)

    def _answer(self, newest_due_at: datetime) -> str:
        url = settings.FOAM_HEARTBEAT_URL
        if not url:
            return "accepted"
        if datetime.now(UTC) - newest_due_at > LATE:
            return "accepted, too late for the heartbeat"
        if failure := get(url, self._timeout):
            # Without the address: it is often a secret.
            store.error("heartbeat")
            log.warning("heartbeat failed: %s", failure)
            return f"accepted; the heartbeat failed: {failure}"
        return "accepted, heartbeat sent"


def get(url: str, timeout: float) -> str:
    """Send a GET and ignore what comes; return why there was no 2xx answer, or nothing.

    libcurl, because its timeout holds for the whole of it.
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
        why = _perform(curl, proxy)
        status = curl.getinfo(pycurl.RESPONSE_CODE)
    finally:
        curl.close()
    if 200 <= status < 300:
        return ""
    return f"answered {status}" if status else why


def _perform(curl: pycurl.Curl, proxy: Proxy | None) -> str:
    try:
        curl.perform()
    except pycurl.error as error:
        errno, text = error.args
        return (proxy and proxy_failure(curl, proxy, errno, text)) or str(text)
    return ""
