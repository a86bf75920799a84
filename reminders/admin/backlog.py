"""The admin's page of the backlog: what each decision would do, and the decision."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from unfold.admin import ModelAdmin

from accounts.timezones import format_instant
from notifications.admin import WrittenByFoam
from reminders.engine import backlog as overdue
from reminders.engine.backlog_forecast import DECISION_TEXTS, forecast
from reminders.models import Backlog

DECIDED = {
    Backlog.Decision.HOLD: "Held: they wait until somebody decides.",
    Backlog.Decision.RELEASE: "Released: they go out by their own policies.",
    Backlog.Decision.COALESCE: "Coalesced: each says the newest alone.",
    Backlog.Decision.DROP: "Dropped: they are recorded as missed, and nothing is sent.",
}


@admin.register(Backlog)
class BacklogAdmin(WrittenByFoam, ModelAdmin):
    list_display = (
        "opened_at",
        "due_before",
        "decision",
        "decider",
        "decided_at",
        "cleared_count",
        "ended_at",
    )
    list_select_related = ("decided_by",)
    ordering = ("-id",)
    fields = (*list_display, "rate")
    readonly_fields = fields

    @admin.display(description="who")
    def decider(self, backlog: Backlog) -> str:
        return backlog.decider

    def get_urls(self) -> Any:
        view = require_http_methods(["GET", "POST"])(self.admin_site.admin_view(self.page))
        return [path("now/", view, name="reminders_backlog"), *super().get_urls()]

    def page(self, request: HttpRequest) -> HttpResponse:
        """Show the backlog, or decide by POST; all decisions but hold need a confirmation."""
        may_decide = request.user.has_perm("reminders.decide_backlog")
        if not (may_decide or self.has_view_permission(request)):
            raise PermissionDenied
        decision, error = "", ""
        if request.method == "POST":
            if not may_decide:
                raise PermissionDenied
            decision = request.POST.get("decision", "")
            if decision == Backlog.Decision.HOLD or "sure" in request.POST:
                try:
                    return self._decide(request, decision)
                except ValidationError as refusal:
                    decision, error = "", " ".join(refusal.messages)
        return self._show(request, may_decide, decision, error)

    def _decide(self, request: HttpRequest, decision: str) -> HttpResponse:
        backlog_id, rate = (_number(request, name) for name in ("seen", "rate"))
        backlog = overdue.decide(decision, timezone.now(), rate, backlog_id)
        self.log_change(request, backlog, backlog.text)
        self.message_user(request, DECIDED[Backlog.Decision(decision)])
        return redirect("admin:reminders_backlog")

    def _show(
        self, request: HttpRequest, may_decide: bool, decision: str, error: str
    ) -> HttpResponse:
        try:
            rate = _number(request, "rate")
        except ValidationError as refusal:
            rate, decision, error = None, "", error or " ".join(refusal.messages)
        now = timezone.now()
        outlook = forecast(now, rate)
        outcomes = (outcome for outcome in outlook.outcomes if outcome.decision == decision)
        zone = request.user.timezone  # type: ignore[union-attr]
        backlog = outlook.backlog
        is_held = backlog is not None and backlog.decision == Backlog.Decision.HOLD
        context = {
            **self.admin_site.each_context(request),
            "title": "Backlog",
            "opts": self.opts,
            "outlook": outlook,
            "backlog": backlog,
            "seen": backlog.pk if backlog else 0,
            "rate": outlook.rate,
            "error": error,
            "chosen": next(outcomes, None),
            "may_decide": may_decide and outlook.overdue > 0,
            "may_hold": not is_held,
            "label_type": "warning" if is_held else "info",
            "hold_text": DECISION_TEXTS[Backlog.Decision.HOLD],
            "oldest": outlook.oldest_due_at and format_instant(outlook.oldest_due_at, zone),
            "due_before": format_instant(outlook.due_before, zone),
            "decided_at": backlog and format_instant(backlog.decided_at, zone),
            "opened_at": backlog and format_instant(backlog.opened_at, zone),
        }
        return TemplateResponse(request, "reminders/backlog.html", context)


def _number(request: HttpRequest, name: str) -> int | None:
    """Read a number of the form; None if it is empty."""
    text = request.POST.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ValidationError({name: f"{name}: must be a whole number, 0 or more."})
    return int(text)
