"""Real receivers on loopback, in threads, that do as they are told and keep what they get.

    with HttpReceiver() as receiver:
        receiver.script(Reply(500), Hang())     # the first two requests; then `default`
        ...post to receiver.url...
        [request] = receiver.wait_for(1)

A receiver never sleeps: one that hangs does so until its client leaves or it is stopped.
"""

import asyncio
import json
import ssl
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as SMTP_POLICY
from typing import Any, Generic, Literal, Self, TypeVar

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

Kept = TypeVar("Kept")


class Receiver(Generic[Kept]):
    """A server on a free port of 127.0.0.1, with a thread and an event loop of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.ended = 0
        self.port = 0
        self._tls = tls
        self._kept: list[Kept] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_up = threading.Event()

    async def _listen(self) -> asyncio.Server:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_up.wait(10), "the receiver did not start"
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the receiver did not stop"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        server = await self._listen()
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._stopping.wait()
        server.close()

    def _keep(self, thing: Kept) -> None:
        with self._changed:
            self._kept.append(thing)
            self._changed.notify_all()

    def wait_for_end(self, count: int, timeout: float = 30) -> None:
        """Return as soon as so many connections have ended."""
        with self._changed:
            ended = self._changed.wait_for(lambda: self.ended >= count, timeout)
        assert ended, f"{self.ended} of {count} connections ended within {timeout} s"

    def wait_for(self, count: int, timeout: float = 30) -> list[Kept]:
        """Return everything that has arrived, in order, as soon as there are `count` of it."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._kept) >= count, timeout):
                raise AssertionError(f"{len(self._kept)} of {count} arrived within {timeout} s")
            return list(self._kept)


# What an HTTP receiver can do with a request.


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)

    def head(self) -> bytes:
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} X", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"


@dataclass(frozen=True)
class Hang:
    """Read the request and say nothing, or only what is in `first`."""

    first: bytes = b""


@dataclass(frozen=True)
class Hold:
    """Read the request and accept it when the receiver's `release` is called."""


@dataclass(frozen=True)
class Close:
    """Read the request and close the connection, after saying what is in `first`."""

    first: bytes = b""


@dataclass(frozen=True)
class Endless:
    """Answer 200 and send a body that has no end, as fast as it is read."""

    chunk: bytes = b"x" * 16384


@dataclass(frozen=True)
class Trickle:
    """Answer with a status, and send a byte of the body every tenth of a second, without end."""

    status: int = 200


@dataclass(frozen=True)
class Meet:
    """Answer 200 with the challenge that the request has, or just so where it has none."""

    as_text: bool = False
    as_it_came: bool = False

    def reply(self, body: bytes) -> Reply:
        challenge = json.loads(body)["data"].get("challenge")
        if not challenge or self.as_it_came:
            return Reply(200, body)
        return Reply(
            200, (challenge if self.as_text else json.dumps({"challenge": challenge})).encode()
        )


Deed = Reply | Hang | Hold | Close | Endless | Trickle | Meet


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    connection: int  # 1 for the first that was opened


class HttpReceiver(Receiver[Request]):
    """Does what `script` says, a deed for each request in order of arrival; then `default`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.default: Deed = Reply()
        self.scripted: deque[Deed] = deque()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/hook"

    @property
    def requests(self) -> list[Request]:
        return self.wait_for(0)

    def script(self, *deeds: Deed) -> None:
        self.scripted.extend(deeds)

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self._released.set)

    async def _listen(self) -> asyncio.Server:
        self._released = asyncio.Event()
        return await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        # Whoever has left or been cut off is no error of the receiver's.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._answer(await _read(reader, number), reader, writer):
                pass
        if self._stopping.is_set():
            writer.transport.abort()  # a TLS client that is not reading would keep us waiting
        writer.close()
        with self._changed:
            self.ended += 1
            self._changed.notify_all()

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Do what the script says; tell whether the connection stays open."""
        deed = self.scripted.popleft() if self.scripted else self.default
        self._keep(request)
        if isinstance(deed, Hold):
            await self._released.wait()
            deed = Reply()
        if isinstance(deed, Meet):
            deed = deed.reply(request.body)
        if isinstance(deed, Reply):
            writer.write(deed.head() + deed.body)
            await writer.drain()
            return True
        if isinstance(deed, Endless):
            await _pour(deed, writer)
        if isinstance(deed, Trickle):
            await _trickle(deed, writer)
        writer.write(getattr(deed, "first", b""))
        await writer.drain()
        if isinstance(deed, Hang):
            await reader.read()  # until the client leaves
        return False


