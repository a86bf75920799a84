"""The servers to use, and the environment in which FOAM's processes find them."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from tools.local_stack.data_dir import Folder, secrets_of, write_private
from tools.local_stack.ports import web_port
from tools.local_stack.processes import Child, Signals, stop
from tools.local_stack.servers import Postgres, Redis
from tools.local_stack.terminal import step

# The names that foam/settings.py reads.
SETTING = re.compile(r"(FOAM|EMAIL|SENTRY|LOG)_\w+|(DATABASE|REDIS)_URL|ALLOWED_HOSTS|SECRET_KEY")


@contextmanager
def servers(
    folder: Folder | None, signals: Signals, *, ephemeral: bool
) -> Iterator[tuple[dict[str, str], list[Child]]]:
    """Check the servers that the environment names, and start those it does not name."""
    urls: dict[str, str] = {}
    children: list[Child] = []
    try:
        for variable, server in (("DATABASE_URL", Postgres), ("REDIS_URL", Redis)):
            if url := os.environ.get(variable):
                # Imports FOAM, which takes a quarter of a second: `make manage` has no such wait.
                from tools.local_stack.external_servers import check  # noqa: PLC0415

                with step() as words:
                    words.append(check(variable, url))
                continue
            assert folder is not None
            with step(f"{server.name} ready"):
                child, urls[variable] = server(folder, ephemeral=ephemeral).start(signals)
                children.append(child)
        yield urls, children
    finally:
        for child in reversed(children):
            stop(child, signals, 10)


def development(
    folder: Folder | None, urls: dict[str, str], running: dict[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of FOAM's processes, from the weakest source to the strongest.

    These are the defaults of development, the settings of the FOAM that is `running` in this
    folder, the environment of this command, and the addresses of the servers.
    """
    env = {**defaults(folder, web_port()), **(running or {}), **os.environ, **urls}
    # Where a machine sets it, each of nine processes compiles two thousand modules anew.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def defaults(folder: Folder | None, port: int) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "foam.settings",
        "FOAM_ENV": "development",
        "FOAM_BASE_URL": f"http://127.0.0.1:{port}",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
        "FOAM_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8:*,[::1]:*",
        "PYTHONUNBUFFERED": "1",
        **secrets_of(folder),
    }


def settings_of(env: dict[str, str]) -> dict[str, str]:
    """Return the variables that FOAM's settings read: a command beside it needs the same."""
    return {name: value for name, value in env.items() if SETTING.match(name)}


@contextmanager
def publish(folder: Folder, env: dict[str, str], urls: dict[str, str]) -> Iterator[None]:
    """Write the addresses of the servers and FOAM's settings to a file, for `make manage`."""
    running = {"servers": urls, "settings": settings_of(env)}
    write_private(folder.running, json.dumps(running))
    try:
        yield
    finally:
        folder.running.unlink(missing_ok=True)


def running_environment(folder: Folder) -> dict[str, str] | None:
    """Return the environment for a command beside the FOAM that runs in this folder; or None."""
    try:
        running = json.loads(folder.running.read_text())
    except OSError:
        return None
    return development(folder, running["servers"], running["settings"])
