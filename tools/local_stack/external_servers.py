"""External servers, named by DATABASE_URL and REDIS_URL."""

from urllib.parse import urlsplit

import psycopg
import redis
from django.core.exceptions import ImproperlyConfigured

from foam.environment_variables import Variables
from tools.local_stack.terminal import Problem

SECONDS = 5
OLDEST_POSTGRES = 15


def check(variable: str, url: str) -> str:
    """Return the name of the server that answers at the URL in a variable."""
    return check_database(url) if variable == "DATABASE_URL" else check_redis(url)


def check_database(url: str) -> str:
    """Return the name of the PostgreSQL that answers at a URL. Raises Problem if none does."""
    try:
        database = Variables({"DATABASE_URL": url}).database("DATABASE_URL")
    except ImproperlyConfigured as error:
        raise Problem(str(error)) from None
    where = f"{database['NAME']} on {hosts_of(database)}"
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST"}
    login = {name: database[key] for name, key in {**names, "port": "PORT"}.items()}
    options = {"connect_timeout": SECONDS, **database["OPTIONS"]}
    try:
        with psycopg.connect(**login, **options) as connection:
            version = connection.info.server_version // 10000
    except psycopg.Error as error:
        raise Problem(f"PostgreSQL does not answer: {where}: {reason(error)}") from None
    if version < OLDEST_POSTGRES:
        raise Problem(f"PostgreSQL {version} at {where}; FOAM needs {OLDEST_POSTGRES} or newer.")
    return f"PostgreSQL {version}: {where}"


def hosts_of(database: dict[str, str]) -> str:
    """Return each host with its port, as in h1:5501,h2:5502."""
    hosts = (database["HOST"] or "this machine").split(",")
    ports = database["PORT"].split(",")
    pairs = zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True)
    return ",".join(host if host[:1] == "/" else f"{host}:{port or 5432}" for host, port in pairs)


def check_redis(url: str) -> str:
    """Return the name of the Redis that answers at a URL. Raises Problem if none does."""
    try:
        url = Variables({"REDIS_URL": url}).redis("REDIS_URL")
    except ImproperlyConfigured as error:
        raise Problem(str(error)) from None
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or 6379}, database {parts.path.lstrip('/') or '0'}"
    try:
        redis.Redis.from_url(
            url, socket_connect_timeout=SECONDS, socket_timeout=SECONDS, retry=None
        ).ping()
    except (redis.RedisError, ValueError, OSError) as error:
        raise Problem(f"Redis does not answer: {where}: {reason(error)}") from None
    return f"Redis: {where}"


def reason(error: Exception) -> str:
    """Return the end of a client's first line, whose beginning repeats our own message."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rpartition("failed: ")[2].strip()