async def _read(reader: asyncio.StreamReader, connection: int) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body, connection)


async def _pour(deed: Endless, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(deed.chunk)
        await writer.drain()


async def _trickle(deed: Trickle, writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 {deed.status} X\r\nContent-Length: 100000\r\n\r\n".encode())
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


@dataclass(frozen=True)
class Mail:
    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes
    connection: int

    @property
    def plain(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: Literal["plain", "html"]) -> str:
        part = self.message.get_body([kind])
        assert part, f"there is no part in {kind}"
        return part.get_content()


class SmtpReceiver(Receiver[Mail]):
    """Takes mail. `script("RCPT", "550 No")` has the next RCPT answered so; CLOSE and HANG too.

    With `starttls` it takes none before that; with `tls` there is nothing else.
    """

    CLOSE = "close"
    HANG = "hang"

    def __init__(
        self,
        password: str = "",
        *,
        pipelining: bool = False,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.password = password
        self.pipelining = pipelining
        self.starttls = starttls
        self.scripted: dict[str, deque[str]] = {verb: deque() for verb in ("MAIL", "RCPT", "DATA")}
        # Verbs that are always answered so.
        self.always: dict[str, str] = {}

    @property
    def url(self) -> str:
        """What EMAIL_URL is set to."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def mails(self) -> list[Mail]:
        return self.wait_for(0)

    def script(self, verb: str, *replies: str) -> None:
        self.scripted[verb].extend(replies)

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self._tls)

    def _protocol(self) -> SMTP:
        self.connections += 1
        number = self.connections
        options: dict[str, Any] = {}
        if self.password:
            options = {"authenticator": self._check_login, "auth_require_tls": False}
        if self.starttls:
            options |= {"tls_context": self.starttls, "require_starttls": True}
        return SMTP(_Handler(self, number), hostname="receiver", loop=self._loop, **options)

    def _check_login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        return AuthResult(success=data.password == self.password.encode(), handled=False)

    async def _say(self, verb: str, server: SMTP, otherwise: Callable[[], str]) -> str:
        scripted = self.scripted[verb]
        reply = scripted.popleft() if scripted else self.always.get(verb, "")
        if reply == self.CLOSE:
            server.transport.abort()
        if reply == self.HANG:
            await self._stopping.wait()
        return reply or otherwise()


class _Handler:
    """What aiosmtpd calls; each hook's name is aiosmtpd's."""

    def __init__(self, receiver: SmtpReceiver, connection: int) -> None:
        self.receiver = receiver
        self.connection = connection

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, host: str, replies: list[str]
    ) -> list[str]:
        session.host_name = host
        return [*replies[:-1], *(["250-PIPELINING"] * self.receiver.pipelining), replies[-1]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        def take() -> str:
            envelope.mail_from = address
            return "250 OK"

        return await self.receiver._say("MAIL", server, take)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        def take() -> str:
            envelope.rcpt_tos.append(address)
            return "250 OK"

        return await self.receiver._say("RCPT", server, take)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        def take() -> str:
            self.receiver._keep(self._mail(envelope))
            return "250 OK"

        return await self.receiver._say("DATA", server, take)

    def _mail(self, envelope: Envelope) -> Mail:
        raw = envelope.original_content or b""
        message = BytesParser(EmailMessage, policy=SMTP_POLICY).parsebytes(raw)
        sender, recipients = envelope.mail_from or "", list(envelope.rcpt_tos)
        return Mail(sender, recipients, message, raw, self.connection)
