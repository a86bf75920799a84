"""The History page of an object in the admin: actor, source and change of each edit, newest first.

Django's log has single edits in the admin. The audit records of a model (accounts.audit.records)
have the edits of every source, and each object of a bulk action. The page merges both.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.utils import unquote
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin.edits import GuardsEdits
from accounts.audit.actor import Source
from accounts.audit.records import Diff, shorten_text

PAGE_SIZE = 100
SOURCES: dict[str, str] = {
    Source.ADMIN: "in the admin",
    Source.API: "through the API",
    Source.ACCOUNT: "on the pages of the account",
    Source.COMMAND: "by a command",
    Source.IMPORT: "by an import",
    Source.LINK: "with a link in a message",
}
# Name of the actor if no user was signed in.
ACTORS: dict[str, str] = {
    Source.FOAM: "FOAM",
    Source.COMMAND: "An operator",
    Source.IMPORT: "An operator",
    Source.LINK: "The receiver of the message",
}


class HistoryEntry(NamedTuple):
    """One line of the history."""

    at: datetime
    actor: str
    source: str
    text: str
    diff: Diff


class EntrySource(NamedTuple):
    """Rows, newest first, and the function that turns a row into an entry."""

    rows: QuerySet[Any]
    entry: Callable[[Any], HistoryEntry]


class MergedHistory(Sequence[HistoryEntry]):
    """The entries of several sources as one list, which reads no rows after the wanted page."""

    def __init__(self, sources: Sequence[EntrySource]) -> None:
        self.sources = sources

    def __len__(self) -> int:
        return sum(rows.count() for rows, _ in self.sources)

    def __getitem__(self, part: Any) -> Any:
        entries = [entry(row) for rows, entry in self.sources for row in rows[: part.stop]]
        return sorted(entries, key=lambda entry: entry.at, reverse=True)[part]


def of_log(model: type[Model], object_id: str) -> EntrySource:
    """Return the entries of Django's log for an object."""
    kind = get_content_type_for_model(model)
    rows = LogEntry.objects.filter(object_id=object_id, content_type=kind)
    return EntrySource(rows.select_related("user").order_by("-action_time", "-pk"), _log_entry)


def of_acts(rows: QuerySet[Any], words: Mapping[str, str]) -> EntrySource:
    """Return the entries of AuditRecord rows; `words` are the texts of their verbs."""

    def entry(row: Any) -> HistoryEntry:
        text = words.get(row.verb, row.verb)
        # The detail of an edit is the names of the fields, which the diff shows anyway.
        if row.detail and not row.diff:
            text = f"{text}: {row.detail}"
        source = SOURCES.get(row.face, "")
        return HistoryEntry(row.at, actor_name(row), source, text, row.diff or {})

    return EntrySource(rows.select_related("user", "token").order_by("-at", "-pk"), entry)


def actor_name(record: Any) -> str:
    """Return the name of a record's actor: the user, with the token if any, or the source."""
    if record.user_id is None:
        return ACTORS.get(record.face, "Not recorded")
    name = record.user.get_username() if record.user else f"user {record.user_id}"
    if getattr(record, "token_id", None) is None:
        return name
    return f"{name}, token {record.token or record.token_id}"


def _log_entry(row: LogEntry) -> HistoryEntry:
    text = row.get_change_message() or row.get_action_flag_display()
    return HistoryEntry(row.action_time, row.user.get_username(), SOURCES[Source.ADMIN], text, {})


def note_admin(request: HttpRequest, obj: Model, verb: str) -> None:
    """Log an action of the signed-in user on an object, for each object of a bulk action.

    Models that record their own changes are left out.
    """
    note_admin_on_many(request, type(obj), [obj.pk], verb)


def note_admin_on_many(
    request: HttpRequest, model: type[Model], ids: Sequence[Any], verb: str
) -> None:
    """Do the same as `note_admin`, for the objects with these ids."""
    if ids and not hasattr(model, "changes"):
        assert request.user.pk is not None  # noqa: S101  for the type checker
        rows = model._default_manager.in_bulk(ids).values()
        LogEntry.objects.log_actions(request.user.pk, list(rows), CHANGE, verb)


class ShowsHistory(GuardsEdits):
    """Base of a ModelAdmin with a History page of all sources, and old values in its log."""

    object_history_template = "accounts/history.html"

    def acts_of(self, obj: Any) -> Sequence[EntrySource]:
        """Return further sources of the history, beside Django's log."""
        return ()

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        context = dict(extra_context or {})
        if obj is not None:
            sources = [of_log(self.model, unquote(object_id)), *self.acts_of(obj)]
            pages = Paginator(MergedHistory(sources), PAGE_SIZE)
            page = pages.get_page(request.GET.get("p", 1))
            context |= {
                "entries": page.object_list,
                "entries_page": page,
                "title": f"History: {obj}",
            }
        # This checks the permissions.
        return super().history_view(request, object_id, context)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        # The form of a new password is no ModelForm: its values are never logged.
        if add or not form.changed_data or not isinstance(form, forms.ModelForm):
            return super().construct_change_message(request, form, formsets, add)
        return "; ".join(_changes(form))


def _changes(form: forms.ModelForm) -> Iterator[str]:
    for name in form.changed_data:
        field = form.fields[name]
        before, after = form.initial.get(name), form.cleaned_data.get(name)
        texts = [shorten_text(_text(field, value)) for value in (before, after)]
        yield f"{field.label or name}: “{texts[0]}” → “{texts[1]}”"


def _text(field: forms.Field, value: Any) -> str:
    if isinstance(field, forms.ModelMultipleChoiceField):
        return ", ".join(str(row) for row in value or ())
    if isinstance(field, forms.ModelChoiceField) and not isinstance(value, Model | None):
        value = field.queryset.filter(pk=value).first() if field.queryset is not None else value
    return "" if value is None else str(value)


class KeepsChanges(ShowsHistory):
    """Base of a ModelAdmin whose model records its own changes, so that Django's log need not."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log nothing: the model has recorded its creation."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log nothing: the model has recorded its change."""
