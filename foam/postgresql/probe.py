"""Whether the server at the other end of a connection answers somebody who is new."""

import socket
import struct

from psycopg.pq.abc import PGconn

# What a client asks before anything else, and what each server answers with one letter: whether it
# can encrypt. It needs no login, and leaves nothing in the server's log.
REQUEST = struct.pack("!ii", 8, 80877103)


def answers(pgconn: PGconn, seconds: float) -> bool:
    """Ask the server of this connection over a second one; return whether it answers in time."""
    try:
        with _connect(pgconn, seconds) as probe:
            probe.sendall(REQUEST)
            return bool(probe.recv(1))
    except OSError:
        return False


def _connect(pgconn: PGconn, seconds: float) -> socket.socket:
    host = (pgconn.hostaddr or pgconn.host).decode()
    port = pgconn.port.decode()
    if not host.startswith(("/", "@")):
        return socket.create_connection((host, int(port)), timeout=seconds)
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.settimeout(seconds)
        probe.connect(f"{host}/.s.PGSQL.{port}".replace("@", "\0", 1))
    except OSError:
        probe.close()
        raise
    return probe
