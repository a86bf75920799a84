"""A mail server that says yes to everything as fast as Python can, for benchmarks.

It prints its port, and answers NOOP with the number of messages since the last NOOP.
"""

import asyncio

ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Sink(asyncio.Protocol):
    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.unread = b""
        self.is_text = False
        transport.write(b"220 sink\r\n")

    def data_received(self, octets: bytes) -> None:
        self.unread += octets
        answers = []
        while answer := self.answer():
            answers.append(answer)
        if answers:
            self.transport.write(b"".join(answers))

    def answer(self) -> bytes:
        end = b"\r\n.\r\n" if self.is_text else b"\r\n"
        line, ended, following = self.unread.partition(end)
        if not ended:
            return b""
        self.unread = following
        if self.is_text:
            self.is_text = False
            Sink.count += 1
            return b"250 taken\r\n"
        verb = line[:4].upper()
        self.is_text = verb == b"DATA"
        if verb == b"NOOP":
            count, Sink.count = Sink.count, 0
            return b"250 %d\r\n" % count
        return ANSWERS.get(verb, b"250 yes\r\n")


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
