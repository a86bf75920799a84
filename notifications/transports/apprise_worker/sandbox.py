"""The sandbox of plug-ins: only HTTP to addresses that the policy allows, within limits.

Python's audit hook (PEP 578) is called before each connection, file and process is opened, and
refuses it here. All services that FOAM offers send through `requests`, whose exchanges are recorded
for the outcome.
"""

import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from notifications.transports.http.egress_policy import (
    NETWORKS_SETTING,
    Policy,
    RefusedUrl,
    check_url,
)
from notifications.transports.http.proxy import goes_directly

CONNECT_SECONDS = 5.0
# Bytes of a response that are read.
MAX_BODY_READ = 64 * 1024
# After the status, the rest of a response is read for this number of seconds.
BODY_SECONDS = 1.0

SOCKET_EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"}
PROCESS_EVENTS = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.system",
    "subprocess.Popen",
}
# The files of Python and its packages.
READABLE_FILES = (sys.prefix + "/", sys.base_prefix + "/")


class RefusedConnection(ConnectionRefusedError):
    """The policy refuses an address. It is an OSError, so that the next address is tried."""


class UnknownProxy(requests.exceptions.ProxyError):
    """The name of the proxy cannot be resolved."""


class DryRun(requests.ConnectionError):
    """A `check` request: nothing is sent."""


class ProxyAddress(NamedTuple):
    """The operator's proxy; `url` has its password."""

    url: str
    name: str
    host: str
    port: int

    def addresses(self) -> frozenset[tuple[str, int]]:
        """Resolve the proxy's name; UnknownProxy if that fails."""
        try:
            entries = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError:
            raise UnknownProxy from None
        return frozenset((str(entry[4][0]), self.port) for entry in entries)


class ProxyAdapter(HTTPAdapter):
    """Verifies the certificate of an https proxy for http URLs, too."""

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        super().cert_verify(conn, f"{conn.scheme}://", verify, cert)


@dataclass
class PluginExchange:
    """A request of a plug-in, by `proxy` or directly, and its status or error."""

    url: str
    proxy: ProxyAddress | None = None
    status: int = 0
    headers: Any = field(default_factory=dict)
    text: str = ""
    error: Exception | None = None


@dataclass
class Guard:
    """The rules for one message; `on_begin` is called before a request may be sent."""

    policy: Policy
    seconds: float = 0
    ca_file: str | bool = True
    is_dry: bool = False
    proxy: ProxyAddress | None = None
    on_begin: Callable[[], None] = lambda: None
    exchanges: list[PluginExchange] = field(default_factory=list)
    refusal: str = ""
    # The reason why a URL was not given to the proxy, which would resolve its host.
    url_refusal: str = ""
    # The only addresses allowed while a request uses the proxy.
    proxy_addresses: frozenset[tuple[str, int]] | None = None

    def request(self, session: requests.Session, method: str, url: str, **options: Any) -> Any:
        exchange = PluginExchange(url)
        self.exchanges.append(exchange)
        if self.is_dry:
            raise DryRun
        session.trust_env = False
        self.on_begin()
        fixed_options = {
            "allow_redirects": False,
            "stream": True,
            "timeout": (min(CONNECT_SECONDS, self.seconds), self.seconds),
            "verify": self.ca_file,
        }
        try:
            fixed_options["proxies"] = self._proxies(session, exchange)
            response = REQUEST(session, method, url, **{**options, **fixed_options})
        except Exception as error:
            exchange.error = error
            raise
        finally:
            self.proxy_addresses = None
        exchange.status, exchange.headers = response.status_code, response.headers
        exchange.text = _read(response)
        return response

    def _proxies(self, session: requests.Session, exchange: PluginExchange) -> dict[str, str]:
        """Return the proxies of a request; a URL to a private address is refused, not proxied."""
        session.proxies = {}
        parts = urlsplit(exchange.url)
        if self.proxy is None or goes_directly(parts.hostname or "", self.policy):
            return {}
        try:
            check_url(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/", self.policy)
        except RefusedUrl as refused:
            self.url_refusal = str(refused)
            raise RefusedConnection(self.url_refusal) from None
        exchange.proxy = self.proxy
        self.proxy_addresses = self.proxy.addresses()
        for scheme in ("http://", "https://"):
            session.mount(scheme, ProxyAdapter())
        return {"http": self.proxy.url, "https": self.proxy.url}

    def connect(self, address: Any) -> None:
        if self.proxy_addresses is not None:
            if tuple(address[:2]) not in self.proxy_addresses:
                raise RefusedConnection("only the proxy is connected to")
            return
        try:
            self.refusal = self.policy.refusal(str(address[0]), int(address[1]))
        except (TypeError, ValueError, IndexError):
            self.refusal = f"no internet address; the setting {NETWORKS_SETTING} cannot allow it"
        if self.refusal:
            raise RefusedConnection(self.refusal)


def _read(response: requests.Response) -> str:
    """Read the body of a response within limits; the status counts even if the body fails."""
    content, until = b"", time.monotonic() + BODY_SECONDS
    try:
        # `read1` returns what has arrived: a service may send one byte a second.
        while chunk := response.raw.read1(16 * 1024, decode_content=True):
            content += chunk
            if len(content) > MAX_BODY_READ or time.monotonic() > until:
                break
    except (requests.RequestException, HTTPError, OSError):
        pass
    finally:
        response.close()
    response._content, response._content_consumed = content, True
    return response.text


REQUEST = requests.Session.request
_guards: list[Guard] = []


def install() -> None:
    """Install the audit hook and the request hook, which cannot be removed."""

    def request(session: requests.Session, method: str, url: str, **options: Any) -> Any:
        return _guards[-1].request(session, method, url, **options)

    requests.Session.request = request  # type: ignore[assignment, method-assign]
    sys.addaudithook(_audit)


def set_guard(guard: Guard) -> None:
    _guards[:] = [guard]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _guards:
        _guards[-1].connect(arguments[1])
    elif event in SOCKET_EVENTS or event in PROCESS_EVENTS:
        raise PermissionError(f"{event} is not for plug-ins")
    elif event == "open" and not _may_open(*arguments):
        raise PermissionError("files are not for plug-ins")


def _may_open(path: Any, mode: Any, flags: Any) -> bool:
    """Tell whether a path is one of Python's files; a number is an open descriptor, and allowed."""
    if not isinstance(path, str):
        return isinstance(path, int)
    return path.startswith(READABLE_FILES) or path.endswith((".py", ".pyc"))
