"""A queue of bytes between a socket and a thread: in memory, and from a size on in a file."""

from collections import deque
from tempfile import TemporaryFile
from typing import IO

# A queue holds no more in memory, and the rest in a file, which is no larger than the queue.
MEMORY_SIZE = 1024 * 1024
READ_SIZE = 64 * 1024


class ByteQueue:
    """Gives bytes out in the order in which they came. Not safe for threads."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: deque[memoryview] = deque()
        self._file: IO[bytes] | None = None
        self._file_start = 0

    def __bool__(self) -> bool:
        return self.size > 0

    def append(self, data: bytes | memoryview) -> None:
        """Queue `data` without a copy as long as the queue fits into memory."""
        if not data:
            return
        if self._file is None and self.size + len(data) > MEMORY_SIZE:
            self._file, self._file_start = TemporaryFile(), 0  # noqa: SIM115
        if self._file is None:
            self._parts.append(memoryview(data))
        else:
            self._file.seek(0, 2)
            self._file.write(data)
        self.size += len(data)

    def peek(self) -> memoryview:
        """Return the first bytes, at least one if the queue has any."""
        if not self._parts and self._file is not None:
            self._file.seek(self._file_start)
            data = self._file.read(READ_SIZE)
            self._file_start += len(data)
            self._parts.append(memoryview(data))
            if len(data) >= self.size:
                self._close_file()
        return self._parts[0] if self._parts else memoryview(b"")

    def remove(self, count: int) -> None:
        """Remove `count` bytes, no more than `peek` returned."""
        self.size -= count
        part = self._parts.popleft()
        if count < len(part):
            self._parts.appendleft(part[count:])

    def read(self, size: int) -> bytes:
        """Remove and return up to `size` bytes, b"" if the queue is empty."""
        data = bytes(self.peek()[:size])
        if data:
            self.remove(len(data))
        return data

    def clear(self) -> None:
        self.size = 0
        self._parts.clear()
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
