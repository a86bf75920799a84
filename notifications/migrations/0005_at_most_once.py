from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0004_null_channel'),
    ]

    operations = [
        migrations.AddField(
            model_name='channel',
            name='at_most_once',
            field=models.BooleanField(default=False, help_text='Rather lose a message than repeat one that may have arrived.'),
        ),
    ]
