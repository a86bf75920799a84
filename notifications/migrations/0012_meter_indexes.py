from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Beside a running FOAM: the indexes are built without a lock that anybody waits for.
    atomic = False

    dependencies = [
        ('notifications', '0011_meter'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='channel',
            index=models.Index(condition=models.Q(('deleted_at', None), ('disabled_at__isnull', False)), fields=['id'], name='notifications_channel_disabled'),
        ),
        AddIndexConcurrently(
            model_name='channel',
            index=models.Index(condition=models.Q(('held_until__isnull', False)), fields=['held_until'], name='notifications_channel_held'),
        ),
    ]
