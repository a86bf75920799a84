from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Beside a running FOAM: the indexes are built without a lock that anybody waits for.
    atomic = False

    dependencies = [
        ('notifications', '0015_pause_validated'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='delivery',
            index=models.Index(condition=models.Q(('status__in', ['dead', 'cancelled'])), fields=['channel', '-id'], name='notifications_delivery_bad_end'),
        ),
        AddIndexConcurrently(
            model_name='inboxmessage',
            index=models.Index(fields=['channel', '-id'], name='notifications_inbox_list'),
        ),
    ]
