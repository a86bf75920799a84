"""Settings of Unfold, the look of the admin: title, colours and navigation."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def _link(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "FOAM",
    "SITE_HEADER": "FOAM",
    "SITE_SYMBOL": "alarm",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("foam/icon.svg")}
    ],
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("foam/admin.css")],
    "SCRIPTS": [lambda request: static("foam/admin.js")],
    "DASHBOARD_CALLBACK": "foam.monitoring.dashboard.add_dashboard",
    "COLORS": {
        # Sea green, from light to dark.
        "primary": {
            "50": "oklch(98% .02 185)",
            "100": "oklch(95% .05 185)",
            "200": "oklch(91% .09 185)",
            "300": "oklch(85% .13 185)",
            "400": "oklch(77% .14 185)",
            "500": "oklch(65% .12 187)",
            "600": "oklch(55% .10 189)",
            "700": "oklch(47% .09 191)",
            "800": "oklch(40% .07 193)",
            "900": "oklch(34% .06 195)",
            "950": "oklch(25% .05 197)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": "Reminders",
                "items": [
                    _link("Reminders", "alarm", "reminders_reminder"),
                    _link("Occurrences", "event_available", "reminders_occurrence"),
                    _link("Pauses", "pause_circle", "accounts_pause"),
                    {
                        "title": "Backlog",
                        "icon": "hourglass_top",
                        "link": reverse_lazy("admin:reminders_backlog"),
                        "permission": lambda request: any(
                            request.user.has_perm(f"reminders.{verb}_backlog")
                            for verb in ("view", "decide")
                        ),
                    },
                ],
            },
            {
                "title": "Notifications",
                "items": [
                    _link("Deliveries", "outgoing_mail", "notifications_delivery"),
                    _link("Channels", "hub", "notifications_channel"),
                    _link("Inbox messages", "inbox", "notifications_inboxmessage"),
                ],
            },
            {
                "title": "People and programs",
                "items": [
                    _link("Users", "person", "accounts_user"),
                    _link("API tokens", "key", "accounts_apitoken"),
                    _link("Groups", "group", "auth_group"),
                ],
            },
            {
                "title": "Scheduler",
                "collapsible": True,
                "items": [
                    _link("Periodic tasks", "schedule", "django_celery_beat_periodictask"),
                    _link("Intervals", "timer", "django_celery_beat_intervalschedule"),
                    _link("Crontabs", "calendar_month", "django_celery_beat_crontabschedule"),
                    _link("Clocked", "alarm_on", "django_celery_beat_clockedschedule"),
                    _link("Solar events", "wb_twilight", "django_celery_beat_solarschedule"),
                ],
            },
        ],
    },
}
