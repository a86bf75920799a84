"""Many HTTP requests at once, by libcurl's multi interface."""

import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any, Generic, NamedTuple, TypeVar

import pycurl

from notifications.transports.http import proxy as rules
from notifications.transports.http.egress_policy import Policy
from notifications.transports.http.proxy import Proxy

T = TypeVar("T")

# What is kept of a response for people to read, and where the rest is cut off.
KEPT = 4 * 1024
TOO_MUCH = 64 * 1024
# To look after many costs as much as to end a few of them: not more often than this, in seconds.
CROWD = 32
PAUSE = 0.003
# A request that has a status is given this time, in seconds, for the rest of its answer.
TRICKLE = 1.0
# Idle connections that stay open for the next batch.
KEPT_CONNECTIONS = 256

OPTIONS: dict[int, Any] = {
    pycurl.NOSIGNAL: 1,
    pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
    # No proxy from the environment: the address that we vet must be the receiver's.
    pycurl.PROXY: "",
    pycurl.NOPROXY: "*",
    pycurl.PROXYAUTH: pycurl.HTTPAUTH_BASIC,
    pycurl.PROXY_SSL_VERIFYPEER: 1,
    pycurl.PROXY_SSL_VERIFYHOST: 2,
    pycurl.PROXY_SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
    # The receiver's headers are not for the proxy.
    pycurl.HEADEROPT: pycurl.HEADER_SEPARATE,
    pycurl.FOLLOWLOCATION: 0,
    pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
    pycurl.SSL_VERIFYPEER: 1,
    pycurl.SSL_VERIFYHOST: 2,
    pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
    pycurl.TCP_KEEPALIVE: 1,
    pycurl.USERAGENT: "FOAM/1",
}

# pycurl's wheel looks where its build machine kept them, which is wrong on Debian.
CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def ca_file() -> str | None:
    """Return the system's certificate authorities; SSL_CERT_FILE goes first."""
    files = (ssl.get_default_verify_paths().cafile, *CA_FILES)
    return next((file for file in files if file and os.path.exists(file)), None)


class Request(NamedTuple):
    url: str
    headers: list[str]
    body: bytes
    # What it goes by; None: directly.
    proxy: Proxy | None = None


class Reply(NamedTuple):
    """What came back: a `status`, or 0 and the reason why there is none."""

    status: int
    body: bytes
    seconds: float
    # The header, as it came.
    retry_after: str = ""
    redirect: str = ""
    # libcurl's error, 0 when the response is whole; a status may have come all the same.
    errno: int = 0
    error: str = ""
    os_errno: int = 0
    # Why the address that the name led to was not connected to.
    refusal: str = ""
    # The receiver may have got the request, whole or in part.
    is_sent: bool = False
    # How the operator's proxy failed; the receiver is not to blame then.
    proxy_error: str = ""

    @property
    def is_hung(self) -> bool:
        return self.errno == pycurl.E_OPERATION_TIMEDOUT


class HandedOver(socket.socket):
    """A socket that pycurl makes a duplicate of; ours may close without a ResourceWarning."""

    def __del__(self) -> None:
        self.close()


def set_proxy(curl: pycurl.Curl, proxy: Proxy | None) -> None:
    """Have a handle go by the proxy, or directly."""
    if proxy is None:
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.NOPROXY, "*")
        curl.unsetopt(pycurl.PROXYUSERNAME)
        curl.unsetopt(pycurl.PROXYPASSWORD)
        return
    curl.setopt(pycurl.PROXY, proxy.address)
    # Empty, and not unset: NO_PROXY of the environment does not count either.
    curl.setopt(pycurl.NOPROXY, "")
    if file := ca_file():
        curl.setopt(pycurl.PROXY_CAINFO, file)
    if proxy.username:
        curl.setopt(pycurl.PROXYUSERNAME, proxy.username)
        curl.setopt(pycurl.PROXYPASSWORD, proxy.password)


