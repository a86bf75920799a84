"""Sends many HTTP requests at once, by libcurl's multi interface."""

import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any, Generic, NamedTuple, TypeVar

import pycurl

from notifications.transports.http import proxy as proxy_rules
from notifications.transports.http.egress_policy import Policy
from notifications.transports.http.proxy import OutboundProxy

T = TypeVar("T")

# Bytes of a response that are stored, and bytes after which the transfer is aborted.
MAX_BODY_STORED = 4 * 1024
MAX_BODY_READ = 64 * 1024
# With more requests than this, libcurl is polled at most once in this number of seconds, as a poll
# costs the same for few events as for many.
MANY_REQUESTS = 32
POLL_INTERVAL = 0.003
# After the status, the rest of a response is awaited for this number of seconds since the request.
BODY_SECONDS = 1.0
# Idle connections that stay open for the next batch.
MAX_IDLE_CONNECTIONS = 256

OPTIONS: dict[int, Any] = {
    pycurl.NOSIGNAL: 1,
    pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
    # No proxy from the environment: the checked address must be the receiver's.
    pycurl.PROXY: "",
    pycurl.NOPROXY: "*",
    pycurl.PROXYAUTH: pycurl.HTTPAUTH_BASIC,
    pycurl.PROXY_SSL_VERIFYPEER: 1,
    pycurl.PROXY_SSL_VERIFYHOST: 2,
    pycurl.PROXY_SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
    # The proxy must not get the receiver's headers.
    pycurl.HEADEROPT: pycurl.HEADER_SEPARATE,
    pycurl.FOLLOWLOCATION: 0,
    pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
    pycurl.SSL_VERIFYPEER: 1,
    pycurl.SSL_VERIFYHOST: 2,
    pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
    pycurl.TCP_KEEPALIVE: 1,
    pycurl.USERAGENT: "FOAM/1",
}

# pycurl's wheel has the path of its build machine, which is wrong on Debian.
CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def ca_file() -> str | None:
    """Return the file of certificate authorities: SSL_CERT_FILE, or the system's."""
    files = (ssl.get_default_verify_paths().cafile, *CA_FILES)
    return next((file for file in files if file and os.path.exists(file)), None)


class HttpRequest(NamedTuple):
    url: str
    headers: list[str]
    body: bytes
    # None for a direct connection.
    proxy: OutboundProxy | None = None
    may_reach_private: bool = True


class HttpReply(NamedTuple):
    """A response with its `status`, or 0 and the reason why there was none."""

    status: int
    body: bytes
    seconds: float
    # The value of the header Retry-After.
    retry_after: str = ""
    redirect: str = ""
    # libcurl's error, 0 for a complete response; there may be a status as well.
    errno: int = 0
    error: str = ""
    os_errno: int = 0
    # The reason why the policy refused the addresses of the host.
    refusal: str = ""
    # The receiver may have received the request, at least in part.
    is_sent: bool = False
    # The failure of the operator's proxy, which is not the receiver's fault.
    proxy_error: str = ""

    @property
    def is_hung(self) -> bool:
        return self.errno == pycurl.E_OPERATION_TIMEDOUT


class DuplicatedSocket(socket.socket):
    """A socket that pycurl duplicates; closing the original raises no ResourceWarning."""

    def __del__(self) -> None:
        self.close()


def set_proxy(curl: pycurl.Curl, proxy: OutboundProxy | None) -> None:
    """Make a handle use the proxy, or connect directly."""
    if proxy is None:
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.NOPROXY, "*")
        curl.unsetopt(pycurl.PROXYUSERNAME)
        curl.unsetopt(pycurl.PROXYPASSWORD)
        return
    curl.setopt(pycurl.PROXY, proxy.address)
    # Empty instead of unset, so that NO_PROXY of the environment is ignored.
    curl.setopt(pycurl.NOPROXY, "")
    if file := ca_file():
        curl.setopt(pycurl.PROXY_CAINFO, file)
    if proxy.username:
        curl.setopt(pycurl.PROXYUSERNAME, proxy.username)
        curl.setopt(pycurl.PROXYPASSWORD, proxy.password)


