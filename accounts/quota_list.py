"""The quotas of a user: what FOAM keeps for one account at most. Pure: foam.settings reads it.

The defaults are far above honest use. Each is a setting, FOAM_QUOTA_ and its name in capitals, and
staff can give one user another value: see `accounts.models.quota`.
"""

from typing import NamedTuple


class Quota(NamedTuple):
    """A limit of one user; `unit` ends the sentence "You have 7 of 10 …"."""

    name: str
    default: int
    unit: str
    remedy: str

    @property
    def setting(self) -> str:
        return f"FOAM_QUOTA_{self.name.upper()}"


DELETE_REMINDERS = "delete reminders that you do not need"
QUOTAS = [
    Quota("reminders", 100_000, "reminders that are not deleted", DELETE_REMINDERS),
    Quota(
        "stored_reminders",
        500_000,
        "stored reminders, deleted ones included",
        "change reminders instead of deleting and creating them",
    ),
    Quota(
        "word_bytes",
        200_000_000,
        "bytes of titles, texts, tags, dates and their history",
        "shorten your texts, or edit them less often",
    ),
    # 60 reminders that fire each minute; one of each day counts as 1 for each channel and lead.
    Quota(
        "daily_messages",
        100_000,
        "messages a day by the schedules of your reminders",
        "let reminders fire, nag or announce themselves less often, or to fewer channels",
    ),
    Quota("reminder_channels", 50, "channels of one reminder", "use fewer channels for it"),
    Quota("channels", 100, "channels", "delete one"),
    Quota(
        "stored_channels",
        2_000,
        "stored channels, deleted ones included",
        "change a channel instead of deleting and creating it",
    ),
    Quota("pauses", 1_000, "stored pauses, ended ones included", "change a pause instead"),
    Quota("tokens", 50, "valid tokens", "revoke one first"),
    Quota(
        "stored_tokens",
        10_000,
        "stored tokens, revoked ones included",
        "use a token for longer",
    ),
    Quota("feeds", 20, "valid calendar feeds", "revoke the token of one"),
]
BY_NAME = {quota.name: quota for quota in QUOTAS}
# The quotas of a single row, of which a user has no use to show.
OF_ONE_ROW = ("reminder_channels",)
# The quotas whose use `accounts_usage` counts, as counting rows would take too long.
COUNTED = ("reminders", "stored_reminders", "word_bytes", "daily_messages")