def is_before_proxy(curl: pycurl.Curl) -> bool:
    """Tell whether no tunnel was opened and no request sent; CONNECT itself is not counted."""
    is_tunnel_open = 200 <= curl.getinfo(pycurl.HTTP_CONNECTCODE) < 300
    return not is_tunnel_open and bool(curl.getinfo(pycurl.REQUEST_SIZE) == 0)


def proxy_failure(curl: pycurl.Curl, proxy: Proxy, errno: int, error: str) -> str:
    """Say how the proxy failed a request that ended with an error; empty when it did not."""
    if not is_before_proxy(curl):
        return ""
    if status := curl.getinfo(pycurl.HTTP_CONNECTCODE):
        return rules.refusal(proxy.name, status)
    if errno == pycurl.E_COULDNT_RESOLVE_PROXY:
        return rules.failure(proxy.name, "its name could not be looked up")
    if errno == pycurl.E_OPERATION_TIMEDOUT:
        return rules.failure(proxy.name, "there was no answer in time")
    if os_errno := curl.getinfo(pycurl.OS_ERRNO):
        return rules.failure(proxy.name, os.strerror(os_errno))
    return rules.failure(proxy.name, error)


class Exchange:
    """A handle that carries one request after another."""

    def __init__(self, policy: Callable[[], Policy], options: Mapping[int, Any]) -> None:
        self._policy = policy
        self.curl = pycurl.Curl()
        for option, value in {**OPTIONS, **options}.items():
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._write)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        self._proxy: Proxy | None = None
        self._headers: list[bytes] = []
        self.curl.setopt(pycurl.HEADERFUNCTION, self._headers.append)

    def prepare(self, request: Request) -> None:
        self._body = b""
        self._headers.clear()
        self._read = 0
        self._is_opened = False
        self._refusal = ""
        self.began = time.monotonic()
        self.curl.setopt(pycurl.URL, request.url)
        self.curl.setopt(pycurl.HTTPHEADER, request.headers)
        self.curl.setopt(pycurl.POSTFIELDS, request.body)
        self._is_tunnelled = request.url.startswith("https:")
        if request.proxy != self._proxy:
            self._proxy = request.proxy
            set_proxy(self.curl, request.proxy)

    def has_status(self) -> bool:
        """Tell whether the receiver's final status is here; 1xx and CONNECT's are none."""
        return bool(self.curl.getinfo(pycurl.RESPONSE_CODE) >= 200)

    def reply(self, errno: int, error: str) -> Reply:
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        took = time.monotonic() - self.began
        if self._proxy and (why := self._proxy_error(self._proxy, errno, error, status)):
            return Reply(0, b"", took, errno=errno, error=error, proxy_error=why)
        if errno == 0 and 200 <= status < 300:
            return Reply(status, self._body, took)
        return Reply(
            status=status if status >= 200 else 0,
            body=self._body,
            seconds=took,
            retry_after=self._header(b"retry-after") if status in {429, 503} else "",
            redirect=(self.curl.getinfo(pycurl.REDIRECT_URL) or "") if 300 <= status < 400 else "",
            errno=errno,
            error=error,
            os_errno=self.curl.getinfo(pycurl.OS_ERRNO) if errno else 0,
            # A name may have several addresses; refused when none of them could be tried.
            refusal="" if self._is_opened else self._refusal,
            is_sent=errno != 0 and self.curl.getinfo(pycurl.REQUEST_SIZE) > 0,
        )

    def _proxy_error(self, proxy: Proxy, errno: int, error: str, status: int) -> str:
        """Say how the proxy failed; empty when the failure, if any, is the receiver's."""
        if errno and (why := proxy_failure(self.curl, proxy, errno, error)):
            return why
        headers = self._header(b"proxy-status"), self._header(b"x-squid-error")
        if not self._is_tunnelled and rules.is_own_answer(status, *headers):
            return rules.refusal(proxy.name, status)
        return ""

    def _header(self, name: bytes) -> str:
        """Return the last value of a header of the response; empty without one."""
        for line in reversed(self._headers):
            if line.startswith(b"HTTP/"):
                # Above are those of another response: 1xx, or a proxy's to CONNECT.
                break
            key, _, value = line.partition(b":")
            if key.strip().lower() == name:
                return value.decode("latin-1").strip()
        return ""

    def _write(self, chunk: bytes) -> int | None:
        self._read += len(chunk)
        if len(self._body) < KEPT:
            self._body = (self._body + chunk)[:KEPT]
        return 0 if self._read > TOO_MUCH else None

    def _open_socket(self, purpose: int, address: Any) -> Any:
        """Open a socket only to an address that may be connected to: here no name can lie."""
        try:
            host, port = address.addr[:2]
            # Of a request by the proxy nothing but the proxy is connected to.
            refusal = "" if self._proxy else self._policy().refusal(host, port)
            if refusal:
                self._refusal = refusal
                return pycurl.SOCKET_BAD
            opened = HandedOver(address.family, address.socktype, address.protocol)
        except (OSError, TypeError, ValueError):
            return pycurl.SOCKET_BAD
        self._is_opened = True
        return opened


