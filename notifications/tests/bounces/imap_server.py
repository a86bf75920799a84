"""An IMAP server with one folder, for as much of RFC 3501 as reading unseen mails takes."""

import asyncio
import re
from contextlib import suppress

from notifications.tests.receivers import Receiver


class ImapServer(Receiver[bytes]):
    def __init__(self, mails: list[bytes]) -> None:
        super().__init__()
        self.mails = mails
        self.seen: set[int] = set()
        self.logins: list[tuple[str, str]] = []

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        with suppress(OSError, asyncio.CancelledError):
            while line := (await reader.readline()).decode().strip():
                tag, command = line.split(" ", 1)
                for answer in self._answers(command):
                    writer.write(answer)
                writer.write(f"{tag} OK done\r\n".encode())
                await writer.drain()
        writer.close()

    def _answers(self, command: str) -> list[bytes]:
        words = command.split()
        verb = " ".join(words[:2]).upper() if words[0].upper() == "UID" else words[0].upper()
        if verb == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1\r\n"]
        if verb == "LOGIN":
            self.logins.append((words[1].strip('"'), words[2].strip('"')))
        if verb == "SELECT":
            return [f"* {len(self.mails)} EXISTS\r\n".encode()]
        if verb == "UID SEARCH":
            unseen = [str(n) for n in range(1, len(self.mails) + 1) if n not in self.seen]
            return [f"* SEARCH {' '.join(unseen)}\r\n".encode()]
        if verb == "UID FETCH":
            number = int(words[2])
            mail = self.mails[number - 1]
            head = f"* {number} FETCH (UID {number} BODY[]<0> {{{len(mail)}}}\r\n".encode()
            return [head, mail, b")\r\n"]
        if verb == "UID STORE" and re.search(r"\\Seen", command):
            self.seen.add(int(words[2]))
        return []
