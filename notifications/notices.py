"""What FOAM itself has to tell users, in words."""

from datetime import datetime
from typing import Any

from django.conf import settings

LONGEST_REASON = 500


def disabled(channel: str, reason: str, channel_id: int, at: datetime) -> dict[str, Any]:
    """Say that a channel was disabled: what, why, and how to use it again; a delivery's fields."""
    return {
        "reference": f"notice:channel:{channel_id}:{at:%Y%m%dT%H%M%S%fZ}",
        "title": f"FOAM no longer sends to {channel}"[:200],
        "body": (
            f"{channel} was disabled.\n"
            f"Why: {_sentence(reason[:LONGEST_REASON])}\n\n"
            "Your reminders still go to their other channels. Once it works again, enable it: POST "
            f"{settings.FOAM_BASE_URL}/api/v1/channels/{channel_id}/enable/, or ask your "
            "administrator. What was cancelled meanwhile is not sent again."
        ),
        "due_at": at,
        "data": {"type": "channel.disabled", "channel_id": channel_id},
    }


def _sentence(text: str) -> str:
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."
