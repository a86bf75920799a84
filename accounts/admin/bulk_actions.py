"""Bulk actions of the admin: each chosen row by the function of every other face, and what became.

Rows are done in the order of their ids until the time of one request is used up. The page then
shows how far the action is and goes on with the rows after the last one, whatever the list shows by
then. A row that is refused, or raises, stops no other.
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

# At once, so that one click touches no more than somebody may have meant.
MOST = 10_000
# So many rows are read, or done in one transaction, at a time.
BATCH = 500
# How long one request works, in seconds; less than people wait without a sign of life.
PATIENCE = 6.0
# So many rows are named for each reason.
NAMED = 3
# The field of the page that goes on, and for how many seconds it may do so.
FIELD, SALT, GOES_ON_FOR = "progress", "accounts.admin.bulk_actions", 60 * 60
TOO_MANY = (
    "At most {:,} can be done at once, and more are chosen: nothing was changed. "
    "Choose fewer, with a filter or a search."
)
GONE = "it is there no longer"
FAILED = "an error, which is in the log"

# Does one row; returns why it was not done, None when it was. May raise ValidationError.
Act = Callable[[Any], str | None]
# Does rows by their ids in one transaction; returns why some were not done, by id.
ActOnMany = Callable[[Sequence[Any]], Mapping[Any, str]]


@dataclass
class Progress:
    """How far an action is: what became of the rows up to `after`, of `total` up to `last`."""

    total: int
    last: int
    after: int = -1
    finished: int = 0
    # By reason, how many rows were not done for it, and the ids of the first.
    refused: dict[str, int] = field(default_factory=dict)
    named: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, request: HttpRequest, chosen: Sequence[Any]) -> Self:
        """Return the progress that a page sent along; a new one where none did."""
        try:
            sent = signing.loads(request.POST.get(FIELD, ""), salt=SALT, max_age=GOES_ON_FOR)
        except signing.BadSignature:
            return cls(total=len(chosen), last=chosen[-1] if chosen else 0)
        return cls(**sent)

    @property
    def left(self) -> int:
        return max(0, self.total - self.finished - sum(self.refused.values()))

    def refuse(self, pk: Any, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        self.named.setdefault(reason, [])
        if len(self.named[reason]) < NAMED:
            self.named[reason].append(pk)

    def sign(self) -> str:
        return signing.dumps(asdict(self), salt=SALT)

    def text(self, model_admin: Any, done: str) -> SafeString:
        """Say it in words, with the first rows of each reason by name and with a link."""
        of = f" of {self.total:,}" if self.total > self.finished else ""
        parts = [format_html("{} {}{}.", done, f"{self.finished:,}", of)]
        parts += [
            format_html(" Not done: {}: {}.", self._named(model_admin, reason), reason)
            for reason in self.refused
        ]
        return format_html_join("", "{}", ((part,) for part in parts))

    def _named(self, model_admin: Any, reason: str) -> str:
        opts, count = model_admin.opts, self.refused[reason]
        page = f"admin:{opts.app_label}_{opts.model_name}_change"
        rows = opts.model._default_manager.in_bulk(self.named[reason])
        links = [(reverse(page, args=[pk]), str(rows[pk])) for pk in sorted(rows)]
        names = format_html_join(", ", '<a class="underline" href="{}">{}</a>', links)
        more = ", …" if count > NAMED else ""
        return format_html("{} ({}{})", f"{count:,}", names, more) if names else f"{count:,}"


def run(
    request: HttpRequest,
    model_admin: Any,
    rows: QuerySet[Any],
    act: Act,
    done: str,
    *,
    most: int | None = None,
    noted: str = "",
) -> HttpResponse | None:
    """Do the chosen rows one by one, and tell staff what became of them.

    `done` is the word for it, such as "Paused"; `most` is less than MOST, where that is too many.
    The history of each row that was done says `noted`, which by default is that word. Return the
    page that goes on where time ran out; None when all is done.
    """
    work = Work(request, model_admin, done, noted or f"{done}.")
    return work.run(rows, _rows, partial(work.do_row, act), most)


def run_on_many(
    request: HttpRequest,
    model_admin: Any,
    rows: QuerySet[Any],
    act: ActOnMany,
    done: str,
    *,
    noted: str = "",
) -> HttpResponse | None:
    """As `run`, by a function that does a batch of rows in a constant number of statements."""
    work = Work(request, model_admin, done, noted or f"{done}.")
    return work.run(rows, _batches, partial(work.do_batch, act))


def chosen_of(rows: QuerySet[Any], most: int | None = None) -> list[Any] | None:
    """Return the ids of the chosen rows, oldest first; None when they are more than `most`."""
    most = most or MOST
    chosen = list(rows.order_by().values_list("pk", flat=True)[: most + 1])
    return sorted(chosen) if len(chosen) <= most else None


def _batches(model: type[Model], chosen: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the ids in batches, each after the last of them."""
    for begin in range(0, len(chosen), BATCH):
        ids = chosen[begin : begin + BATCH]
        yield ids[-1], ids


