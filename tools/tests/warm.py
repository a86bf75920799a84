"""manage.py for many commands in a row: loaded once, forked for each.

python tools/tests/warm.py serve SOCKET          loads Django, and answers until it is ended
python -S tools/tests/warm.py ask SOCKET WORD... runs `manage.py WORD...` there, at our terminal
"""

import json
import os
import signal
import socket
import sys


def ask(path: str, words: list[str]) -> int:
    """Lend the server our input, output, folder and environment; return the exit code."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        told = json.dumps({"words": words, "cwd": os.getcwd(), "environ": dict(os.environ)})
        socket.send_fds(server, [told.encode()], [0, 1, 2])
        server.shutdown(socket.SHUT_WR)
        return int(server.recv(8) or b"70")


def serve(path: str) -> None:
    sys.path.insert(0, os.getcwd())
    import django

    django.setup()
    # What nearly every command would import first.
    import foam.urls  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        while True:
            client, _ = door.accept()
            if os.fork() == 0:
                os._exit(answer(client))
            client.close()


def answer(client: socket.socket) -> int:
    from django.core.management import execute_from_command_line

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told, fds, _, _ = socket.recv_fds(client, 1, 3)
    while part := client.recv(65536):
        told += part
    asked = json.loads(told)
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(asked["cwd"])
    os.environ.update(asked["environ"])
    code = 0
    try:
        execute_from_command_line(["manage.py", *asked["words"]])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else bool(end.code)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    client.sendall(str(int(code)).encode())
    return int(code)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        sys.exit(ask(sys.argv[2], sys.argv[3:]))
