from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):

    # Beside a running FOAM: the indexes are built, and the constraints checked, without a lock that
    # anybody waits for.
    atomic = False

    dependencies = [
        ('notifications', '0008_holding'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='delivery',
            index=models.Index(condition=models.Q(('held__in', ['digest', 'flood']), ('next_attempt_at__isnull', False)), fields=['next_attempt_at', 'channel'], name='notifications_delivery_window'),
        ),
        AddIndexConcurrently(
            model_name='delivery',
            index=models.Index(condition=models.Q(('digest__isnull', False)), fields=['digest'], name='notifications_delivery_digest'),
        ),
        ValidateConstraint(
            model_name='delivery',
            name='notifications_delivery_finished_or_scheduled',
        ),
        ValidateConstraint(
            model_name='delivery',
            name='notifications_delivery_held_known',
        ),
        ValidateConstraint(
            model_name='delivery',
            name='notifications_delivery_collected_in_digest',
        ),
    ]
