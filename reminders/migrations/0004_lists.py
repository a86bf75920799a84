from pathlib import Path

from django.db import migrations, models
from django.db.models import Q

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Indexes for each order and filter of the lists; they are built with FOAM stopped."""

    dependencies = [("reminders", "0003_plan")]

    operations = [
        *(
            migrations.AddIndex(
                "reminder",
                models.Index(
                    fields=["owner", *columns],
                    condition=Q(deleted_at=None),
                    name=f"reminders_reminder_by_{columns[0].removesuffix('_at')}",
                ),
            )
            for columns in (["id"], ["title", "id"], ["created_at", "id"], ["updated_at", "id"])
        ),
        migrations.AddIndex(
            "plan",
            models.Index(
                fields=["owner", "status", "reminder"],
                condition=~Q(status="active"),
                name="reminders_plan_idle",
            ),
        ),
        migrations.RunSQL(
            (SQL / "lists.sql").read_text(),
            "ALTER TABLE reminders_reminder DROP COLUMN keys; DROP FUNCTION reminders_keys, reminders_word_key",
        ),
    ]
