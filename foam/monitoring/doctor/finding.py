"""What a check finds: how it stands, a sentence, and what to do about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`state` is ok, warn or fail; `fix` is empty when all is well, or told by another finding."""

    check: str
    state: str
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A name, and what looks: it takes the time and yields findings."""

    name: str
    look: Callable[[datetime], Iterable[Finding]]


def ok(check: str, text: str) -> Finding:
    return Finding(check, OK, text)


def warn(check: str, text: str, fix: str) -> Finding:
    return Finding(check, WARN, text, fix)


def unknown(check: str, text: str) -> Finding:
    """Of what cannot be looked at, for a reason that another finding tells."""
    return Finding(check, WARN, text)


def fail(check: str, text: str, fix: str) -> Finding:
    return Finding(check, FAIL, text, fix)
