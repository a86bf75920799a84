"""The front page of the admin: health, reminders due, messages sent, clock changes ahead."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, TypeVar

from django.contrib import admin
from django.db import Error, models
from django.http import HttpRequest
from django.utils import timezone

from accounts.timezones import zone
from foam.monitoring.dashboard import charts, clock_changes, due, state
from foam.monitoring.metrics import bounded
from notifications.metrics import hourly
from notifications.models import Delivery
from reminders.models import Reminder

HOURS_BACK = 24
T = TypeVar("T")


def add_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the page's context with the parts that this member of staff may view."""
    user: Any = request.user
    now, here = timezone.now(), zone(user.timezone)

    def may_view(model: type[models.Model]) -> bool:
        return admin.site.get_model_admin(model).has_view_permission(request)

    return {**context, "dashboard": read_dashboard(now, here, may_view)}


def read_dashboard(now: datetime, here: tzinfo, may_view: state.MayView) -> dict[str, Any]:
    """Return the page's parts at `now`, in local time of `here`; None for parts of hidden models.

    A part whose query is too slow or fails is None too, and its name is added to `unread`.
    """
    unread: list[str] = []

    def part(name: str, reading: Callable[[], T], model: type[models.Model]) -> T | None:
        if not may_view(model):
            return None
        try:
            with bounded():
                return reading()
        except Error:
            unread.append(name)
            return None

    last = part("what was sent", lambda: hourly.last(HOURS_BACK, now), Delivery)
    ahead = part("what is due", lambda: due.read(now), Reminder)
    changes = part("clock changes", lambda: clock_changes.read(now), Reminder)
    return {
        "state": state.read(now, last or [], may_view),
        "as_of": now.astimezone(here),
        "zone": str(here),
        "due": ahead and charts.draw_due(ahead, here),
        "due_at": ahead and ahead.at.astimezone(here),
        "sent": None if last is None else list(charts.draw_sent(last, here)),
        "lateness": last and charts.draw_lateness(last, here),
        "changes": changes,
        "changes_at": changes and changes.at.astimezone(here),
        "unread": unread,
    }
