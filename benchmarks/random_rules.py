"""Random RFC 5545 rules and cron expressions, the same ones for the same seed."""

from collections.abc import Callable
from random import Random

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQS = ("MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")


def rule(some: Random) -> str:
    freq = some.choice(FREQS)
    parts = [f"FREQ={freq}"]
    if some.random() < 0.5:
        interval = some.choice([some.randint(1, 5), some.randint(1, 60), some.randint(1, 3000)])
        parts.append(f"INTERVAL={interval}")
    for name, draw, share in _by_parts(some, freq):
        if some.random() < share:
            values = {str(draw()) for _ in range(some.randint(1, 3))}
            parts.append(f"{name}={','.join(sorted(values))}")
    if some.random() < 0.2:
        parts.append(f"COUNT={some.randint(1, 60)}")
    return ";".join(parts)


def _by_parts(some: Random, freq: str) -> list[tuple[str, Callable[[], object], float]]:
    def signed(highest: int) -> Callable[[], int]:
        return lambda: some.choice((1, -1)) * some.randint(1, highest)

    parts: list[tuple[str, Callable[[], object], float]] = [
        ("BYMONTH", lambda: some.randint(1, 12), 0.3),
        ("BYDAY", lambda: some.choice(WEEKDAYS), 0.3),
        ("BYHOUR", lambda: some.randint(0, 23), 0.3),
        ("BYMINUTE", lambda: some.randint(0, 59), 0.3),
        ("BYSETPOS", signed(4), 0.1),
    ]
    if freq != "WEEKLY":
        parts.append(("BYMONTHDAY", signed(31), 0.3))
    if freq in ("YEARLY", "HOURLY", "MINUTELY"):
        parts.append(("BYYEARDAY", signed(366), 0.15))
    if freq == "YEARLY":
        parts.append(("BYWEEKNO", signed(53), 0.15))
    return parts


def cron(some: Random) -> str:
    fields = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
    return " ".join(_field(some, *bounds) for bounds in fields)


def _field(some: Random, low: int, high: int) -> str:
    first, last = sorted((some.randint(low, high), some.randint(low, high)))
    return some.choice(["*", "*", str(first), f"{first}-{last}", f"*/{some.randint(1, 7)}"])