def _rows(model: type[Model], chosen: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each id with its row as it stands when its batch begins; None for one that is gone."""
    for _, ids in _batches(model, chosen):
        found = model._default_manager.in_bulk(ids)
        yield from ((pk, found.get(pk)) for pk in ids)


class Work:
    """One action on many rows, as far as one request comes with it."""

    def __init__(self, request: HttpRequest, model_admin: Any, done: str, noted: str) -> None:
        self.request = request
        self.model_admin = model_admin
        self.model: type[Model] = model_admin.opts.model
        self.done, self.noted = done, noted
        self.progress = Progress(0, 0)

    def run(
        self,
        rows: QuerySet[Any],
        steps: Callable[[type[Model], Sequence[Any]], Iterator[tuple[Any, Any]]],
        do: Callable[[Any, Any], None],
        most: int | None = None,
    ) -> HttpResponse | None:
        chosen = chosen_of(rows, most)
        if chosen is None:
            self._say(TOO_MANY.format(most or MOST), messages.ERROR)
            return None
        progress = self.progress = Progress.of(self.request, chosen)
        until = monotonic() + PATIENCE
        ahead = [pk for pk in chosen if progress.after < pk <= progress.last]
        for last, step in steps(self.model, ahead):
            if monotonic() > until:
                return self._page()
            do(last, step)
            progress.after = last
        level = messages.SUCCESS
        if progress.refused:
            level = messages.WARNING if progress.finished else messages.ERROR
        self._say(progress.text(self.model_admin, self.done), level)
        return None

    def do_row(self, act: Act, pk: Any, row: Model | None) -> None:
        def act_and_note() -> str | None:
            reason = act(row)
            if reason is None:
                assert row is not None
                note_admin(self.request, row, self.noted)
            return reason

        reason = GONE if row is None else self._tried(act_and_note, pk)
        if reason is None:
            self.progress.finished += 1
        else:
            self.progress.refuse(pk, reason)

    def do_batch(self, act: ActOnMany, _: Any, ids: Sequence[Any]) -> None:
        """Do a batch; where that raises, its halves, so that the row at fault stops no other."""
        refused: dict[Any, str] = {}

        def act_and_note() -> None:
            found = self.model._default_manager.filter(pk__in=ids).values_list("pk", flat=True)
            refused.update(dict.fromkeys(set(ids).difference(found), GONE))
            refused.update(act(ids))
            done = [pk for pk in ids if pk not in refused]
            note_admin_on_many(self.request, self.model, done, self.noted)

        if len(ids) > 1:
            try:
                with transaction.atomic():
                    act_and_note()
            except Exception:
                half = len(ids) // 2
                for part in (ids[:half], ids[half:]):
                    self.do_batch(act, None, part)
                return
        elif reason := self._tried(act_and_note, ids[0]):
            refused[ids[0]] = reason
        for pk in sorted(refused):
            self.progress.refuse(pk, refused[pk])
        self.progress.finished += len(ids) - len(refused)

    def _tried(self, act: Callable[[], str | None], pk: Any) -> str | None:
        """Do one row in a transaction of its own; return why it was not done."""
        try:
            with transaction.atomic():
                return act()
        except ValidationError as refusal:
            return " ".join(refusal.messages).rstrip(".")
        except ObjectDoesNotExist:
            return GONE
        except Exception:
            label = self.model._meta.label
            logger.exception("action failed", extra={"model": label, "row": pk})
            return FAILED

    def _say(self, text: str, level: int) -> None:
        self.model_admin.message_user(self.request, text, level)

    def _page(self) -> TemplateResponse:
        """Return the page that shows how far the action is and goes on with what is left."""
        progress, post = self.progress, self.request.POST
        fields = [
            (name, value)
            for name, values in post.lists()
            if name not in {FIELD, "csrfmiddlewaretoken"}
            for value in values
        ]
        context = {
            **self.model_admin.admin_site.each_context(self.request),
            "title": f"{progress.left:,} of {progress.total:,} are left",
            "opts": self.model_admin.opts,
            "progress": progress,
            "position": progress.total - progress.left,
            "text": progress.text(self.model_admin, self.done),
            "fields": [*fields, (FIELD, progress.sign())],
            "list_url": self.request.get_full_path(),
        }
        return TemplateResponse(self.request, "admin/accounts/action/progress.html", context)
