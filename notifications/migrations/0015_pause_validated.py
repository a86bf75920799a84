from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    # Beside a running FOAM: the rows are read without a lock that anybody waits for.
    atomic = False

    dependencies = [
        ('notifications', '0014_pause'),
    ]

    operations = [
        ValidateConstraint(
            model_name='delivery',
            name='notifications_delivery_held_known',
        ),
    ]
