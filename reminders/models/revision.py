"""Revisions: the last change of each reminder, for the sync API."""

from datetime import datetime

from django.conf import settings
from django.db import connection, models


class Revision(models.Model):
    """The transaction and time of a reminder's last change. Written by triggers alone.

    A separate table: PostgreSQL would write an index on reminders whenever one fires.
    """

    # Without foreign keys in the database: sync looks up the rows when it reads them.
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
            # delete_old
            models.Index(fields=["at"], name="reminders_revision_old"),
        ]

    def __str__(self) -> str:
        return f"{self.reminder_id} in {self.xid}"


DELETE_OLD = """
DELETE FROM reminders_revision WHERE reminder_id IN
    (SELECT reminder_id FROM reminders_revision WHERE at < %s LIMIT %s)
"""


def delete_old(before: datetime, batch: int) -> int:
    """Delete up to `batch` revisions older than any valid sync mark; return the number."""
    with connection.cursor() as cursor:
        cursor.execute(DELETE_OLD, [before, batch])
        return cursor.rowcount
