from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Beside a running FOAM: the indexes are built without a lock that anybody waits for.
    atomic = False

    dependencies = [
        ('notifications', '0010_closing'),
    ]

    operations = [
        migrations.CreateModel(
            name='Meter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('series', models.TextField()),
                ('value', models.FloatField()),
            ],
        ),
        AddIndexConcurrently(
            model_name='channel',
            index=models.Index(condition=models.Q(('deleted_at', None), ('disabled_at__isnull', False)), fields=['id'], name='notifications_channel_disabled'),
        ),
        AddIndexConcurrently(
            model_name='channel',
            index=models.Index(condition=models.Q(('held_until__isnull', False)), fields=['held_until'], name='notifications_channel_held'),
        ),
    ]
