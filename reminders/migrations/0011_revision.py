import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

MARK = """
CREATE FUNCTION reminders_revision_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reminders_revision (reminder_id, owner_id, xid, at)
    SELECT id, owner_id, pg_current_xact_id()::text::bigint, clock_timestamp() FROM inserted
    ON CONFLICT (reminder_id) DO UPDATE
        SET owner_id = EXCLUDED.owner_id, xid = EXCLUDED.xid, at = EXCLUDED.at;
    RETURN NULL;
END $$;
CREATE FUNCTION reminders_revision_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reminders_revision (reminder_id, owner_id, xid, at)
    VALUES (NEW.id, NEW.owner_id, pg_current_xact_id()::text::bigint, clock_timestamp())
    ON CONFLICT (reminder_id) DO UPDATE
        SET owner_id = EXCLUDED.owner_id, xid = EXCLUDED.xid, at = EXCLUDED.at;
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_reminder_created AFTER INSERT ON reminders_reminder
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION reminders_revision_created();
-- A firing does not name the version, and so does not come here.
CREATE TRIGGER reminders_reminder_changed AFTER UPDATE OF version ON reminders_reminder
FOR EACH ROW WHEN (OLD.version IS DISTINCT FROM NEW.version)
EXECUTE FUNCTION reminders_revision_changed();
"""

MARK_NO_MORE = """
DROP TRIGGER reminders_reminder_changed ON reminders_reminder;
DROP TRIGGER reminders_reminder_created ON reminders_reminder;
DROP FUNCTION reminders_revision_changed();
DROP FUNCTION reminders_revision_created();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reminders', '0010_number'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Revision',
            fields=[
                ('reminder', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='reminders.reminder')),
                ('xid', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('owner', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [
                    models.Index(fields=['owner', 'xid', 'reminder'], name='reminders_revision_order'),
                    models.Index(fields=['at'], name='reminders_revision_old'),
                ],
            },
        ),
        migrations.RunSQL(MARK, MARK_NO_MORE),
    ]
