"""A mail server that keeps to RFC 5321 and RFC 2920, to the letter, and to its script.

    with MailServer() as server:
        server.script("RCPT", 3, "550 No such user")     # the third RCPT that it hears
        ...

The end of a text is heard as ".". What a client must not do is kept in `violations`.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from notifications.tests.receivers import Receiver

VERBS = ("MAIL", "RCPT", "DATA", ".")


@dataclass(frozen=True)
class Taken:
    """A text that the server has answered with 250, and whose it is."""

    recipient: str
    text: bytes
    connection: int


class MailServer(Receiver[Taken]):
    """`in_pieces`: answers come octet by octet, and each in two lines.

    `pause`: how many seconds each answer to a letter takes.
    """

    CLOSE = "close"
    HANG = "hang"

    def __init__(
        self,
        *,
        pipelining: bool = True,
        in_pieces: bool = False,
        pause: float = 0,
        mechanisms: str = "",
    ) -> None:
        super().__init__()
        # What AUTH is announced with, who greeted, and by which mechanisms somebody logged in.
        self.mechanisms = mechanisms
        self.greetings: list[str] = []
        self.logins: list[str] = []
        self.pause = pause
        self.pipelining = pipelining
        self.in_pieces = in_pieces
        self.heard: list[str] = []
        # Texts that arrived whole, whatever they were answered, and those with neither yes nor no.
        self.texts: list[str] = []
        self.unanswered: list[str] = []
        self.violations: list[str] = []
        # What clients had begun to say when they left, and how many have.
        self.cut_off = b""
        self.left = 0
        # The most commands that were there at once.
        self.together = 0
        self._script: dict[tuple[str, int], str] = {}

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def taken(self) -> list[str]:
        return [taken.recipient for taken in self.wait_for(0)]

    def script(self, verb: str, number: int, deed: str) -> None:
        self._script[verb, number] = deed

    def deed(self, verb: str, otherwise: str) -> str:
        self.heard.append(verb)
        return self._script.get((verb, self.heard.count(verb)), otherwise)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        conversation = _Conversation(self, self.connections, reader, writer)
        with suppress(OSError, asyncio.CancelledError, _Over):
            await conversation.go()
        writer.close()
        with self._changed:
            self.cut_off += conversation.unread
            self.left += 1
            self._changed.notify_all()

    def wait_until_left(self) -> None:
        """Wait until every client that came has gone."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.left == self.connections, 10)


class _Over(Exception):
    pass


@dataclass
class _Conversation:
    server: MailServer
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    unread: bytes = b""
    sender: str = ""
    recipients: list[str] = field(default_factory=list)

    async def go(self) -> None:
        await self.say("220 ready")
        while True:
            line = (await self.read_to(b"\r\n")).decode("ascii")
            await self.obey(line[:4].upper(), line)

    async def read_to(self, end: bytes) -> bytes:
        while end not in self.unread:
            read = await self.reader.read(65536)
            if not read:
                raise _Over
            self.unread += read
        found, self.unread = self.unread.split(end, 1)
        if end == b"\r\n":
            self.server.together = max(self.server.together, 1 + self.unread.count(end))
        if self.unread and not self.server.pipelining:
            self.server.violations.append(f"{found!r} and {self.unread!r} at once")
        return found

    async def obey(self, verb: str, line: str) -> None:
        if verb == "EHLO":
            self.server.greetings.append(line[5:])
            extensions = ["PIPELINING"] if self.server.pipelining else []
            if self.server.mechanisms:
                extensions.append(f"AUTH {self.server.mechanisms}")
            await self.say("\r\n".join(["250-mail.example", *(f"250-{e}" for e in extensions)]))
            await self.say("250 8BITMIME")
        elif verb == "AUTH":
            mechanism = line.split()[1]
            self.server.logins.append(mechanism)
            deed = self.server.deed("AUTH", "235 welcome")
            if mechanism == "CRAM-MD5" and not deed.startswith("504"):
                await self.say("334 PDEyMzRAbWFpbC5leGFtcGxlPg==")
                await self.read_to(b"\r\n")
            await self.say(deed)
        elif verb == "MAIL":
            await self.mail(line)
        elif verb == "RCPT":
            await self.rcpt(line)
        elif verb == "DATA":
            await self.data()
        elif verb == "RSET":
            self.forget()
            await self.do("RSET", "250 forgotten")
        elif verb == "QUIT":
            self.server.heard.append(verb)
            await self.say("221 bye")
            raise _Over
        else:
            self.server.violations.append(line)
            await self.say("500 what?")

    async def mail(self, line: str) -> None:
        reply = await self.do("MAIL", "503 nested MAIL" if self.sender else "250 sender")
        if reply.startswith("250"):
            self.sender = line

    async def rcpt(self, line: str) -> None:
        reply = await self.do("RCPT", "250 recipient" if self.sender else "503 MAIL first")
        if reply.startswith("25") and self.sender:
            self.recipients.append(line.partition("<")[2].rstrip(">"))

    async def data(self) -> None:
        if self.unread:
            self.server.violations.append(f"{self.unread!r} after DATA")
        reply = await self.do("DATA", "354 go on" if self.recipients else "554 no recipients")
        if not reply.startswith("354"):
            return
        text = b""
        if not await self.at_once_ended():
            text = await self.read_to(b"\r\n.\r\n")
        [recipient] = self.recipients or ["nobody"]
        if text and not self.recipients:
            self.server.violations.append(f"{text!r} to nobody")
        self.forget()
        self.server.texts.append(recipient)
        taken = Taken(recipient, text.replace(b"\r\n..", b"\r\n."), self.number)
        await self.do(".", "250 taken" if recipient != "nobody" else "554 no recipients", taken)

    async def at_once_ended(self) -> bool:
        """A text of no lines has no line end before its dot."""
        while len(self.unread) < 3:
            read = await self.reader.read(65536)
            if not read:
                raise _Over
            self.unread += read
        if not self.unread.startswith(b".\r\n"):
            return False
        self.unread = self.unread[3:]
        return True

    def forget(self) -> None:
        self.sender = ""
        self.recipients = []

    async def do(self, verb: str, otherwise: str, taken: Taken | None = None) -> str:
        deed = self.server.deed(verb, otherwise)
        if taken and not deed.startswith(("250", "4", "5")):
            self.server.unanswered.append(taken.recipient)
        if deed == MailServer.CLOSE:
            raise _Over
        if deed == MailServer.HANG:
            while await self.reader.read(65536):
                pass
            raise _Over
        if self.server.pause:
            await asyncio.sleep(self.server.pause)
        if taken and deed.startswith("250"):
            self.server._keep(taken)
        await self.say(deed)
        return deed

    async def say(self, reply: str) -> None:
        if not self.server.in_pieces:
            self.writer.write(f"{reply}\r\n".encode())
            await self.writer.drain()
            return
        code, text = reply[:3], reply[4:]
        both = f"{code}-first\r\n{code} {text}\r\n" if "-" not in reply[:4] else f"{reply}\r\n"
        for octet in both.encode():
            self.writer.write(bytes([octet]))
            await asyncio.sleep(0)
        await self.writer.drain()
