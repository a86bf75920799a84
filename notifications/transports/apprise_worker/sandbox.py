"""What a plug-in may do: HTTP to where the policy allows, within bounds; nothing else.

Python tells of each connection, file and process before it is opened (PEP 578), whichever way a
plug-in takes: that is the one place where they are refused. All of Apprise's services that we
offer send through `requests`, whose exchanges are kept for the outcome.
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

from notifications.transports.http.egress_policy import NETWORKS_SETTING, Policy, Refused, check_url
from notifications.transports.http.proxy import goes_directly

CONNECT_WITHIN = 5.0
# Read of an answer at most, and shown to people.
TOO_MUCH = 64 * 1024
# A service that has told its status is given this time, in seconds, for the rest of its answer.
TRICKLE = 1.0

SOCKETS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"}
PROCESSES = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}
# Python's own files and those of its packages.
FILES = (sys.prefix + "/", sys.base_prefix + "/")


class RefusedConnection(ConnectionRefusedError):
    """An OSError, so that the next address of the name is tried."""


class UnknownProxy(requests.exceptions.ProxyError):
    """The name of the proxy leads nowhere."""


class DryRun(requests.ConnectionError):
    """Nothing is to be sent: it is only asked where to."""


class Proxy(NamedTuple):
    """The operator's proxy; `url` has its password."""

    url: str
    name: str
    host: str
    port: int

    def addresses(self) -> frozenset[tuple[str, int]]:
        """Look up where it is; UnknownProxy when its name leads nowhere."""
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
class Exchange:
    """One request, and what came of it: a status, or an error. `proxy`: what it went by."""

    url: str
    proxy: Proxy | None = None
    status: int = 0
    headers: Any = field(default_factory=dict)
    text: str = ""
    error: Exception | None = None


@dataclass
class Guard:
    """What holds for one message. `tell` is called when a request may go out."""

    policy: Policy
    seconds: float = 0
    ca_file: str | bool = True
    is_dry: bool = False
    proxy: Proxy | None = None
    tell: Callable[[], None] = lambda: None
    exchanges: list[Exchange] = field(default_factory=list)
    refusal: str = ""
    # Why a URL is not even handed to the proxy, which would look its host up.
    url_refusal: str = ""
    # While a request goes by the proxy: all that may be connected to.
    proxy_addresses: frozenset[tuple[str, int]] | None = None

    def request(self, session: requests.Session, method: str, url: str, **options: Any) -> Any:
        exchange = Exchange(url)
        self.exchanges.append(exchange)
        if self.is_dry:
            raise DryRun
        session.trust_env = False
        self.tell()
        ours = {
            "allow_redirects": False,
            "stream": True,
            "timeout": (min(CONNECT_WITHIN, self.seconds), self.seconds),
            "verify": self.ca_file,
        }
        try:
            ours["proxies"] = self._proxies(session, exchange)
            response = REQUEST(session, method, url, **{**options, **ours})
        except Exception as error:
            exchange.error = error
            raise
        finally:
            self.proxy_addresses = None
        exchange.status, exchange.headers = response.status_code, response.headers
        exchange.text = _read(response)
        return response

    def _proxies(self, session: requests.Session, exchange: Exchange) -> dict[str, str]:
        """Return by what the request goes; a URL that leads home is not handed to the proxy."""
        session.proxies = {}
        parts = urlsplit(exchange.url)
        if self.proxy is None or goes_directly(parts.hostname or "", self.policy):
            return {}
        try:
            check_url(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/", self.policy)
        except Refused as refused:
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
    """Read an answer of bounded length and time; its status counts without the rest, too."""
    content, until = b"", time.monotonic() + TRICKLE
    try:
        # What has come, and not a whole chunk: a service may send a byte a second.
        while chunk := response.raw.read1(16 * 1024, decode_content=True):
            content += chunk
            if len(content) > TOO_MUCH or time.monotonic() > until:
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
    """Begin to watch; there is no way back."""

    def request(session: requests.Session, method: str, url: str, **options: Any) -> Any:
        return _guards[-1].request(session, method, url, **options)

    requests.Session.request = request  # type: ignore[assignment, method-assign]
    sys.addaudithook(_audit)


def watch(guard: Guard) -> None:
    _guards[:] = [guard]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _guards:
        _guards[-1].connect(arguments[1])
    elif event in SOCKETS or event in PROCESSES:
        raise PermissionError(f"{event} is not for plug-ins")
    elif event == "open" and not _may_open(*arguments):
        raise PermissionError("files are not for plug-ins")


def _may_open(path: Any, mode: Any, flags: Any) -> bool:
    """Tell whether a file is one of Python's, to be read; what is open already may be used."""
    if not isinstance(path, str):
        return isinstance(path, int)
    return path.startswith(FILES) or path.endswith((".py", ".pyc"))
