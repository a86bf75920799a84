from django.db import migrations

REFUSE = """
CREATE TRIGGER notifications_channel_refuse_closed BEFORE INSERT ON notifications_channel
FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0009_holding_validated'),
        ('accounts', '0005_sign_in'),
    ]

    operations = [
        migrations.RunSQL(
            REFUSE, "DROP TRIGGER notifications_channel_refuse_closed ON notifications_channel"
        ),
    ]
