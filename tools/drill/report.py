"""The verdict of a drill as lines for the terminal and as JSON."""

from collections.abc import Iterator
from typing import Any

from tools.drill.options import Options
from tools.drill.verdict import MOST_LINES, DrillVerdict
from tools.local_stack.terminal import paint


def verdict_json(verdict: DrillVerdict, options: Options, seconds: float) -> dict[str, Any]:
    return {
        "green": verdict.is_green,
        "seconds": round(seconds, 1),
        "seed": options.seed,
        "reminders": options.reminders,
        "due": verdict.due,
        "fired": verdict.fired,
        "missed": dict(verdict.missed),
        "messages": verdict.messages,
        "delivered": verdict.delivered,
        "waiting": verdict.waiting,
        "missing": len(verdict.missing),
        "unexpected": len(verdict.unexpected),
        "duplicated": {"explained": verdict.explained, "unexplained": len(verdict.unexplained)},
        "uncertain": verdict.uncertain,
        "late_seconds": {
            name: round(verdict.late(share), 3)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        },
        "ledger": {"balances": verdict.is_balanced, "says": verdict.ledger},
        "wrong": [*verdict.missing, *verdict.unexpected, *verdict.unexplained][:100],
    }


def lines(verdict: DrillVerdict, options: Options, seconds: float) -> Iterator[str]:
    policies = ", ".join(f"{policy} {count}" for policy, count in sorted(verdict.missed.items()))
    rows: list[tuple[str, object, str]] = [
        ("due", verdict.due, f"of {options.reminders} reminders, each lead by itself"),
        ("fired", verdict.fired, _expected_range(verdict.fired_expected, verdict.either)),
        (
            "missed",
            verdict.missed.total(),
            f"by policy: {policies}; {_expected_range(verdict.missed_expected, verdict.either)}",
        ),
        ("messages", verdict.messages, "one to each channel of what fired"),
        ("delivered", verdict.delivered, ""),
        ("waiting", verdict.waiting, "for receivers that never answered, to be tried again"),
        ("missing", len(verdict.missing), ""),
        ("unexpected", len(verdict.unexpected), ""),
        (
            "duplicated",
            verdict.explained + len(verdict.unexplained),
            f"after accept: {verdict.explained} explained by an attempt without an outcome, "
            f"{len(verdict.unexplained)} unexplained",
        ),
        (
            "uncertain",
            verdict.uncertain,
            "attempts whose worker died before recording them",
        ),
        (
            "late",
            f"{verdict.late(0.5):.2f} s",
            f"p50; p99 {verdict.late(0.99):.2f} s, max {verdict.late(1):.2f} s, faults included",
        ),
        ("ledger", "", verdict.ledger),
    ]
    for name, figure, remark in rows:
        yield f"  {name:<11}{figure!s:>8}  {paint(remark, 'dim')}"
    wrong = [*verdict.missing, *verdict.unexpected, *verdict.unexplained]
    yield from (f"    {line}" for line in wrong[:MOST_LINES])
    if len(wrong) > MOST_LINES:
        yield f"    ... and {len(wrong) - MOST_LINES} more"
    yield ""
    yield conclusion(verdict, options, seconds)


def _expected_range(certain: int, either: int) -> str:
    return f"expected {certain}" + (f" to {certain + either}" if either else "")


def conclusion(verdict: DrillVerdict, options: Options, seconds: float) -> str:
    end = f"({seconds:.0f} s, seed {options.seed})"
    if verdict.is_green:
        return paint(
            f"  GREEN  Nothing was lost and nothing repeated without cause. {end}", "green"
        )
    wrong = [
        f"{count} {what}"
        for count, what in (
            (len(verdict.missing), "missing"),
            (len(verdict.unexpected), "unexpected"),
            (len(verdict.unexplained), "repeated without cause"),
            (not verdict.is_balanced, "ledger that does not balance"),
        )
        if count
    ]
    return paint(f"  RED    {', '.join(wrong)}. {end}", "red")
