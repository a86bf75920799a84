"""The outcomes of occurrences, for the pages of a reminder and of an occurrence."""

from datetime import datetime

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.timezones import format_both_clocks, format_instant
from notifications.admin import DELIVERY_COLOURS
from notifications.explain import html
from notifications.explain.delivery import outcome_of
from reminders.explain.explanation import explain_occurrence
from reminders.explain.follow_ups import deliveries_by_occurrence
from reminders.explain.verdicts import OCCURRENCE, Verdict
from reminders.models import Occurrence, Reminder
from reminders.schedule.message import format_lead

LISTED_OCCURRENCES = 5
VERDICT_COLOURS = {
    Verdict.LOST: "danger",
    Verdict.OVERDUE: "danger",
    Verdict.UNDELIVERED: "danger",
    Verdict.MISSED: "warning",
    Verdict.SKIPPED: "warning",
    Verdict.PAUSED: "warning",
    Verdict.SENT: "success",
    Verdict.ACKNOWLEDGED: "success",
}
OCCURRENCE_COLOURS = {
    Occurrence.Status.PENDING: "info",
    Occurrence.Status.ACKNOWLEDGED: "success",
    Occurrence.Status.SNOOZED: "warning",
    Occurrence.Status.SKIPPED: "warning",
    Occurrence.Status.MISSED: "danger",
}
# The pages that the steps of an explanation lead to.
PAGES = {
    **html.PAGES,
    "reminder": "admin:reminders_reminder_change",
    **dict.fromkeys(OCCURRENCE.values(), "admin:reminders_occurrence_change"),
}


def last_outcomes(reminder: Reminder, now: datetime) -> SafeString | str:
    """Return the last occurrences of a reminder as HTML, each with its deliveries' outcomes."""
    last = list(reminder.occurrences.order_by("-due_at", "-lead")[:LISTED_OCCURRENCES])
    if not last:
        return "None yet."
    deliveries = deliveries_by_occurrence(reminder, last)
    rows = [
        {
            "occurrence": row,
            "due": format_instant(row.due_at, reminder.clock),
            "lead": format_lead(row.lead) if row.lead else "",
            "colour": OCCURRENCE_COLOURS.get(Occurrence.Status(row.status), "info"),
            "deliveries": [
                {
                    "delivery": delivery,
                    "colour": DELIVERY_COLOURS[delivery.status],
                    "outcome": outcome_of(
                        delivery, now, lambda at: format_both_clocks(at, reminder.clock)
                    ),
                }
                for delivery in deliveries[row.pk]
            ],
        }
        for row in last
    ]
    return render_to_string("reminders/outcomes.html", {"rows": rows})


def story(occurrence: Occurrence, now: datetime) -> SafeString:
    """Return one occurrence as HTML: its rule, its due time, its firing and each attempt."""
    explanation = explain_occurrence(occurrence, now)
    here = reverse("admin:reminders_occurrence_change", args=[occurrence.pk])
    context = {
        "explanation": explanation,
        "colour": VERDICT_COLOURS.get(explanation.verdict, "info"),
        "lines": html.lines_of(explanation.steps, explanation.timezone, PAGES, here),
    }
    return render_to_string("reminders/story.html", context)
