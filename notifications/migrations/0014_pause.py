from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0013_history'),
        # lease.py asks whether everything is paused.
        ('accounts', '0007_pause'),
    ]

    # Deliveries are not read while they are locked: what takes time is left to the next migration.
    operations = [
        migrations.RemoveConstraint(
            model_name='delivery',
            name='notifications_delivery_held_known',
        ),
        migrations.AddField(
            model_name='channel',
            name='paused_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='channel',
            name='paused_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='held',
            field=models.CharField(choices=[('quiet', 'Quiet'), ('digest', 'Digest'), ('flood', 'Flood'), ('alone', 'Alone'), ('paused', 'Paused')], max_length=8, null=True),
        ),
        migrations.AddIndex(
            model_name='channel',
            index=models.Index(condition=models.Q(('paused_until__isnull', False)), fields=['paused_until'], name='notifications_channel_paused'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('paused_at', None), ('paused_until', None)), models.Q(('paused_at__isnull', False), ('paused_until__isnull', False)), _connector='OR'), name='notifications_channel_pause_ends'),
        ),
        AddConstraintNotValid(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(('held', None), ('held__in', ['quiet', 'digest', 'flood', 'alone', 'paused']), _connector='OR'), name='notifications_delivery_held_known'),
        ),
    ]
