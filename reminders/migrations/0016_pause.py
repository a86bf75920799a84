from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reminders', '0015_backlog'),
        # firing.py asks whether everything is paused.
        ('accounts', '0007_pause'),
    ]

    operations = [
        migrations.AddField(
            model_name='reminder',
            name='paused_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
