from datetime import datetime

from django.conf import settings
from django.db import connection, models


class Revision(models.Model):
    """The last change of a reminder: in which transaction, and when. Written by triggers alone.

    A table of its own, as an index of reminders would be written once more whenever one fires.
    """

    # Without foreign keys in the database: what these name is looked up when it is read.
    reminder = models.OneToOneField(
        "reminders.Reminder",
        models.CASCADE,
        primary_key=True,
        related_name="+",
        db_constraint=False,
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    xid = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes = [
            # sync.CHANGED
            models.Index(fields=["owner", "xid", "reminder"], name="reminders_revision_order"),
            # forget
            models.Index(fields=["at"], name="reminders_revision_old"),
        ]

    def __str__(self) -> str:
        return f"{self.reminder_id} in {self.xid}"


FORGET = """
DELETE FROM reminders_revision WHERE reminder_id IN
    (SELECT reminder_id FROM reminders_revision WHERE at < %s LIMIT %s)
"""


def forget(before: datetime, batch: int) -> int:
    """Remove a batch of what no mark that is still good asks for; return how much that was."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [before, batch])
        return cursor.rowcount
