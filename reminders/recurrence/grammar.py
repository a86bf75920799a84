"""The one text of a recurrence: empty, an RFC 5545 rule or a cron expression."""

import re
from functools import lru_cache

from . import cron, rrule
from .cron import Cron
from .errors import RecurrenceError
from .rrule import Rule

MAX_LENGTH = 1_000

_PLAIN = re.compile(r"[ -~\t]*")
_RULE = re.compile(r"[A-Z0-9;=,+-]*")

Recurrence = Rule | Cron | None


def canonical(recurrence: str) -> str:
    """Return the one text for a recurrence: the same rule always gives the same text.

    `recurrence` is empty (once), an RFC 5545 rule with or without `RRULE:`, a 5-field cron
    expression, or a nickname of cron such as @daily. Raises RecurrenceError on `recurrence`,
    naming the part and what is allowed.
    """
    rule_or_cron = parse(recurrence)
    return rule_or_cron.text if rule_or_cron else ""


def parse(recurrence: object) -> Recurrence:
    """Return the rule or expression, None for once. Raises RecurrenceError."""
    if not isinstance(recurrence, str):
        raise RecurrenceError("recurrence", "must be text: empty, a rule or a cron expression")
    return _parse(recurrence)


@lru_cache(maxsize=8192)
def _parse(text: str) -> Recurrence:
    if len(text) > MAX_LENGTH:
        raise RecurrenceError("recurrence", f"is longer than {MAX_LENGTH} characters")
    if not _PLAIN.fullmatch(text):
        raise RecurrenceError(
            "recurrence",
            "must be one line of ASCII characters; DTSTART, EXDATE and RDATE have their own fields",
        )
    plain = text.strip(" ").upper()
    if not plain:
        return None
    return _one_object(_parse_plain(plain).text)


@lru_cache(maxsize=8192)
def _one_object(canonical_text: str) -> Rule | Cron:
    """Return the one object for all spellings of a rule."""
    return _parse_plain(canonical_text)


def _parse_plain(plain: str) -> Rule | Cron:
    rule = plain.removeprefix("RRULE:")
    if rule != plain or "=" in plain or plain.startswith("FREQ"):
        # A semicolon that ends a rule, and blanks behind one, mean nothing.
        rule = re.sub(r"; +", ";", rule).removesuffix(";")
        if not _RULE.fullmatch(rule):
            raise RecurrenceError(
                "recurrence",
                "a rule is written NAME=VALUE;NAME=VALUE without spaces or other lines",
            )
        return rrule.parse(rule)
    if len(plain.split()) < 4 and not re.search(r"[0-9*@]", plain):
        raise RecurrenceError(
            "recurrence",
            "is not understood: write a rule such as FREQ=WEEKLY;BYDAY=MO, or cron such as "
            "0 9 * * 1-5",
        )
    return cron.parse(plain)
