"""A name whose address changes between two questions, in a network of its own.

    unshare --map-root-user --mount --net python -m notifications.tests.rebinding

There a "public" address is one of this machine's, a name server of ours answers for every name,
and a receiver waits at each of the two addresses that it tells. Prints what became of messages.
"""

import asyncio
import json
import socket
import subprocess
import tempfile
import threading
from contextlib import ExitStack
from datetime import UTC, datetime

import django

PUBLIC, PRIVATE = "93.184.216.34", "127.0.0.1"
A = 1


def set_up_network() -> None:
    for command in (
        ["ip", "link", "set", "lo", "up"],
        ["ip", "addr", "add", f"{PUBLIC}/32", "dev", "lo"],
    ):
        subprocess.run(command, check=True)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"nameserver {PRIVATE}\noptions timeout:1 attempts:1\n")
        file.flush()
        subprocess.run(["mount", "--bind", file.name, "/etc/resolv.conf"], check=True)


class NameServer:
    """Answers each question for an IPv4 address with the next of `answers`, for ever the last."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.told: list[list[str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((PRIVATE, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            question, asker = self._socket.recvfrom(512)
            self._socket.sendto(self._answer(question), asker)

    def _answer(self, question: bytes) -> bytes:
        end = question.index(b"\x00", 12) + 5
        addresses: list[str] = []
        if question[end - 3] == A:
            addresses = self.answers[0]
            self.told.append(addresses)
            self.answers = self.answers[1:] or self.answers
        count = len(addresses).to_bytes(2, "big")
        head = question[:2] + b"\x81\x80\x00\x01" + count + b"\x00\x00\x00\x00"
        # The name asked for, type A, class IN, to be kept for 0 s, four octets.
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04"
        records = b"".join(record + socket.inet_aton(each) for each in addresses)
        return head + question[12:end] + records


def main() -> None:
    set_up_network()
    django.setup()
    from notifications.encryption import fernet
    from notifications.tests.receivers import HttpReceiver, Reply
    from notifications.transports import Message
    from notifications.transports.apprise import AppriseTransport
    from notifications.transports.webhook import WebhookTransport

    class ReceiverAt(HttpReceiver):
        def __init__(self, host: str) -> None:
            super().__init__()
            self.host = host
            self.default = Reply(headers={"Connection": "close"})

        async def _listen(self) -> asyncio.Server:
            return await asyncio.start_server(self._connected, self.host, 80)

    def message(address: str, secret: str) -> Message:
        sealed = fernet().encrypt(secret.encode()).decode()
        due_at = datetime.now(UTC)
        return Message(1, 1, "foam_1_1", 1, address, "Title", "", due_at, {}, sealed)

    messages = {
        WebhookTransport: ("http://rebinding.example/", f"whsec_{'A' * 32}"),
        AppriseTransport: ("", "ntfy://rebinding.example/topic"),
    }

    def send(kind: type) -> str:
        """Send one message as a worker does that has just started, and knows no addresses yet."""
        transport = kind()
        sender = transport.sender()
        sender.add([message(*messages[kind])])
        outcomes = []
        while len(sender):
            outcomes += sender.poll(0.05)
        transport.close()
        [outcome] = outcomes
        return outcome.error.detail if outcome.error else outcome.answer

    with ExitStack() as stack:
        public = stack.enter_context(ReceiverAt(PUBLIC))
        private = stack.enter_context(ReceiverAt(PRIVATE))
        server = NameServer([PUBLIC])
        told = {}
        for kind in messages:
            # Public, then private; then a public one that is down beside the private one.
            server.answers = [[PUBLIC], [PRIVATE], ["93.184.216.35", PRIVATE]]
            told[kind.__name__] = [send(kind) for _ in range(3)]
        print(
            json.dumps(
                {
                    "outcomes": told,
                    "answers": server.told,
                    "public": public.connections,
                    "private": private.connections,
                }
            )
        )


if __name__ == "__main__":
    main()