def is_before_proxy(curl: pycurl.Curl) -> bool:
    """Tell whether no tunnel was opened and no request was sent, apart from CONNECT."""
    is_tunnel_open = 200 <= curl.getinfo(pycurl.HTTP_CONNECTCODE) < 300
    return not is_tunnel_open and bool(curl.getinfo(pycurl.REQUEST_SIZE) == 0)


def proxy_failure(curl: pycurl.Curl, proxy: OutboundProxy, errno: int, error: str) -> str:
    """Return how the proxy failed, for a request that ended with an error; empty if it did not."""
    if not is_before_proxy(curl):
        return ""
    if status := curl.getinfo(pycurl.HTTP_CONNECTCODE):
        return proxy_rules.refusal(proxy.name, status)
    if errno == pycurl.E_COULDNT_RESOLVE_PROXY:
        return proxy_rules.failure(proxy.name, "its name could not be looked up")
    if errno == pycurl.E_OPERATION_TIMEDOUT:
        return proxy_rules.failure(proxy.name, "there was no answer in time")
    if os_errno := curl.getinfo(pycurl.OS_ERRNO):
        return proxy_rules.failure(proxy.name, os.strerror(os_errno))
    return proxy_rules.failure(proxy.name, error)


class CurlExchange:
    """A libcurl handle, reused for one request after another."""

    def __init__(self, policy: Callable[[], Policy], options: Mapping[int, Any]) -> None:
        self._policy = policy
        self._may_reach_private = True
        self.curl = pycurl.Curl()
        for option, value in {**OPTIONS, **options}.items():
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._write)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        self._proxy: OutboundProxy | None = None
        self._headers: list[bytes] = []
        self.curl.setopt(pycurl.HEADERFUNCTION, self._headers.append)

    def prepare(self, request: HttpRequest) -> None:
        self._body = b""
        self._headers.clear()
        self._read = 0
        self._is_opened = False
        self._refusal = ""
        self.began = time.monotonic()
        self.curl.setopt(pycurl.URL, request.url)
        self.curl.setopt(pycurl.HTTPHEADER, request.headers)
        self.curl.setopt(pycurl.POSTFIELDS, request.body)
        if request.may_reach_private != self._may_reach_private:
            self._may_reach_private = request.may_reach_private
            # Without an open connection of a user who may: that would not be checked again.
            self.curl.setopt(pycurl.FRESH_CONNECT, not request.may_reach_private)
        self._is_tunnelled = request.url.startswith("https:")
        if request.proxy != self._proxy:
            self._proxy = request.proxy
            set_proxy(self.curl, request.proxy)

    def has_status(self) -> bool:
        """Tell whether the receiver's final status has arrived; 1xx and CONNECT's do not count."""
        return bool(self.curl.getinfo(pycurl.RESPONSE_CODE) >= 200)

    def reply(self, errno: int, error: str) -> HttpReply:
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        took = time.monotonic() - self.began
        if self._proxy and (failure := self._proxy_error(self._proxy, errno, error, status)):
            return HttpReply(0, b"", took, errno=errno, error=error, proxy_error=failure)
        if errno == 0 and 200 <= status < 300:
            return HttpReply(status, self._body, took)
        return HttpReply(
            status=status if status >= 200 else 0,
            body=self._body,
            seconds=took,
            retry_after=self._header(b"retry-after") if status in {429, 503} else "",
            redirect=(self.curl.getinfo(pycurl.REDIRECT_URL) or "") if 300 <= status < 400 else "",
            errno=errno,
            error=error,
            os_errno=self.curl.getinfo(pycurl.OS_ERRNO) if errno else 0,
            # A name may have several addresses: it is refused if none of them was opened.
            refusal="" if self._is_opened else self._refusal,
            is_sent=errno != 0 and self.curl.getinfo(pycurl.REQUEST_SIZE) > 0,
        )

    def _proxy_error(self, proxy: OutboundProxy, errno: int, error: str, status: int) -> str:
        """Return how the proxy failed; empty if it did not, or the receiver failed."""
        if errno and (failure := proxy_failure(self.curl, proxy, errno, error)):
            return failure
        headers = self._header(b"proxy-status"), self._header(b"x-squid-error")
        if not self._is_tunnelled and proxy_rules.is_own_answer(status, *headers):
            return proxy_rules.refusal(proxy.name, status)
        return ""

    def _header(self, name: bytes) -> str:
        """Return the last value of a header of the response; empty without the header."""
        for line in reversed(self._headers):
            if line.startswith(b"HTTP/"):
                # The lines above belong to another response: 1xx, or the proxy's to CONNECT.
                break
            key, _, value = line.partition(b":")
            if key.strip().lower() == name:
                return value.decode("latin-1").strip()
        return ""

    def _write(self, chunk: bytes) -> int | None:
        self._read += len(chunk)
        if len(self._body) < MAX_BODY_STORED:
            self._body = (self._body + chunk)[:MAX_BODY_STORED]
        return 0 if self._read > MAX_BODY_READ else None

    def _open_socket(self, purpose: int, address: Any) -> Any:
        """Open a socket if the policy allows the address, which libcurl has resolved by now."""
        try:
            host, port = address.addr[:2]
            # A request by the proxy connects to the proxy only.
            policy = self._policy()
            if not self._may_reach_private:
                policy = policy.without_networks()
            refusal = "" if self._proxy else policy.refusal(host, port)
            if refusal:
                self._refusal = refusal
                return pycurl.SOCKET_BAD
            opened = DuplicatedSocket(address.family, address.socktype, address.protocol)
        except (OSError, TypeError, ValueError):
            return pycurl.SOCKET_BAD
        self._is_opened = True
        return opened


