from django.db import migrations

REFUSE = """
CREATE TRIGGER reminders_reminder_refuse_closed BEFORE INSERT ON reminders_reminder
FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reminders', '0012_past'),
        ('accounts', '0005_sign_in'),
    ]

    operations = [
        migrations.RunSQL(
            REFUSE, "DROP TRIGGER reminders_reminder_refuse_closed ON reminders_reminder"
        ),
    ]
