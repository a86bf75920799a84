import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0017_losses'),
    ]

    # The list's index begins with the channel, too, and stands already.
    operations = [
        migrations.AlterField(
            model_name='inboxmessage',
            name='channel',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='inbox_messages', to='notifications.channel'),
        ),
    ]
