"""A reminder's part in the quotas of its owner."""

from typing import TYPE_CHECKING

from accounts import quotas
from accounts.models import SYSTEM_USER_ID
from notifications.models import Channel
from reminders.models import quota_cost
from reminders.models.reminder_queryset import check_channel_count

if TYPE_CHECKING:
    from reminders.models.reminder import Reminder

# The column's largest value.
MAX_DAILY_MESSAGES = 2**31 - 1


def count_messages(reminder: "Reminder", channel_count: int) -> None:
    """Set the number of messages a day that the schedule sends to `channel_count` channels."""
    reminder.daily_messages = min(
        quota_cost.daily_messages(reminder, channel_count), MAX_DAILY_MESSAGES
    )


def grow_quotas(
    reminder: "Reminder", stored: "Reminder", channels: dict[str, list[Channel] | None]
) -> None:
    """Add what an edit adds to the quotas of the owner; QuotaExceeded."""
    if quota_cost.daily_messages(reminder, 1):
        count_messages(
            reminder,
            sum(
                getattr(reminder, name).count() if rows is None else len(rows)
                for name, rows in channels.items()
            ),
        )
    else:
        reminder.daily_messages = 0
    for name, rows in channels.items():
        if rows is not None:
            check_channel_count(reminder.owner_id, name, rows)
    if reminder.owner_id != SYSTEM_USER_ID:
        quotas.grow(reminder.owner_id, quota_cost.cost_of_edit(stored, reminder))
