"""The confirmation page of the admin's bulk actions."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.admin import bulk_actions

# Selected rows that the page names.
MAX_NAMED = 20
CONFIRMED = "confirmed"

# The effect of an action in sentences, or a function of the selected rows that returns it.
Effect = str | Callable[[QuerySet[Any]], str]


def confirmed(
    verb: str,
    effect: Effect,
    *,
    form: type[forms.Form] | None = None,
    most: int | None = None,
    is_final: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an action show a confirmation page first: the rows, the effect, and Cancel.

    `verb` is the label of its button, such as "Delete". A `form` is part of the page, and its data
    is passed to the action. `most` is a limit of rows below the usual one. An action that
    `is_final` cannot be undone: its button is red.
    """

    def decorate(act: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(act)
        def action(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> Any:
            if bulk_actions.selected_ids(rows, most) is None:
                text = bulk_actions.TOO_MANY.format(most or bulk_actions.MAX_ROWS)
                model_admin.message_user(request, text, messages.ERROR)
                return None
            is_confirmed = CONFIRMED in request.POST
            bound = form(request.POST if is_confirmed else None) if form else None
            if is_confirmed and (bound is None or bound.is_valid()):
                return act(model_admin, request, rows, *([bound.cleaned_data] if bound else []))
            question = _question(request, model_admin, rows, verb)
            text = effect if isinstance(effect, str) else effect(rows)
            return page(
                request, model_admin, effect=text, form=bound, is_final=is_final, **question
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
        "rows": rows[:MAX_NAMED],
        "more": max(0, count - MAX_NAMED),
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
    more: int = 0,
    form: forms.Form | None = None,
    fields: Iterable[tuple[str, str]] = (),
    is_final: bool = False,
) -> HttpResponse:
    """Return the confirmation page. Its form posts `fields` and CONFIRMED to the same address."""
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "verb": verb,
        "effect": effect,
        "rows": rows,
        "more": more,
        "form": form,
        "fields": fields,
        "is_final": is_final,
        "cancel_url": cancel_url,
    }
    return TemplateResponse(request, "admin/accounts/action/confirm.html", context)
