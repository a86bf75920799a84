import accounts.models.user
import reminders.models.fields
import datetime
from pathlib import Path

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models

from accounts.models.duration_fields import DurationRange
from reminders import initial_rows

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    initial = True

    # A database that has all of these has the tables below.
    replaces = [
        ("reminders", "0002_tick"),
        ("reminders", "0003_hot_tables"),
        ("reminders", "0004_tally"),
        ("reminders", "0005_prune"),
        ("reminders", "0006_change"),
        ("reminders", "0007_canary"),
        ("reminders", "0008_loop"),
        ("reminders", "0009_loop_at_work"),
        ("reminders", "0010_number"),
        ("reminders", "0011_revision"),
        ("reminders", "0012_past"),
        ("reminders", "0013_closing"),
        ("reminders", "0014_history"),
        ("reminders", "0015_backlog"),
        ("reminders", "0016_pause"),
        ("reminders", "0017_pause_index"),
        ("reminders", "0018_leads_of_days"),
        ("reminders", "0019_restored"),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("accounts", "0001_initial"),
        ("notifications", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reminder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(help_text="May have placeholders, as may the body: {due}, {due_date}, {due_time}, {lead}, {number}.", max_length=200)),
                ("body", models.TextField(blank=True, max_length=10000)),
                ("starts_at", reminders.models.fields.WallClockField(help_text="Wall-clock time in the time zone below.")),
                ("timezone", models.CharField(max_length=64, validators=[accounts.models.user.validate_timezone])),
                ("recurrence", models.CharField(blank=True, help_text="How often? Leave empty for once, or write an RFC 5545 rule such as FREQ=WEEKLY;BYDAY=MO, or 5-field cron.", max_length=500)),
                ("exdates", ArrayField(base_field=reminders.models.fields.WallClockField(), blank=True, default=list, size=500)),
                ("rdates", ArrayField(base_field=reminders.models.fields.WallClockField(), blank=True, default=list, size=500)),
                ("gap", models.CharField(choices=[("after", "after"), ("before", "before"), ("skip", "skip")], default="after", max_length=8)),
                ("fold", models.CharField(choices=[("first", "first"), ("second", "second"), ("both", "both")], default="first", max_length=8)),
                ("leads", reminders.models.fields.LeadsField(base_field=reminders.models.fields.LeadField(), default=reminders.models.fields.no_leads, size=10)),
                ("misfire", models.CharField(choices=[("latest", "latest"), ("all", "all"), ("none", "none")], default="latest", max_length=8)),
                ("grace", models.DurationField(default=datetime.timedelta(seconds=300), validators=[DurationRange(datetime.timedelta(0), datetime.timedelta(days=366))])),
                ("nag_every", models.DurationField(blank=True, help_text="Say it again after this long, until it is acknowledged.", null=True, validators=[DurationRange(datetime.timedelta(seconds=60), datetime.timedelta(days=30))])),
                ("nag_max", models.SmallIntegerField(db_default=3, default=3, help_text="How often to say it again, at most.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)])),
                ("escalate_after", models.DurationField(blank=True, help_text="After this long without an answer, tell the channels below once.", null=True, validators=[DurationRange(datetime.timedelta(seconds=60), datetime.timedelta(days=30))])),
                ("urgent", models.BooleanField(db_default=False, default=False, help_text="Is not held back by quiet hours.")),
                ("tags", ArrayField(base_field=models.CharField(max_length=50), blank=True, default=list, size=20)),
                ("external_id", models.CharField(blank=True, max_length=200, null=True)),
                ("status", models.CharField(choices=[("active", "Active"), ("paused", "Paused"), ("finished", "Finished")], default="active", max_length=16)),
                ("paused_until", models.DateTimeField(editable=False, null=True)),
                ("next_fire_at", models.DateTimeField(editable=False, null=True)),
                ("next_due_at", models.DateTimeField(editable=False, null=True)),
                ("next_lead", reminders.models.fields.LeadField(default=reminders.models.fields.no_lead, editable=False)),
                ("next_walls", ArrayField(base_field=reminders.models.fields.WallClockField(), blank=True, editable=False, null=True, size=None)),
                ("missed_count", models.PositiveIntegerField(default=0, editable=False)),
                ("fired_count", models.IntegerField(db_default=0, default=0, editable=False)),
                ("fired_due_at", models.DateTimeField(editable=False, null=True)),
                ("error", models.TextField(blank=True, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("channels", models.ManyToManyField(blank=True, related_name="reminders", to="notifications.channel")),
                ("escalate_channels", models.ManyToManyField(blank=True, related_name="escalations", to="notifications.channel")),
                ("owner", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="reminders", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "active")),
                        fields=["next_fire_at"],
                        name="reminders_reminder_due",
                    ),
                    models.Index(fields=["owner", "-id"], name="reminders_reminder_list"),
                    models.Index(
                        condition=models.Q(("paused_until__isnull", False), ("status", "paused")),
                        fields=["paused_until"],
                        name="reminders_reminder_resume",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("next_due_at__isnull", False),
                                ("next_fire_at__isnull", False),
                                ("status", "active"),
                            ),
                            models.Q(
                                ("next_due_at__isnull", True),
                                ("next_fire_at__isnull", True),
                                ("status__in", ["paused", "finished"]),
                            ),
                            _connector="OR",
                        ),
                        name="reminders_reminder_active_has_next",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("deleted_at", None), ("status", "finished"), _connector="OR"
                        ),
                        name="reminders_reminder_deleted_is_finished",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None), ("external_id__isnull", False)),
                        fields=("owner", "external_id"),
                        name="reminders_reminder_external_id_once_per_owner",
                        violation_error_message="You already have a reminder with this external_id.",
                    ),
                ],
            },
        ),
        # The tick reads the first entries of the index of due reminders: dead ones must not pile up
        # there, so vacuum comes by the number of changed rows.
        migrations.RunSQL(
            """
            ALTER TABLE reminders_reminder SET (autovacuum_vacuum_scale_factor = 0,
                autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
            CREATE TRIGGER reminders_reminder_refuse_closed BEFORE INSERT ON reminders_reminder
            FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed();
            """,
            migrations.RunSQL.noop,
        ),
        migrations.CreateModel(
            name="Revision",
            fields=[
                ("reminder", models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="+", serialize=False, to="reminders.reminder")),
                ("xid", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("owner", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["owner", "xid", "reminder"], name="reminders_revision_order"
                    ),
                    models.Index(fields=["at"], name="reminders_revision_old"),
                ],
            },
        ),
        migrations.RunSQL(
            (SQL / "revision.sql").read_text(),
            "DROP FUNCTION reminders_revision_created, reminders_revision_changed CASCADE",
        ),
        migrations.CreateModel(
            name="Change",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("face", models.CharField(blank=True, choices=[("foam", "FOAM"), ("admin", "Admin"), ("api", "API"), ("account", "Own account"), ("command", "Command"), ("import", "Import"), ("link", "Link")], db_default="", default="", max_length=16)),
                ("diff", models.JSONField(null=True)),
                ("at", models.DateTimeField()),
                ("verb", models.CharField(choices=[("created", "Created"), ("edited", "Edited"), ("paused", "Paused"), ("resumed", "Resumed"), ("deleted", "Deleted"), ("restored", "Restored"), ("triggered", "Triggered"), ("set_aside", "Set Aside"), ("replanned", "Replanned")], max_length=16)),
                ("before", models.JSONField()),
                ("detail", models.TextField(blank=True)),
                ("token", models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="accounts.apitoken")),
                ("user", models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("reminder", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="reminders.reminder")),
            ],
            options={
                "ordering": ["at", "id"],
                "indexes": [
                    models.Index(fields=["reminder", "at"], name="reminders_change_of_reminder"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Occurrence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("due_at", models.DateTimeField()),
                ("lead", reminders.models.fields.LeadField(default=reminders.models.fields.no_lead)),
                ("status", models.CharField(choices=[("pending", "Pending"), ("acknowledged", "Acknowledged"), ("snoozed", "Snoozed"), ("skipped", "Skipped"), ("missed", "Missed")], max_length=16)),
                ("reason", models.TextField(blank=True)),
                ("recorded_at", models.DateTimeField()),
                ("follow_up_at", models.DateTimeField(editable=False, null=True)),
                ("speaks_again_at", models.DateTimeField(editable=False, null=True)),
                ("snoozes", models.IntegerField(db_default=0, default=0, editable=False)),
                ("nags", models.SmallIntegerField(db_default=0, default=0, editable=False)),
                ("escalated_at", models.DateTimeField(editable=False, null=True)),
                ("reminder", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="occurrences", to="reminders.reminder")),
            ],
            options={
                "indexes": [
                    BrinIndex(
                        fields=["recorded_at"], name="reminders_occurrence_period"
                    ),
                    models.Index(
                        condition=models.Q(("follow_up_at__isnull", False)),
                        fields=["follow_up_at"],
                        name="reminders_occurrence_follow_up",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("reminder", "due_at", "lead"), name="reminders_occurrence_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("reason", ""),
                                ("status__in", ["pending", "acknowledged", "snoozed"]),
                            ),
                            models.Q(
                                ("status__in", ["missed", "skipped"]),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="reminders_occurrence_missed_has_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("follow_up_at", None),
                            ("status__in", ["pending", "snoozed"]),
                            _connector="OR",
                        ),
                        name="reminders_occurrence_answered_is_quiet",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Response",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("verb", models.CharField(choices=[("acknowledged", "Acknowledged"), ("snoozed", "Snoozed"), ("skipped", "Skipped")], max_length=16)),
                ("at", models.DateTimeField()),
                ("face", models.CharField(choices=[("api", "API"), ("admin", "Admin"), ("link", "Link"), ("command", "Command")], max_length=16)),
                ("detail", models.TextField(blank=True)),
                ("channel", models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="notifications.channel")),
                ("occurrence", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="responses", to="reminders.occurrence")),
                ("user", models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="OccurrenceTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("status", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=100)),
                ("recorded", models.PositiveIntegerField(default=0)),
                ("pruned", models.PositiveIntegerField(default=0)),
            ],
            options={
                "db_table": "reminders_tally",
                "verbose_name": "tally",
                "verbose_name_plural": "tallies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["fired", "skipped", "missed"])),
                        name="reminders_tally_status_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            (SQL / "tally.sql").read_text(),
            "DROP FUNCTION reminders_tally_recorded CASCADE",
        ),
        migrations.CreateModel(
            name="Backlog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("opened_at", models.DateTimeField()),
                ("due_before", models.DateTimeField()),
                ("decision", models.CharField(choices=[("hold", "Hold"), ("release", "Release"), ("coalesce", "Coalesce"), ("drop", "Drop")], max_length=16)),
                ("rate", models.PositiveIntegerField()),
                ("decided_at", models.DateTimeField()),
                ("face", models.CharField(blank=True, choices=[("api", "API"), ("admin", "Admin"), ("link", "Link"), ("command", "Command")], max_length=16)),
                ("paced_at", models.DateTimeField()),
                ("cleared_count", models.PositiveIntegerField(db_column="taken", db_default=0, default=0, verbose_name="taken")),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("decided_by", models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "ordering": ["-id"],
                "permissions": [("decide_backlog", "Can decide what becomes of a backlog")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("ended_at",),
                        name="reminders_backlog_one_open",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("decision__in", ["hold", "release", "coalesce", "drop"])
                        ),
                        name="reminders_backlog_decision_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("decision__in", ["hold", "release"]),
                            models.Q(("face", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="reminders_backlog_somebody_decided",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(
            (SQL / "own_tasks.sql").read_text(),
            "DROP FUNCTION reminders_keep_own_task, reminders_keep_interval, "
            "reminders_seconds CASCADE",
        ),
        migrations.RunPython(initial_rows.add, initial_rows.remove),
    ]
