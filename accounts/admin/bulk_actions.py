"""Bulk actions of the admin, which run over several requests and report each row not done.

An action processes the selected rows in the order of their ids until the time of one request is
used up. The page then shows the progress, and its script sends the next request, which continues
after the last id. A row that is refused, or raises, stops no other.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Self

from django.contrib import messages
from django.core import signing
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin.history import note_admin, note_admin_on_many

logger = logging.getLogger(__name__)

# Rows of one action. Limits the damage of one wrong click.
MAX_ROWS = 10_000
# Rows read, or changed in one transaction, at a time.
BATCH_SIZE = 500
# Working time of one request. Longer ones look like a page that hangs.
REQUEST_SECONDS = 6.0
# Rows named in the report for each reason.
MAX_NAMED = 3
# The signed form field with the progress, and the age at which it is refused.
FIELD, SALT, MAX_AGE_SECONDS = "progress", "accounts.admin.bulk_actions", 60 * 60
TOO_MANY = (
    "At most {:,} can be done at once, and more are selected: nothing was changed. "
    "Select fewer, with a filter or a search."
)
NOT_FOUND = "it no longer exists"
FAILED = "an error, which is in the log"

# Changes one row; returns None, or the reason why not. May raise ValidationError.
Act = Callable[[Any], str | None]
# Changes rows by their ids in one transaction; returns {id: reason} of those not changed.
ActOnMany = Callable[[Sequence[Any]], Mapping[Any, str]]


@dataclass
class ActionProgress:
    """The progress of an action: the results of the rows up to the id `after`.

    The action has `total` rows, up to the id `last`.
    """

    total: int
    last: int
    after: int = -1
    finished: int = 0
    # By reason: the number of rows not done, and the ids of the first.
    refused: dict[str, int] = field(default_factory=dict)
    named: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, request: HttpRequest, ids: Sequence[Any]) -> Self:
        """Return the progress in the request, or that of a new action on `ids`."""
        try:
            fields = signing.loads(request.POST.get(FIELD, ""), salt=SALT, max_age=MAX_AGE_SECONDS)
        except signing.BadSignature:
            return cls(total=len(ids), last=ids[-1] if ids else 0)
        return cls(**fields)

    @property
    def remaining(self) -> int:
        return max(0, self.total - self.finished - sum(self.refused.values()))

    def refuse(self, pk: Any, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        self.named.setdefault(reason, [])
        if len(self.named[reason]) < MAX_NAMED:
            self.named[reason].append(pk)

    def sign(self) -> str:
        return signing.dumps(asdict(self), salt=SALT)

    def text(self, model_admin: Any, participle: str) -> SafeString:
        """Return a report such as "Paused 3 of 5.", with links to the first rows of each reason."""
        of = f" of {self.total:,}" if self.total > self.finished else ""
        parts = [format_html("{} {}{}.", participle, f"{self.finished:,}", of)]
        parts += [
            format_html(" Not done: {}: {}.", self._refused_rows(model_admin, reason), reason)
            for reason in self.refused
        ]
        return format_html_join("", "{}", ((part,) for part in parts))

    def _refused_rows(self, model_admin: Any, reason: str) -> str:
        opts, count = model_admin.opts, self.refused[reason]
        page = f"admin:{opts.app_label}_{opts.model_name}_change"
        rows = opts.model._default_manager.in_bulk(self.named[reason])
        links = [(reverse(page, args=[pk]), str(rows[pk])) for pk in sorted(rows)]
        names = format_html_join(", ", '<a class="underline" href="{}">{}</a>', links)
        more = ", …" if count > MAX_NAMED else ""
        return format_html("{} ({}{})", f"{count:,}", names, more) if names else f"{count:,}"


def run(
    request: HttpRequest,
    model_admin: Any,
    rows: QuerySet[Any],
    act: Act,
    participle: str,
    *,
    most: int | None = None,
    noted: str = "",
) -> HttpResponse | None:
    """Change the selected rows one by one, and report the result to staff.

    `participle` begins the report, such as "Paused". `most` is a limit below MAX_ROWS. `noted` is
    the text in the history of each changed row, by default the participle. Returns the progress
    page if the time ran out, and None if all rows are done.
    """
    work = BulkAction(request, model_admin, participle, noted or f"{participle}.")
    return work.run(rows, _rows, partial(work.do_row, act), most)


def run_on_many(
    request: HttpRequest,
    model_admin: Any,
    rows: QuerySet[Any],
    act: ActOnMany,
    participle: str,
    *,
    noted: str = "",
) -> HttpResponse | None:
    """Do the same as `run`, with a function that changes a batch of rows in few statements."""
    work = BulkAction(request, model_admin, participle, noted or f"{participle}.")
    return work.run(rows, _batches, partial(work.do_batch, act))


def selected_ids(rows: QuerySet[Any], most: int | None = None) -> list[Any] | None:
    """Return the ids of the selected rows, oldest first; None if they are more than `most`."""
    most = most or MAX_ROWS
    ids = list(rows.order_by().values_list("pk", flat=True)[: most + 1])
    return sorted(ids) if len(ids) <= most else None


def _batches(model: type[Model], ids: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield (last id, ids) of each batch."""
    for begin in range(0, len(ids), BATCH_SIZE):
        batch = ids[begin : begin + BATCH_SIZE]
        yield batch[-1], batch


