"""What has to read a big table whole, beside a FOAM at work: nobody waits for it."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("reminders", "0008_loop")]

    operations = [
        ValidateConstraint("occurrence", "reminders_occurrence_missed_has_reason"),
        ValidateConstraint("occurrence", "reminders_occurrence_answered_is_quiet"),
        AddIndexConcurrently(
            "occurrence",
            models.Index(
                condition=models.Q(("follow_up_at__isnull", False)),
                fields=["follow_up_at"],
                name="reminders_occurrence_follow_up",
            ),
        ),
    ]
