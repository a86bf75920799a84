"""The report of an import, as text for a terminal and as JSON."""

from collections.abc import Iterator
from typing import Any

from reminders.exchange.api_serializers import ReportSerializer
from reminders.exchange.importer import ImportReport, ImportResult, notable

# The text lists this many channels, reminders and losses; --json lists all.
LISTED = 50


def lines(report: ImportReport) -> Iterator[str]:
    """Yield the imported and refused channels and reminders, then what the import loses."""
    yield from _list("Channels", report.channels)
    yield from _list("Reminders", report.reminders)
    if report.losses:
        yield "Not carried over:"
        yield from (f"  {loss.where}: {loss.what}" for loss in report.losses[:LISTED])
        yield from _more(len(report.losses))
        yield ""
    counts = ", ".join(f"{count:,} {result}" for result, count in report.counts.items())
    yield f"Reminders: {counts}.{' Nothing was kept: a dry run.' if report.is_dry_run else ''}"


def as_data(report: ImportReport) -> Any:
    return ReportSerializer(report).data


def _list(heading: str, results: list[ImportResult]) -> Iterator[str]:
    rows = notable(results)
    if not rows:
        return
    yield f"{heading}:"
    for row in rows[:LISTED]:
        yield f"  {row.result.value:<9}  {_cut(row.where, 28):<28}  {_cut(row.name, 60)}"
        for error in row.errors:
            yield f"  {'':9}  {error['field'] or 'as a whole'}: {error['detail']}"
    yield from _more(len(rows))
    yield ""


def _more(count: int) -> Iterator[str]:
    if count > LISTED:
        yield f"  … and {count - LISTED:,} more; --json lists all of them."


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
