"""The port of the web server, and the process that holds it if it is taken."""

import contextlib
import errno
import os
import shutil
import socket
import subprocess
from pathlib import Path

from tools.local_stack.processes import ON_LINUX
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
    if ON_LINUX:
        return linux_holder(listening_inodes(port))
    if not shutil.which("lsof"):
        return ""
    command = ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    fields = {line[0]: line[1:] for line in output.splitlines() if line}
    return f"{fields['c']} (process {fields['p']})" if {"c", "p"} <= fields.keys() else ""


def listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            # 0A is LISTEN.
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes


def linux_holder(inodes: set[str]) -> str:
    # Processes of other users hide theirs, and any process may end meanwhile.
    for file in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(file) in inodes:
                process = file.parents[1]
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                return f"{' '.join(words).strip()[:80]} (process {process.name})"
    return ""
