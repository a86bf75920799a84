from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models
from django.db.models import Q

from reminders.models.fields import LeadField, WallClockField, no_lead

SQL = Path(__file__).parent / "sql"

COLUMNS = (
    "status, paused_until, next_fire_at, next_due_at, next_lead, next_walls, missed_count,"
    " fired_count, fired_due_at, error"
)


class Migration(migrations.Migration):
    """Moves what a firing writes into a table of its own.

    Processes of the release before cannot work on the new tables: stop them, migrate, start anew.
    Nothing is lost meanwhile, as what is due then fires afterwards.
    """

    dependencies = [
        ("reminders", "0002_quotas"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("reminder", models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="plan", serialize=False, to="reminders.reminder")),
                ("owner", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("status", models.CharField(choices=[("active", "Active"), ("paused", "Paused"), ("finished", "Finished")], default="active", max_length=16)),
                ("paused_until", models.DateTimeField(null=True)),
                ("next_fire_at", models.DateTimeField(null=True)),
                ("next_due_at", models.DateTimeField(null=True)),
                ("next_lead", LeadField(default=no_lead)),
                ("next_walls", ArrayField(base_field=WallClockField(), null=True, size=None)),
                ("missed_count", models.PositiveIntegerField(default=0)),
                ("fired_count", models.IntegerField(default=0)),
                ("fired_due_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
            ],
        ),
        migrations.RunSQL(
            f"INSERT INTO reminders_plan (reminder_id, owner_id, {COLUMNS})"
            f" SELECT id, owner_id, {COLUMNS} FROM reminders_reminder"
        ),
        *(
            migrations.RemoveConstraint("reminder", f"reminders_reminder_{name}")
            for name in ("active_has_next", "deleted_is_finished")
        ),
        *(
            migrations.RemoveIndex("reminder", f"reminders_reminder_{name}")
            for name in ("due", "resume")
        ),
        *(migrations.RemoveField("reminder", name) for name in COLUMNS.replace(",", "").split()),
        migrations.AddIndex("plan", models.Index(condition=Q(status="active"), fields=["next_fire_at"], name="reminders_plan_due")),
        migrations.AddIndex("plan", models.Index(fields=["owner", "next_due_at", "reminder"], name="reminders_plan_next")),
        migrations.AddIndex("plan", models.Index(condition=Q(status="paused", paused_until__isnull=False), fields=["paused_until"], name="reminders_plan_resume")),
        migrations.AddConstraint(
            "plan",
            models.CheckConstraint(
                condition=Q(status="active", next_fire_at__isnull=False, next_due_at__isnull=False)
                | Q(status__in=["paused", "finished"], next_fire_at__isnull=True, next_due_at__isnull=True),
                name="reminders_plan_active_has_next",
            ),
        ),
        migrations.RunSQL((SQL / "plan.sql").read_text()),
    ]
