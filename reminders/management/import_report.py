"""What came of an import, on a terminal and for programs."""

from collections.abc import Iterator
from typing import Any

from reminders.exchange.api_serializers import ReportSerializer
from reminders.exchange.importer import Report, Taken, TakenResult

# So many of a kind are listed; --json has all.
LISTED = 50


def lines(report: Report) -> Iterator[str]:
    """Yield a table of what was taken in or refused, then what is not carried over."""
    yield from _list("Channels", report.channels)
    yield from _list("Reminders", report.reminders)
    if report.losses:
        yield "Not carried over:"
        yield from (f"  {loss.where}: {loss.what}" for loss in report.losses[:LISTED])
        yield from _more(len(report.losses))
        yield ""
    counts = ", ".join(f"{count:,} {result}" for result, count in report.counts.items())
    yield f"Reminders: {counts}.{' Nothing was kept: a dry run.' if report.is_dry_run else ''}"


def as_data(report: Report) -> Any:
    return ReportSerializer(report).data


def _list(heading: str, taken: list[Taken]) -> Iterator[str]:
    # What is refused is what one looks for.
    order = [TakenResult.REFUSED, TakenResult.CREATED, TakenResult.UPDATED]
    shown = [each for result in order for each in taken if each.result is result]
    if not shown:
        return
    yield f"{heading}:"
    for each in shown[:LISTED]:
        yield f"  {each.result.value:<9}  {_cut(each.where, 28):<28}  {_cut(each.name, 60)}"
        for error in each.errors:
            yield f"  {'':9}  {error['field'] or 'as a whole'}: {error['detail']}"
    yield from _more(len(shown))
    yield ""


def _more(count: int) -> Iterator[str]:
    if count > LISTED:
        yield f"  … and {count - LISTED:,} more; --json lists all of them."


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
