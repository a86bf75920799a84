"""Bulk actions of the admin: each chosen row by the function of every other face, and what became.

Each row has a transaction of its own, so that one which is refused, or raises, stops no other.
"""

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from time import monotonic
from typing import Any

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.history import note_admin

logger = logging.getLogger(__name__)

# At once, so that one click touches no more than somebody may have meant.
MOST = 10_000
# So many rows are read at a time.
BATCH = 500
# In seconds; less than a browser, a proxy or gunicorn waits for an answer.
PATIENCE = 20.0
# So many rows are named for each reason.
NAMED = 3
TOO_MANY = (
    "At most {:,} can be done at once, and more are chosen: nothing was changed. "
    "Choose fewer, with a filter or a search."
)
GONE = "it is there no longer"
FAILED = "an error, which is in the log"

# Does one row; returns why it was not done, None when it was. May raise ValidationError.
Act = Callable[[Any], str | None]


class Report:
    """What became of the rows of one action: those that were done, and the others by reason.

    `left` counts those that were not come to in time.
    """

    def __init__(self) -> None:
        self.finished: list[Model] = []
        self.reasons: dict[str, list[Model | None]] = {}
        self.left = 0

    def done(self, row: Model) -> None:
        self.finished.append(row)

    def refused(self, row: Model | None, why: str) -> None:
        self.reasons.setdefault(why, []).append(row)

    def text(self, model_admin: Any, done: str) -> SafeString:
        """Say it in words, with the first rows of each reason by name and with a link."""
        counts = [len(self.finished), *map(len, self.reasons.values()), self.left]
        of = f" of {sum(counts):,}" if sum(counts) > counts[0] else ""
        told = [format_html("{} {}{}.", done, f"{counts[0]:,}", of)]
        told += [
            format_html(" Not done: {}: {}.", self._named(model_admin, rows), why)
            for why, rows in self.reasons.items()
        ]
        if self.left:
            told.append(
                format_html(" Time ran out for {} more: choose them again.", f"{self.left:,}")
            )
        return format_html_join("", "{}", ((each,) for each in told))

    def _named(self, model_admin: Any, rows: list[Model | None]) -> str:
        opts = model_admin.opts
        page = f"admin:{opts.app_label}_{opts.model_name}_change"
        links = (
            (reverse(page, args=[row.pk]), str(row)) for row in islice(filter(None, rows), NAMED)
        )
        named = format_html_join(", ", '<a class="underline" href="{}">{}</a>', links)
        more = ", …" if len(rows) > NAMED else ""
        return format_html("{} ({}{})", f"{len(rows):,}", named, more) if named else str(len(rows))


def run(
    request: HttpRequest,
    model_admin: Any,
    rows: QuerySet[Any],
    act: Act,
    done: str,
    *,
    most: int | None = None,
    noted: str = "",
) -> Report:
    """Do the chosen rows, tell whoever asked what became of them, and return that.

    `done` is the word for it, such as "Paused"; `most` is less than MOST, where that is too many.
    The history of each row that was done says `noted`, which by default is that word.
    """
    report = Report()
    chosen = chosen_of(rows, most)
    if chosen is None:
        model_admin.message_user(request, TOO_MANY.format(most or MOST), messages.ERROR)
        return report
    until = monotonic() + PATIENCE
    for come_to, row in enumerate(_each(rows, chosen)):
        if monotonic() > until:
            report.left = len(chosen) - come_to
            break
        if row is None:
            report.refused(None, GONE)
        else:
            _do(request, row, act, noted or f"{done}.", report)
    level = messages.SUCCESS
    if report.reasons or report.left:
        level = messages.WARNING if report.finished else messages.ERROR
    model_admin.message_user(request, report.text(model_admin, done), level)
    return report


def chosen_of(rows: QuerySet[Any], most: int | None = None) -> list[Any] | None:
    """Return the ids of the chosen rows, oldest first; None when they are more than `most`."""
    most = most or MOST
    chosen = list(rows.order_by().values_list("pk", flat=True)[: most + 1])
    return sorted(chosen) if len(chosen) <= most else None


def _each(rows: QuerySet[Any], chosen: list[Any]) -> Iterator[Any]:
    """Yield each row as it stands when its batch begins; None for one that is gone."""
    for begin in range(0, len(chosen), BATCH):
        batch = chosen[begin : begin + BATCH]
        found = rows.model._default_manager.in_bulk(batch)
        yield from (found.get(pk) for pk in batch)


def _do(request: HttpRequest, row: Model, act: Act, noted: str, report: Report) -> None:
    try:
        with transaction.atomic():
            why = act(row)
            if why is None:
                note_admin(request, row, noted)
    except ValidationError as refusal:
        why = " ".join(refusal.messages).rstrip(".")
    except ObjectDoesNotExist:
        why = GONE
    except Exception:
        logger.exception("action failed", extra={"model": row._meta.label, "row": row.pk})
        why = FAILED
    if why is None:
        report.done(row)
    else:
        report.refused(row, why)
