"""A check, and its findings: state, sentence and remedy."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`state` is ok, warn or fail; `fix` is empty when all is well or another finding has it."""

    check: str
    state: str
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A name, and a function that takes the time and yields findings."""

    name: str
    look: Callable[[datetime], Iterable[Finding]]


def ok(check: str, text: str) -> Finding:
    return Finding(check, OK, text)


def warn(check: str, text: str, fix: str) -> Finding:
    return Finding(check, WARN, text, fix)


def unknown(check: str, text: str) -> Finding:
    """Return a warning that something cannot be checked; another finding tells the reason."""
    return Finding(check, WARN, text)


def fail(check: str, text: str, fix: str) -> Finding:
    return Finding(check, FAIL, text, fix)
