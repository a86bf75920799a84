from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Beside a running FOAM: the index is built without a lock that anybody waits for.
    atomic = False

    dependencies = [
        ('reminders', '0016_pause'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='reminder',
            index=models.Index(condition=models.Q(('paused_until__isnull', False), ('status', 'paused')), fields=['paused_until'], name='reminders_reminder_resume'),
        ),
    ]
