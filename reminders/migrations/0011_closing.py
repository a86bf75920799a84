from django.db import migrations

REFUSE = """
CREATE TRIGGER reminders_reminder_refuse_closed BEFORE INSERT ON reminders_reminder
FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reminders', '0010_number'),
        ('accounts', '0003_sign_in'),
    ]

    operations = [
        migrations.RunSQL(
            REFUSE, "DROP TRIGGER reminders_reminder_refuse_closed ON reminders_reminder"
        ),
    ]
