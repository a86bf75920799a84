"""The servers to use, and the environment in which FOAM's processes find them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from foam.stack.external import check_database, check_redis
from foam.stack.folder import Folder, secrets_of, write_private
from foam.stack.ports import web_port
from foam.stack.processes import Child, Signals, stop
from foam.stack.servers import Postgres, Redis
from foam.stack.terminal import step


@contextmanager
def servers(
    folder: Folder | None, signals: Signals, *, ephemeral: bool
) -> Iterator[tuple[dict[str, str], list[Child]]]:
    """Check the servers that the environment names, and start those it does not name."""
    urls: dict[str, str] = {}
    children: list[Child] = []
    try:
        for variable, check, server in (
            ("DATABASE_URL", check_database, Postgres),
            ("REDIS_URL", check_redis, Redis),
        ):
            if url := os.environ.get(variable):
                with step() as words:
                    words.append(check(url))
                continue
            assert folder is not None
            with step(f"{server.name} ready"):
                child, urls[variable] = server(folder, ephemeral=ephemeral).start(signals)
                children.append(child)
        yield urls, children
    finally:
        for child in reversed(children):
            stop(child, signals, 10)


def development(folder: Folder | None, urls: dict[str, str]) -> dict[str, str]:
    """What FOAM's settings ask for; whatever the environment already says, it keeps."""
    return {**defaults(folder, web_port()), **os.environ, **urls}


def defaults(folder: Folder | None, port: int) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "foam.settings",
        "FOAM_ENV": "development",
        "FOAM_BASE_URL": f"http://127.0.0.1:{port}",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
        "FOAM_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8,::1/128",
        "PYTHONUNBUFFERED": "1",
        **secrets_of(folder),
    }


@contextmanager
def published(folder: Folder, urls: dict[str, str]) -> Iterator[None]:
    """Leave word where the servers are, for commands that are run beside us."""
    write_private(folder.running, json.dumps(urls))
    try:
        yield
    finally:
        folder.running.unlink(missing_ok=True)


def running_urls(folder: Folder) -> dict[str, str] | None:
    try:
        urls: dict[str, str] = json.loads(folder.running.read_text())
    except OSError:
        return None
    return urls
