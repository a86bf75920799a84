"""Whether the books balance: `manage.py ledger` where there is one, else a count of our own."""

import subprocess
import sys

from django.core.management import get_commands
from django.db import connection

from foam.rig.stack import Rig
from foam.stack.folder import PROJECT
from notifications.models import Delivery
from reminders.models import REFERENCE, Occurrence

# What should have been posted and was not, and what was posted for nothing.
ASTRAY = """
SELECT
    (SELECT count(*) FROM reminders_occurrence o
     JOIN reminders_reminder_channels c ON c.reminder_id = o.reminder_id
     WHERE o.status = 'pending' AND NOT EXISTS (
        SELECT FROM notifications_delivery d
        WHERE d.channel_id = c.channel_id AND d.reference = %(prefix)s || o.id)),
    (SELECT count(*) FROM notifications_delivery d WHERE NOT EXISTS (
        SELECT FROM reminders_occurrence o WHERE %(prefix)s || o.id = d.reference))
"""


def balance(rig: Rig) -> tuple[str, bool]:
    """Return what the ledger says, in a line, and whether it balances."""
    if "ledger" in get_commands():
        return of_the_command(rig)
    with connection.cursor() as cursor:
        cursor.execute(ASTRAY, {"prefix": REFERENCE})
        lacking, spare = cursor.fetchone()
    occurrences = Occurrence.objects.count()
    ends = ", ".join(
        f"{Delivery.objects.filter(status=status).count()} {status}" for status in Delivery.Status
    )
    if lacking or spare:
        return f"{lacking} deliveries are lacking, {spare} belong to no occurrence", False
    return f"balances: {occurrences} occurrences; deliveries {ends}", True


def of_the_command(rig: Rig) -> tuple[str, bool]:
    done = subprocess.run(
        [sys.executable, "manage.py", "ledger"],
        cwd=PROJECT,
        env=rig.env,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines() or ["said nothing"]
    return lines[-1], done.returncode == 0
