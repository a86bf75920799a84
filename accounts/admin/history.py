"""The History page of an object in the admin: who did what to it, and by which face, newest first.

Django's own log has single edits in the admin. What our models record of themselves
(accounts.acted) has every face, and each object of an action on many. The page shows both as one.
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

ON_A_PAGE = 100
FACES: dict[str, str] = {
    Source.ADMIN: "in the admin",
    Source.API: "through the API",
    Source.ACCOUNT: "on the pages of the account",
    Source.COMMAND: "by a command",
    Source.IMPORT: "by an import",
    Source.LINK: "with a link in a message",
}
# Who it was where nobody had signed in.
NOBODY: dict[str, str] = {
    Source.FOAM: "FOAM",
    Source.COMMAND: "An operator",
    Source.IMPORT: "An operator",
    Source.LINK: "Who got the message",
}


class Entry(NamedTuple):
    """One act; `diff` has by field what it was and became, None for what is shown to nobody."""

    at: datetime
    who: str
    face: str
    what: str
    diff: Diff


class EntrySource(NamedTuple):
    """Rows, newest first, and what tells one of them."""

    rows: QuerySet[Any]
    entry: Callable[[Any], Entry]


class Merged(Sequence[Entry]):
    """What several sources tell, as one list, of which a page is read and no more before it."""

    def __init__(self, sources: Sequence[EntrySource]) -> None:
        self.sources = sources

    def __len__(self) -> int:
        return sum(rows.count() for rows, _ in self.sources)

    def __getitem__(self, part: Any) -> Any:
        found = [entry(row) for rows, entry in self.sources for row in rows[: part.stop]]
        return sorted(found, key=lambda entry: entry.at, reverse=True)[part]


def of_log(model: type[Model], object_id: str) -> EntrySource:
    """Return what Django's log has of an object."""
    kind = get_content_type_for_model(model)
    rows = LogEntry.objects.filter(object_id=object_id, content_type=kind)
    return EntrySource(rows.select_related("user").order_by("-action_time", "-pk"), _logged)


def of_acts(rows: QuerySet[Any], words: Mapping[str, str]) -> EntrySource:
    """Return what `rows` of an Acted have; `words` say each verb."""

    def entry(row: Any) -> Entry:
        what = words.get(row.verb, row.verb)
        # An edit's detail is the names of what the diff shows.
        detail = "" if row.diff else row.detail
        told = f"{what}: {detail}" if detail else what
        return Entry(row.at, who(row), FACES.get(row.face, ""), told, row.diff or {})

    return EntrySource(rows.select_related("user", "token").order_by("-at", "-pk"), entry)


def who(act: Any) -> str:
    """Name who did it: a user, with the token where it was a program, or what was at work."""
    if act.user_id is None:
        return NOBODY.get(act.face, "Not recorded")
    name = act.user.get_username() if act.user else f"user {act.user_id}"
    if getattr(act, "token_id", None) is None:
        return name
    return f"{name}, token {act.token or act.token_id}"


def _logged(row: LogEntry) -> Entry:
    what = row.get_change_message() or row.get_action_flag_display()
    return Entry(row.action_time, row.user.get_username(), FACES[Source.ADMIN], what, {})


def note_admin(request: HttpRequest, obj: Model, verb: str) -> None:
    """Record that the signed-in user did this to an object, in the admin.

    For each object of an action on many. Nothing for those that record their own changes.
    """
    note_admin_on_many(request, type(obj), [obj.pk], verb)


def note_admin_on_many(
    request: HttpRequest, model: type[Model], ids: Sequence[Any], verb: str
) -> None:
    """As `note_admin`, for the objects with these ids."""
    if ids and not hasattr(model, "changes"):
        assert request.user.pk is not None
        found = model._default_manager.in_bulk(ids).values()
        LogEntry.objects.log_actions(request.user.pk, list(found), CHANGE, verb)


class ShowsHistory(GuardsEdits):
    """A ModelAdmin whose History page has it all, and whose log has what each field was before."""

    object_history_template = "accounts/history.html"

    def acts_of(self, obj: Any) -> Sequence[EntrySource]:
        """Return what else there is, beside the log."""
        return ()

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        context = dict(extra_context or {})
        if obj is not None:
            sources = [of_log(self.model, unquote(object_id)), *self.acts_of(obj)]
            pages = Paginator(Merged(sources), ON_A_PAGE)
            page = pages.get_page(request.GET.get("p", 1))
            context |= {
                "entries": page.object_list,
                "entries_page": page,
                "title": f"History: {obj}",
            }
        # It asks who may see this.
        return super().history_view(request, object_id, context)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        # Nor of a new password, which is asked for by another form.
        if add or not form.changed_data or not isinstance(form, forms.ModelForm):
            return super().construct_change_message(request, form, formsets, add)
        return "; ".join(_told(form))


def _told(form: forms.ModelForm) -> Iterator[str]:
    for name in form.changed_data:
        field = form.fields[name]
        before, after = form.initial.get(name), form.cleaned_data.get(name)
        texts = [shorten_text(_text(field, value)) for value in (before, after)]
        yield f"{field.label or name}: “{texts[0]}” → “{texts[1]}”"


def _text(field: forms.Field, value: Any) -> str:
    if isinstance(field, forms.ModelMultipleChoiceField):
        return ", ".join(str(each) for each in value or ())
    if isinstance(field, forms.ModelChoiceField) and not isinstance(value, Model | None):
        value = field.queryset.filter(pk=value).first() if field.queryset is not None else value
    return "" if value is None else str(value)


class KeepsChanges(ShowsHistory):
    """For a model that records its changes by every face: Django's log would say them twice."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """It has recorded that it was created."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """It has recorded what was changed."""
