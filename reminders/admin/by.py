from django.http import HttpRequest

from reminders.actions.responses import Actor


def by(request: HttpRequest) -> Actor:
    """Return who answers, as the loop keeps it."""
    return Actor("admin", request.user.pk)
