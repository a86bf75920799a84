"""A TCP relay on loopback that can be cut, as when a server restarts or a network is gone."""

import asyncio
import ssl
import threading
from contextlib import suppress
from typing import Self


class Relay:
    """Passes on to `target` what comes to `port`; while it is cut, it refuses.

    With `tls` it ends TLS, as a server does that has a certificate.
    """

    def __init__(self, target: tuple[str, int], tls: ssl.SSLContext | None = None) -> None:
        self.target = target
        self.tls = tls
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def mend(self) -> None:
        self._run(self._listen())

    def cut(self) -> None:
        self._run(self._cut())

    def _run(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, ssl=self.tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        # Those who read from them end now.
        while self._writers:
            await asyncio.sleep(0.01)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here = {writer}
        self._writers |= here
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(*self.target)
            here.add(far_writer)
            self._writers |= here
            await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        for each in here:
            each.transport.abort()
        self._writers -= here


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
