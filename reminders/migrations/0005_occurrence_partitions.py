from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("reminders", "0004_lists")]

    # The state of the models stays: Django sees a partitioned table as any other.
    operations = [migrations.RunSQL((SQL / "occurrence_partitions.sql").read_text())]
