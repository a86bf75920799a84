"""What waits between a client and a thread, and where a body in chunks ends."""

import random

import pytest

from foam.processes import byte_queue, chunk_scanner
from foam.processes.byte_queue import ByteQueue
from foam.processes.chunk_scanner import ChunkScanner

LIMIT = 1000


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(byte_queue, "MEMORY_SIZE", 100)
    monkeypatch.setattr(byte_queue, "READ_SIZE", 30)


@pytest.mark.parametrize("seed", range(20))
def test_bytes_leave_a_queue_as_they_came_in_memory_and_from_its_file(small, seed):
    chance = random.Random(seed)
    queue, sent, read = ByteQueue(), bytearray(), bytearray()
    for _ in range(300):
        data = chance.randbytes(chance.choice([0, 1, 40, 150]))
        queue.append(data)
        sent += data
        while queue and chance.random() < 0.6:
            read += queue.read(chance.choice([1, 20, 500]))
        assert queue.size == len(sent) - len(read)
    while queue:
        read += queue.read(1000)
    assert read == sent
    assert queue.read(1) == b""


def test_queue_holds_no_more_in_memory_than_its_bound(small):
    queue = ByteQueue()
    for _ in range(50):
        queue.append(b"x" * 40)
    assert sum(map(len, queue._parts)) <= 100
    queue.clear()
    assert (queue.size, queue._file) == (0, None)


GOOD = (
    b"0\r\n\r\n",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"3;name=x\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
    b"00\r\nTrailer: x\r\nOther: y\r\n\r\n",
    b"2\r\n\r\n\r\n0\r\n\r\n",
)


@pytest.mark.parametrize("body", GOOD)
@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_scanner_finds_the_end_of_a_body_however_it_is_cut(body, step):
    scanner, count = ChunkScanner(LIMIT), 0
    data = body + b"GET / HTTP/1.1\r\n\r\n"
    for start in range(0, len(data), step):
        assert not scanner.is_complete
        taken = scanner.scan(data[start : start + step])
        count += taken
        if scanner.is_complete:
            break
    assert (scanner.is_complete, scanner.is_too_large, count) == (True, False, len(body))


@pytest.mark.parametrize(
    "body",
    [
        *(b"x\r\n", b"-1\r\n", b"\r\n", b"1\n", b" 1\r\n", b"0x1\r\n"),
        *(b"1" * 9000, b"1" * 20 + b"\r\n", b"1\r\naX0\r\n\r\n", b"1\r\na\n0\r\n\r\n"),
        *(b"0\r\n\n", b"0\r\nX: y\n\r\n"),
    ],
)
def test_scanner_refuses_what_is_no_body_in_chunks(body):
    scanner = ChunkScanner(LIMIT)
    scanner.scan(body)
    assert (scanner.is_malformed, scanner.is_complete) == (True, False)


def test_scanner_refuses_by_bytes_and_by_chunks(monkeypatch):
    scanner = ChunkScanner(LIMIT)
    scanner.scan(b"3E9\r\n")
    assert scanner.is_too_large
    monkeypatch.setattr(chunk_scanner, "MAX_CHUNKS", 10)
    scanner = ChunkScanner(LIMIT)
    scanner.scan(b"1\r\nx\r\n" * 12)
    assert scanner.is_too_large
