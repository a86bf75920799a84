"""Limits of the time that a statement of this process may take; those of commands have none."""

import re

# Of web, beat and the workers. To wait for a lock is part of it.
STATEMENT_TIMEOUT = "45s"
# By then the server has ended the statement and has said so, or it never will.
GRACE = 10.0
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
SETTING = re.compile(r"statement_timeout\s*=\s*'?(\d+)\s*(us|ms|s|min|h|d)?")

_is_service = False


def serve() -> None:
    """Limit the statements of this process and its children, as it is web, beat or a worker."""
    global _is_service  # noqa: PLW0603 - one for each process
    _is_service = True


def limited(options: str) -> str:
    """Return what a session is told: the last of two values of a setting counts."""
    return f"-c statement_timeout={STATEMENT_TIMEOUT} {options}" if _is_service else options


def longest(options: str) -> float | None:
    """Return after how many seconds a statement is given up, the server having failed to do so."""
    if not _is_service:
        return None
    number, unit = (SETTING.findall(options) or SETTING.findall(limited("")))[-1]
    seconds = int(number) * UNITS[unit or "ms"]
    return seconds + GRACE if seconds else None
