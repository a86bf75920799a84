from django.db import migrations

# What was changed before its trigger was there. Without a lock on reminders: it may take a while.
RECALL = """
INSERT INTO reminders_revision (reminder_id, owner_id, xid, at)
SELECT id, owner_id, pg_current_xact_id()::text::bigint, updated_at FROM reminders_reminder
ON CONFLICT (reminder_id) DO NOTHING
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reminders', '0011_revision'),
    ]

    operations = [
        migrations.RunSQL(RECALL, migrations.RunSQL.noop),
    ]
