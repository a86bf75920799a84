"""The page on which an action of the admin asks until when something is to be paused."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.digits import PlainDigits
from accounts.instants import OutOfRange, to_utc
from accounts.pauses import Pause, check_until


class MomentInput(UnfoldAdminTextInputWidget):
    """A day and a time, as the browser lets one choose them."""

    input_type = "datetime-local"


class UntilForm(PlainDigits, forms.Form):
    until = forms.DateTimeField(
        required=False,
        widget=MomentInput(),
        help_text="In UTC. Empty for until somebody ends it; at most two years.",
    )
    reason = forms.CharField(
        required=False,
        max_length=Pause._meta.get_field("reason").max_length,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Told where it is explained why something did not fire.",
    )

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        try:
            if asked.get("until"):
                asked["until"] = to_utc(asked["until"])
            check_until(asked.get("until"), timezone.now())
        except OutOfRange as error:
            self.add_error("until", str(error))
        except ValidationError as error:
            self.add_error(None, error)
        return asked


def ask(
    request: HttpRequest, page: Any, rows: QuerySet[Any], *, with_reason: bool = False
) -> UntilForm | HttpResponse:
    """Return the form as it was filled in, or the page that asks; `page` is the admin's of `rows`.

    An action without a page of its own asks again with the same choice of rows.
    """
    is_answer = "confirmed" in request.POST
    form = UntilForm(request.POST if is_answer else None)
    if not with_reason:
        del form.fields["reason"]
    if is_answer and form.is_valid():
        return form
    context = {
        **page.admin_site.each_context(request),
        "title": "Pause",
        "opts": page.opts,
        "form": form,
        "count": rows.count(),
        "rows": rows[:20],
        "kept": [
            (name, value)
            for name in ("action", "select_across", "index", "_selected_action")
            for value in request.POST.getlist(name)
        ],
    }
    return render(request, "admin/accounts/pause/ask.html", context)