class Multi(Generic[T]):
    """Requests under way, each with what it is for. Belongs to one thread of one process."""

    def __init__(self, policy: Callable[[], Policy], options: Mapping[int, Any]) -> None:
        self._policy = policy
        self._options = options
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, KEPT_CONNECTIONS)
        self._idle: list[Exchange] = []
        self._under_way: dict[pycurl.Curl, tuple[Exchange, T]] = {}
        self._looked_at = 0.0

    def __len__(self) -> int:
        return len(self._under_way)

    def start(self, request: Request, purpose: T) -> None:
        exchange = self._idle.pop() if self._idle else Exchange(self._policy, self._options)
        exchange.prepare(request)
        self._multi.add_handle(exchange.curl)
        self._under_way[exchange.curl] = exchange, purpose

    def wait(self, longest: float = 0.25) -> list[tuple[T, Reply]]:
        """Move everything on and return what has ended; if nothing has, wait a moment first."""
        if len(self._under_way) > CROWD:
            time.sleep(max(0.0, self._looked_at + PAUSE - time.monotonic()))
            self._looked_at = time.monotonic()
        self._multi.perform()
        if ended := [*self._ended(), *self._answered()]:
            return ended
        due = self._multi.timeout()
        self._multi.select(min(longest, due / 1000) if due >= 0 else longest)
        return []

    def _ended(self) -> list[tuple[T, Reply]]:
        ended = []
        left = 1
        while left:
            left, whole, broken = self._multi.info_read()
            for curl in whole:
                ended.append(self._end(curl, 0, ""))
            for curl, errno, error in broken:
                ended.append(self._end(curl, errno, error))
        return ended

    def _answered(self) -> list[tuple[T, Reply]]:
        """End the exchanges whose status came more than TRICKLE ago, though a body goes on.

        The status decides. A receiver that trickles its body would hold its place for nothing.
        """
        until = time.monotonic() - TRICKLE
        exchanges = (exchange for exchange, _ in self._under_way.values())
        late = takewhile(lambda exchange: exchange.began < until, exchanges)
        answered = [exchange.curl for exchange in late if exchange.has_status()]
        return [self._end(curl, 0, "") for curl in answered]

    def _end(self, curl: pycurl.Curl, errno: int, error: str) -> tuple[T, Reply]:
        exchange, purpose = self._under_way.pop(curl)
        reply = exchange.reply(errno, error)
        self._multi.remove_handle(curl)
        self._idle.append(exchange)
        return purpose, reply

    def abandon(self) -> None:
        """Break off whatever is under way."""
        while self._under_way:
            curl, (exchange, _) = self._under_way.popitem()
            self._multi.remove_handle(curl)
            self._idle.append(exchange)

    def close(self) -> None:
        self.abandon()
        for exchange in self._idle:
            exchange.curl.close()
        self._multi.close()
