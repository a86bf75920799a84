"""The page on which every bulk action of the admin asks before it sends, changes or deletes."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.admin import bulk_actions

# So many of the chosen rows are named.
NAMED = 20
CONFIRMED = "confirmed"

# Says what an action does, in sentences; where it has to count, of the rows that are chosen.
Effect = str | Callable[[QuerySet[Any]], str]


def confirmed(
    verb: str,
    effect: Effect,
    *,
    form: type[forms.Form] | None = None,
    most: int | None = None,
    is_final: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have an action ask first: how many rows, which, what happens to them, and Cancel.

    `verb` is its button, such as "Delete". With a `form` the page asks for more, and the action is
    called with what was filled in. `most` is how many rows it may do at once, where that is less
    than usual. What `is_final` cannot be taken back: its button is red.
    """

    def decorate(act: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(act)
        def action(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> Any:
            if bulk_actions.chosen_of(rows, most) is None:
                text = bulk_actions.TOO_MANY.format(most or bulk_actions.MOST)
                model_admin.message_user(request, text, messages.ERROR)
                return None
            is_answer = CONFIRMED in request.POST
            filled = form(request.POST if is_answer else None) if form else None
            if is_answer and (filled is None or filled.is_valid()):
                return act(model_admin, request, rows, *([filled.cleaned_data] if filled else []))
            question = _question(request, model_admin, rows, verb)
            told = effect if isinstance(effect, str) else effect(rows)
            return page(
                request, model_admin, effect=told, form=filled, is_final=is_final, **question
            )

        action.asks_first = True  # type: ignore[attr-defined]
        return action

    return decorate


def _question(
    request: HttpRequest, model_admin: Any, rows: QuerySet[Any], verb: str
) -> dict[str, Any]:
    count, opts = rows.count(), model_admin.opts
    noun = opts.verbose_name if count == 1 else opts.verbose_name_plural
    names = ("action", "select_across", "index", "_selected_action")
    return {
        "title": f"{verb} {count:,} {noun}?",
        "verb": verb.rstrip(":"),
        "rows": rows[:NAMED],
        "others": max(0, count - NAMED),
        "fields": [(name, value) for name in names for value in request.POST.getlist(name)],
        "cancel_url": request.get_full_path(),
    }


def page(
    request: HttpRequest,
    model_admin: Any,
    *,
    title: str,
    verb: str,
    effect: str,
    rows: Iterable[Any],
    cancel_url: str,
    others: int = 0,
    form: forms.Form | None = None,
    fields: Iterable[tuple[str, str]] = (),
    is_final: bool = False,
) -> HttpResponse:
    """Return the page that asks; its form posts `fields` and CONFIRMED to the same address."""
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "verb": verb,
        "effect": effect,
        "rows": rows,
        "others": others,
        "form": form,
        "fields": fields,
        "is_final": is_final,
        "cancel_url": cancel_url,
    }
    return TemplateResponse(request, "admin/accounts/action/confirm.html", context)
