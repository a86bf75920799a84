"""Servers of someone else's, named by DATABASE_URL and REDIS_URL."""

from urllib.parse import unquote, urlsplit

from foam.stack.terminal import Problem

SECONDS = 5
OLDEST_POSTGRES = 15


def check_database(url: str) -> str:
    """Say which PostgreSQL answers at a URL."""
    # Only where it is asked for: the embedded servers need no client of ours.
    import psycopg  # noqa: PLC0415

    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql", "psql", "pgsql"):
        raise Problem(f"DATABASE_URL names {parts.scheme or 'no scheme'}; FOAM needs postgres://.")
    name = unquote(parts.path.lstrip("/"))
    where = f"{name or 'no database'} on {unquote(parts.hostname or '')}:{parts.port or 5432}"
    standard = parts._replace(scheme="postgresql").geturl()
    try:
        with psycopg.connect(standard, connect_timeout=SECONDS) as connection:
            version = connection.info.server_version // 10000
    except psycopg.Error as error:
        raise Problem(f"PostgreSQL does not answer: {where}: {reason(error)}") from None
    if version < OLDEST_POSTGRES:
        raise Problem(f"PostgreSQL {version} at {where}; FOAM needs {OLDEST_POSTGRES} or newer.")
    return f"PostgreSQL {version}: {where}"


def check_redis(url: str) -> str:
    import redis  # noqa: PLC0415

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
    """The words at the end of a client's first line, which repeats much of what we say."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rpartition("failed: ")[2].strip()
