"""The port of the web server, and the process that holds it."""

import contextlib
import errno
import os
import socket

from tools.local_stack.terminal import Problem

PORT = "8000"


def web_port() -> int:
    text = os.environ.get("FOAM_PORT", PORT)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise Problem(f"FOAM_PORT is {text!r}; a port is a number from 1 to 65535.")
    return int(text)


def check_port(port: int) -> None:
    free_port = 8001 if port == int(PORT) else int(PORT)
    advice = f"choose another port: make run FOAM_PORT={free_port}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise Problem(f"Port {port} is for root only; {advice}") from None
            if error.errno != errno.EADDRINUSE:
                raise
            holder = holder_of(port) or "another process"
            raise Problem(f"Port {port} is taken by {holder}: stop it, or {advice}") from None


def holder_of(port: int) -> str:
    """Return the process that listens on a port, or "" if this user may not see it."""
    # Imported here, as it is a package of development only.
    import psutil  # noqa: PLC0415

    for process in psutil.process_iter():
        # The system hides processes of other users, and any process may end meanwhile.
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return f"{' '.join(process.cmdline())[:80]} (process {process.pid})"
    return ""
