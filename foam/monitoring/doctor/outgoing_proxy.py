"""Check of the proxy for outgoing requests: it answers and accepts FOAM's login."""

import os
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

import pycurl
from django.conf import settings

from foam.addresses import Proxy
from foam.monitoring.doctor.finding import Check, Finding, fail, ok, warn
from notifications.transports.http.curl_multi import OPTIONS, proxy_failure, set_proxy
from notifications.transports.http.proxy import SETTING

PROXY = "outgoing proxy"
TIMEOUT = 5.0
# Other programs read these from the environment, in small and in capital letters.
ENVIRONMENT = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def look_at_proxy(now: datetime) -> Iterator[Finding]:
    proxy: Proxy | None = settings.FOAM_OUTBOUND_PROXY
    if proxy is None:
        yield from _look_at_environment()
        return
    status, reason = _request_tunnel(proxy)
    if status == 407:
        yield fail(
            PROXY,
            f"{reason[:1].upper()}{reason[1:]}.",
            f"Mend the name and password in {SETTING}; percent-encode @, / and #.",
        )
    elif status == 0:
        yield fail(
            PROXY,
            f"{reason[:1].upper()}{reason[1:]}.",
            f"Start the proxy, or look at {SETTING} and at the firewall between. Until then "
            "messages to webhooks and services wait for another attempt.",
        )
    else:
        yield ok(PROXY, f"The proxy {proxy.name} answers.")


def _look_at_environment() -> Iterator[Finding]:
    spellings = [spelling for name in ENVIRONMENT for spelling in (name, name.lower())]
    names = [name for name in spellings if os.environ.get(name)]
    if names:
        yield warn(
            PROXY,
            f"{', '.join(names)} of the environment is not used for webhooks and services.",
            f"Set {SETTING}, such as http://user:password@proxy.example.org:3128, if requests "
            "have to go out by a proxy.",
        )
        return
    yield ok(PROXY, f"{SETTING} is not set: requests go out directly.")


def _request_tunnel(proxy: Proxy) -> tuple[int, str]:
    """Ask the proxy for a tunnel to FOAM's own host; return its status, or 0 and the reason.

    A refusal proves that the proxy answers: it may have no way to that host.
    """
    host = urlsplit(settings.FOAM_BASE_URL).hostname or "localhost"
    curl = pycurl.Curl()
    try:
        for option, value in OPTIONS.items():
            curl.setopt(option, value)
        set_proxy(curl, proxy)
        curl.setopt(pycurl.URL, f"http://{f'[{host}]' if ':' in host else host}:443/")
        curl.setopt(pycurl.HTTPPROXYTUNNEL, 1)
        curl.setopt(pycurl.CONNECT_ONLY, 1)
        curl.setopt(pycurl.TIMEOUT_MS, int(TIMEOUT * 1000))
        curl.perform()
        reason = ""
    except pycurl.error as error:
        reason = proxy_failure(curl, proxy, *error.args)
    finally:
        status: int = curl.getinfo(pycurl.HTTP_CONNECTCODE)
        curl.close()
    return status, reason


CHECKS = [Check(PROXY, look_at_proxy)]
