"""Finds the end of a body in chunks (RFC 9112, 7.1) while it arrives. Pure.

gunicorn decodes and checks the body later. This only tells how many bytes belong to it.
"""

import re

# The longest line of a chunk's size, or of a trailer. gunicorn refuses longer ones.
LINE_SIZE = 8190
# Bytes in a chunk cost little, each chunk costs several microseconds.
MAX_CHUNKS = 100_000
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\n]*)?\r\n")


class ChunkScanner:
    """Follows one body. `is_complete` if no more bytes are needed to read or to refuse it."""

    def __init__(self, max_size: int) -> None:
        self.is_complete = self.is_too_large = False
        self._max_size = max_size
        self._size = self._chunks = 0
        # Bytes of the current chunk still to come, with the line's end behind it.
        self._left = 0
        self._line = b""
        self._is_trailer = False

    def scan(self, data: bytes) -> int:
        """Return how many of the next bytes belong to the body."""
        start = 0
        while start < len(data) and not (self.is_complete or self.is_too_large):
            if self._left:
                step = min(self._left, len(data) - start)
                self._left -= step
                start += step
                continue
            end = data.find(b"\n", start) + 1
            self._line += data[start : end or len(data)]
            start = end or len(data)
            if end:
                self._read_line()
            elif len(self._line) > LINE_SIZE:
                self.is_complete = True
        return start

    def _read_line(self) -> None:
        line, self._line = self._line, b""
        if self._is_trailer:
            self._size += len(line)
            self.is_complete = line == b"\r\n" or self._size > self._max_size
            return
        match = _SIZE.fullmatch(line)
        if match is None:
            self.is_complete = True
            return
        size = int(match[1], 16)
        self._is_trailer = size == 0
        self._left = size and size + len(b"\r\n")
        self._chunks += 1
        self._size += size
        self.is_too_large = self._size > self._max_size or self._chunks > MAX_CHUNKS
