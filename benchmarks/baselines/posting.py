"""One HTTP request for a message, as most people write it."""

from typing import TYPE_CHECKING

try:
    import requests
except ImportError:
    # The same library, of pip's own: no dependency for the sake of a comparison.
    from pip._vendor import requests

if TYPE_CHECKING:
    from reminders.models import Reminder

LIBRARY = f"requests {requests.__version__}"


def post(url: str, reminder: "Reminder") -> None:
    answer = requests.post(
        url,
        json={
            "type": "reminder.due",
            "data": {
                "title": reminder.title,
                "body": reminder.body,
                "reminder_id": reminder.pk,
                "timezone": reminder.timezone,
                "due_at": reminder.next_due_at.isoformat(),
            },
        },
        headers={"webhook-id": f"baseline_{reminder.pk}"},
        timeout=15,
    )
    answer.raise_for_status()
