import json
import os
import sys
from io import BufferedReader
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from notifications.transports.apprise_worker import rpc, sandbox

# Must exceed `client.IDLE_SECONDS`, so that a client does not use a helper that is about to end.
IDLE_SECONDS = 90.0


def main() -> None:
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    # The output of plug-ins is discarded, as it may contain secrets.
    null_device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, 1)
    os.dup2(null_device, 2)
    requests: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    serve(requests, replies)


def listen(source: BufferedReader, requests: SimpleQueue[bytes]) -> None:
    """Read requests into the queue; end this process when the client ends, even amid a request."""
    for line in source:
        requests.put(line)
    os._exit(0)


def serve(requests: SimpleQueue[bytes], replies: BinaryIO) -> None:
    def reply(content: dict[str, Any]) -> None:
        replies.write(json.dumps(content).encode() + b"\n")

    sandbox.install()
    while True:
        try:
            request = json.loads(requests.get(timeout=IDLE_SECONDS))
        except Empty:
            return
        reply(rpc.answer(request, on_begin=lambda: reply({"begun": True})))


if __name__ == "__main__":
    main()
