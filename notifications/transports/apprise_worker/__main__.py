import json
import os
import sys
from io import BufferedReader
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from notifications.transports.apprise_worker import rpc, sandbox

# Longer than IDLE of those who ask.
IDLE = 90.0


def main() -> None:
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    # What a plug-in prints is not for anybody.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    requests: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    serve(requests, replies)


def listen(source: BufferedReader, requests: SimpleQueue[bytes]) -> None:
    """Hand over requests; end with who asks, whatever a plug-in is busy with."""
    for line in source:
        requests.put(line)
    os._exit(0)


def serve(requests: SimpleQueue[bytes], replies: BinaryIO) -> None:
    def reply(words: dict[str, Any]) -> None:
        replies.write(json.dumps(words).encode() + b"\n")

    sandbox.install()
    while True:
        try:
            asked = json.loads(requests.get(timeout=IDLE))
        except Empty:
            return
        reply(rpc.answer(asked, tell=lambda: reply({"begun": True})))


if __name__ == "__main__":
    main()
