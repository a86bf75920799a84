"""A real forward proxy on loopback: CONNECT for https, absolute URLs for http, names of its own.

with ForwardProxy({"hooks.example.org": receiver.port}) as proxy:
    settings.FOAM_OUTBOUND_PROXY = proxy_of(proxy.url)
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from notifications.tests.receivers import Receiver


class Passage(NamedTuple):
    """What the proxy was asked for."""

    method: str
    target: str
    head: str


class ForwardProxy(Receiver[Passage]):
    """Leads each name of `names` to a port of 127.0.0.1; other names answer 502.

    With `login` ("user:password") it answers 407 to a request without it; with `status` it answers
    that to all. With `hangs` it says nothing.
    """

    def __init__(
        self,
        names: Mapping[str, int] | None = None,
        *,
        login: str = "",
        status: int = 0,
        hangs: bool = False,
        headers: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.names = dict(names or {})
        self.login, self.status, self.hangs, self.headers = login, status, hangs, headers

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        login = f"{self.login}@" if self.login else ""
        return f"http{'s' if self._tls else ''}://{login}{self.name}"

    @property
    def passages(self) -> list[Passage]:
        return self.wait_for(0)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._pass_on(reader, writer)
        if self._stopping.is_set():
            writer.transport.abort()
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n")[0].split(" ")
        self._keep(Passage(method, target, head))
        if self.hangs:
            await self._stopping.wait()
        if status := self._refusal(head):
            writer.write(f"HTTP/1.1 {status} X\r\n{self.headers}Content-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        if (port := self.names.get(parts.hostname or "")) is None:
            writer.write(b"HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        there, here = await asyncio.open_connection("127.0.0.1", port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 X\r\n\r\n")
        else:
            here.write(head.replace(target, parts.path, 1).encode("latin-1"))
        await asyncio.gather(copy(reader, here), copy(there, writer))

    def _refusal(self, head: str) -> int:
        basic = base64.b64encode(self.login.encode()).decode()
        if self.login and f"Proxy-Authorization: Basic {basic}" not in head:
            return 407
        return self.status


async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass on what comes until it ends."""
    try:
        with suppress(OSError):
            while chunk := await source.read(65536):
                sink.write(chunk)
                await sink.drain()
    finally:
        sink.close()