class Multi(Generic[T]):
    """The requests under way, each with its `purpose`. Belongs to one thread of one process."""

    def __init__(self, policy: Callable[[], Policy], options: Mapping[int, Any]) -> None:
        self._policy = policy
        self._options = options
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, MAX_IDLE_CONNECTIONS)
        self._idle: list[CurlExchange] = []
        self._under_way: dict[pycurl.Curl, tuple[CurlExchange, T]] = {}
        self._polled_at = 0.0

    def __len__(self) -> int:
        return len(self._under_way)

    def start(self, request: HttpRequest, purpose: T) -> None:
        exchange = self._idle.pop() if self._idle else CurlExchange(self._policy, self._options)
        exchange.prepare(request)
        self._multi.add_handle(exchange.curl)
        self._under_way[exchange.curl] = exchange, purpose

    def wait(self, longest: float = 0.25) -> list[tuple[T, HttpReply]]:
        """Advance all requests and return the ended ones; if there are none, wait a moment."""
        if len(self._under_way) > MANY_REQUESTS:
            time.sleep(max(0.0, self._polled_at + POLL_INTERVAL - time.monotonic()))
            self._polled_at = time.monotonic()
        self._multi.perform()
        if ended := [*self._ended(), *self._answered()]:
            return ended
        due = self._multi.timeout()
        self._multi.select(min(longest, due / 1000) if due >= 0 else longest)
        return []

    def _ended(self) -> list[tuple[T, HttpReply]]:
        ended = []
        messages = 1
        while messages:
            messages, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                ended.append(self._end(curl, 0, ""))
            for curl, errno, error in failed:
                ended.append(self._end(curl, errno, error))
        return ended

    def _answered(self) -> list[tuple[T, HttpReply]]:
        """End the exchanges whose status came more than BODY_SECONDS ago, even if the body goes on.

        The status decides. A receiver that sends its body slowly would occupy a place for nothing.
        """
        until = time.monotonic() - BODY_SECONDS
        exchanges = (exchange for exchange, _ in self._under_way.values())
        late = takewhile(lambda exchange: exchange.began < until, exchanges)
        answered = [exchange.curl for exchange in late if exchange.has_status()]
        return [self._end(curl, 0, "") for curl in answered]

    def _end(self, curl: pycurl.Curl, errno: int, error: str) -> tuple[T, HttpReply]:
        exchange, purpose = self._under_way.pop(curl)
        reply = exchange.reply(errno, error)
        self._multi.remove_handle(curl)
        self._idle.append(exchange)
        return purpose, reply

    def abandon(self) -> None:
        """Abort all requests under way."""
        while self._under_way:
            curl, (exchange, _) = self._under_way.popitem()
            self._multi.remove_handle(curl)
            self._idle.append(exchange)

    def close(self) -> None:
        self.abandon()
        for exchange in self._idle:
            exchange.curl.close()
        self._multi.close()