def _rows(model: type[Model], ids: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield (id, row) as of the begin of its batch; None for a row that no longer exists."""
    for _, batch in _batches(model, ids):
        by_id = model._default_manager.in_bulk(batch)
        yield from ((pk, by_id.get(pk)) for pk in batch)


class BulkAction:
    """One request of an action on many rows."""

    def __init__(self, request: HttpRequest, model_admin: Any, participle: str, noted: str) -> None:
        self.request = request
        self.model_admin = model_admin
        self.model: type[Model] = model_admin.opts.model
        self.participle, self.noted = participle, noted
        self.progress = ActionProgress(0, 0)

    def run(
        self,
        rows: QuerySet[Any],
        steps: Callable[[type[Model], Sequence[Any]], Iterator[tuple[Any, Any]]],
        do: Callable[[Any, Any], None],
        most: int | None = None,
    ) -> HttpResponse | None:
        ids = selected_ids(rows, most)
        if ids is None:
            self._say(TOO_MANY.format(most or MAX_ROWS), messages.ERROR)
            return None
        progress = self.progress = ActionProgress.of(self.request, ids)
        deadline = monotonic() + REQUEST_SECONDS
        remaining_ids = [pk for pk in ids if progress.after < pk <= progress.last]
        for last, step in steps(self.model, remaining_ids):
            if monotonic() > deadline:
                return self._page()
            do(last, step)
            progress.after = last
        level = messages.SUCCESS
        if progress.refused:
            level = messages.WARNING if progress.finished else messages.ERROR
        self._say(progress.text(self.model_admin, self.participle), level)
        return None

    def do_row(self, act: Act, pk: Any, row: Model | None) -> None:
        def act_and_note() -> str | None:
            reason = act(row)
            if reason is None:
                assert row is not None  # noqa: S101  for the type checker
                note_admin(self.request, row, self.noted)
            return reason

        reason = NOT_FOUND if row is None else self._try(act_and_note, pk)
        if reason is None:
            self.progress.finished += 1
        else:
            self.progress.refuse(pk, reason)

    def do_batch(self, act: ActOnMany, _: Any, ids: Sequence[Any]) -> None:
        """Change a batch; if that raises, each half of it, to isolate the failing row."""
        refused: dict[Any, str] = {}

        def act_and_note() -> None:
            existing = self.model._default_manager.filter(pk__in=ids).values_list("pk", flat=True)
            refused.update(dict.fromkeys(set(ids).difference(existing), NOT_FOUND))
            refused.update(act(ids))
            changed = [pk for pk in ids if pk not in refused]
            note_admin_on_many(self.request, self.model, changed, self.noted)

        if len(ids) > 1:
            try:
                with transaction.atomic():
                    act_and_note()
            except Exception:
                half = len(ids) // 2
                for part in (ids[:half], ids[half:]):
                    self.do_batch(act, None, part)
                return
        elif reason := self._try(act_and_note, ids[0]):
            refused[ids[0]] = reason
        for pk in sorted(refused):
            self.progress.refuse(pk, refused[pk])
        self.progress.finished += len(ids) - len(refused)

    def _try(self, act: Callable[[], str | None], pk: Any) -> str | None:
        """Change one row in its own transaction; return None, or the reason why not."""
        try:
            with transaction.atomic():
                return act()
        except ValidationError as refusal:
            return " ".join(refusal.messages).rstrip(".")
        except ObjectDoesNotExist:
            return NOT_FOUND
        except Exception:
            label = self.model._meta.label
            logger.exception("action failed", extra={"model": label, "row": pk})
            return FAILED

    def _say(self, text: str, level: int) -> None:
        self.model_admin.message_user(self.request, text, level)

    def _page(self) -> TemplateResponse:
        """Return the progress page, whose script sends the next request."""
        progress, post = self.progress, self.request.POST
        fields = [
            (name, value)
            for name, values in post.lists()
            if name not in {FIELD, "csrfmiddlewaretoken"}
            for value in values
        ]
        context = {
            **self.model_admin.admin_site.each_context(self.request),
            "title": f"{progress.remaining:,} of {progress.total:,} are left",
            "opts": self.model_admin.opts,
            "progress": progress,
            "position": progress.total - progress.remaining,
            "text": progress.text(self.model_admin, self.participle),
            "fields": [*fields, (FIELD, progress.sign())],
            "list_url": self.request.get_full_path(),
        }
        return TemplateResponse(self.request, "admin/accounts/action/progress.html", context)
