"""Finds the end of a body in chunks (RFC 9112, 7.1) while it arrives. Pure.

gunicorn decodes the body later. This tells how many bytes belong to it, and which body is
malformed: where the end is uncertain, the rest could be read as a request of its own.
"""

import re

# The longest line of a chunk's size, or of a trailer. gunicorn refuses longer ones.
LINE_SIZE = 8190
# Bytes in a chunk cost little, each chunk costs several microseconds.
MAX_CHUNKS = 100_000
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\n]*)?\r\n")


class ChunkScanner:
    """Follows one body until it `is_complete`, `is_too_large` or `is_malformed`."""

    def __init__(self, max_size: int) -> None:
        self.is_complete = self.is_too_large = self.is_malformed = False
        self._max_size = max_size
        self._size = self._chunks = 0
        # Bytes of the current chunk still to come.
        self._left = 0
        self._line = b""
        self._is_trailer = self._is_end_of_chunk = False

    @property
    def is_over(self) -> bool:
        return self.is_complete or self.is_too_large or self.is_malformed

    def scan(self, data: bytes) -> int:
        """Return how many of the next bytes belong to the body."""
        start = 0
        while start < len(data) and not self.is_over:
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
                self.is_malformed = True
        return start

    def _read_line(self) -> None:
        line, self._line = self._line, b""
        if self._is_end_of_chunk:
            self._is_end_of_chunk = False
            self.is_malformed = line != b"\r\n"
            return
        if self._is_trailer:
            self._size += len(line)
            self.is_complete = line == b"\r\n"
            self.is_too_large = self._size > self._max_size
            self.is_malformed = not line.endswith(b"\r\n")
            return
        match = _SIZE.fullmatch(line)
        if match is None:
            self.is_malformed = True
            return
        self._left = int(match[1], 16)
        self._is_trailer = self._left == 0
        self._is_end_of_chunk = not self._is_trailer
        self._chunks += 1
        self._size += self._left
        self.is_too_large = self._size > self._max_size or self._chunks > MAX_CHUNKS
