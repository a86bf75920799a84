import accounts.encryption
import datetime
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models
from django.db.models.functions import Now


SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    initial = True

    # A database that has all of these has the tables below.
    replaces = [
        ("notifications", "0002_hot_tables"),
        ("notifications", "0003_tally"),
        ("notifications", "0004_null_channel"),
        ("notifications", "0005_at_most_once"),
        ("notifications", "0006_apprise_and_answers"),
        ("notifications", "0007_verification"),
        ("notifications", "0008_holding"),
        ("notifications", "0009_holding_validated"),
        ("notifications", "0010_closing"),
        ("notifications", "0011_meter"),
        ("notifications", "0012_meter_indexes"),
        ("notifications", "0013_history"),
        ("notifications", "0014_pause"),
        ("notifications", "0015_pause_validated"),
        ("notifications", "0016_list_indexes"),
        ("notifications", "0017_losses"),
        ("notifications", "0018_inbox_index"),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Channel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("inbox", "In-app inbox"), ("email", "E-mail"), ("webhook", "Webhook"), ("apprise", "Chat, push or SMS (Apprise)")], max_length=16)),
                ("name", models.CharField(max_length=100)),
                ("address", models.CharField(blank=True, max_length=2048)),
                ("secret", accounts.encryption.EncryptedTextField(blank=True)),
                ("previous_secret", accounts.encryption.EncryptedTextField(editable=False, null=True)),
                ("previous_secret_until", models.DateTimeField(editable=False, null=True)),
                ("verified_at", models.DateTimeField(editable=False, null=True)),
                ("at_most_once", models.BooleanField(default=False, help_text="Rather lose a message than repeat one that may have arrived.")),
                ("digest_at", models.TimeField(blank=True, help_text="Collect messages and send one digest a day, then, in the owner's time zone.", null=True)),
                ("digest_every", models.DurationField(blank=True, help_text="Collect messages and send a digest so often, from midnight on: 15 min to 24 h.", null=True)),
                ("flood_limit", models.PositiveIntegerField(blank=True, help_text="At most this many messages an hour; the rest arrive together at the end of the hour. Empty: the usual limit (none for webhooks and inboxes). 0: no limit.", null=True)),
                ("disabled_at", models.DateTimeField(editable=False, null=True)),
                ("disabled_reason", models.TextField(blank=True, editable=False)),
                ("deaths", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ("failing_since", models.DateTimeField(editable=False, null=True)),
                ("lost_at", models.DateTimeField(editable=False, null=True)),
                ("rejection", models.CharField(blank=True, db_default="", editable=False, max_length=200)),
                ("rejected_at", models.DateTimeField(editable=False, null=True)),
                ("held_until", models.DateTimeField(editable=False, null=True)),
                ("paused_at", models.DateTimeField(editable=False, null=True)),
                ("paused_until", models.DateTimeField(editable=False, null=True)),
                ("holds", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("owner", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="channels", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("digest_at__isnull", False),
                            ("digest_every__isnull", False),
                            ("flood_limit__gt", 0),
                            models.Q(
                                ("flood_limit__isnull", True),
                                models.Q(("kind__in", ["inbox", "null", "webhook"]), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        fields=["id"],
                        name="notifications_channel_special",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("disabled_at__isnull", False)),
                        fields=["id"],
                        name="notifications_channel_disabled",
                    ),
                    models.Index(
                        condition=models.Q(("held_until__isnull", False)),
                        fields=["held_until"],
                        name="notifications_channel_held",
                    ),
                    models.Index(
                        condition=models.Q(("rejected_at__isnull", False)),
                        fields=["rejected_at"],
                        name="notifications_channel_rejected",
                    ),
                    models.Index(
                        condition=models.Q(("paused_until__isnull", False)),
                        fields=["paused_until"],
                        name="notifications_channel_paused",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("owner", "kind", "address"),
                        name="notifications_channel_once_per_owner",
                        violation_error_message="You already have a channel with this address.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["inbox", "webhook", "email", "apprise", "null"])
                        ),
                        name="notifications_channel_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("id", 0), ("kind", "null")),
                            models.Q(
                                models.Q(("id", 0), _negated=True),
                                models.Q(("kind", "null"), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="notifications_channel_null_is_foams_own",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("previous_secret__isnull", True),
                                ("previous_secret_until__isnull", True),
                            ),
                            models.Q(
                                ("previous_secret__isnull", False),
                                ("previous_secret_until__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="notifications_channel_previous_secret_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("digest_at", None), ("digest_every", None), _connector="OR"
                        ),
                        name="notifications_channel_one_digest",
                        violation_error_message="A digest has a time or a window, not both.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("digest_every", None),
                            (
                                "digest_every__range",
                                (datetime.timedelta(seconds=900), datetime.timedelta(days=1)),
                            ),
                            _connector="OR",
                        ),
                        name="notifications_channel_digest_window",
                        violation_error_message="A digest's window is from 15 minutes to 24 hours long.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("paused_at", None), ("paused_until", None)),
                            models.Q(("paused_at__isnull", False), ("paused_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="notifications_channel_pause_ends",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER notifications_channel_refuse_closed BEFORE INSERT ON notifications_channel
            FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed()
            """,
            migrations.RunSQL.noop,
        ),
        migrations.CreateModel(
            name="ChannelChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("face", models.CharField(blank=True, choices=[("foam", "FOAM"), ("admin", "Admin"), ("api", "API"), ("account", "Own account"), ("command", "Command"), ("import", "Import"), ("link", "Link")], db_default="", default="", max_length=16)),
                ("diff", models.JSONField(null=True)),
                ("at", models.DateTimeField(db_default=Now())),
                ("verb", models.CharField(choices=[("created", "Created"), ("edited", "Edited"), ("verified", "Verified"), ("secret_made", "Secret Made"), ("disabled", "Disabled"), ("enabled", "Enabled"), ("deleted", "Deleted")], max_length=16)),
                ("detail", models.TextField(blank=True)),
                ("channel", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="notifications.channel")),
                ("token", models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="accounts.apitoken")),
                ("user", models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["channel", "at"], name="notifications_channelchange_of"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("channel", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to="notifications.channel")),
                ("nonce", models.CharField(max_length=32)),
                ("expires_at", models.DateTimeField()),
                ("tries", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("tries__lte", 5)),
                        name="notifications_verification_few_tries",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Flood",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("count", models.PositiveIntegerField()),
                ("channel", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="floods", to="notifications.channel")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "hour"), name="notifications_flood_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(db_collation="C", max_length=100)),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField(blank=True)),
                ("due_at", models.DateTimeField()),
                ("data", models.JSONField(default=dict)),
                ("status", models.CharField(choices=[("queued", "Queued"), ("sending", "Sending"), ("sent", "Sent"), ("dead", "Dead"), ("cancelled", "Cancelled"), ("collected", "Collected")], default="queued", max_length=16)),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("max_attempts", models.PositiveSmallIntegerField(default=10)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("reason", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("urgent", models.BooleanField(db_default=False, default=False)),
                ("held", models.CharField(choices=[("quiet", "Quiet"), ("digest", "Digest"), ("flood", "Flood"), ("alone", "Alone"), ("paused", "Paused")], max_length=8, null=True)),
                ("channel", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="deliveries", to="notifications.channel")),
                ("digest", models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="parts", to="notifications.delivery")),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_attempt_at__isnull", False)),
                        fields=["next_attempt_at"],
                        name="notifications_delivery_due",
                    ),
                    models.Index(fields=["channel", "-id"], name="notifications_delivery_list"),
                    models.Index(
                        condition=models.Q(("status__in", ["dead", "cancelled"])),
                        fields=["channel", "-id"],
                        name="notifications_delivery_bad_end",
                    ),
                    models.Index(
                        condition=models.Q(("next_attempt_at__isnull", False)),
                        fields=["channel", "next_attempt_at"],
                        name="notifications_delivery_fair",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("held__in", ["digest", "flood"]), ("next_attempt_at__isnull", False)
                        ),
                        fields=["next_attempt_at", "channel"],
                        name="notifications_delivery_window",
                    ),
                    models.Index(
                        condition=models.Q(("digest__isnull", False)),
                        fields=["digest"],
                        name="notifications_delivery_digest",
                    ),
                    BrinIndex(
                        fields=["created_at"], name="notifications_delivery_period"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("reference", "channel"),
                        name="notifications_delivery_once_per_cause",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("finished_at__isnull", True),
                                ("leased_until__isnull", True),
                                ("next_attempt_at__isnull", False),
                                ("status", "queued"),
                            ),
                            models.Q(
                                ("finished_at__isnull", True),
                                ("leased_until__isnull", False),
                                ("next_attempt_at__isnull", False),
                                ("status", "sending"),
                            ),
                            models.Q(
                                ("finished_at__isnull", False),
                                ("leased_until__isnull", True),
                                ("next_attempt_at__isnull", True),
                                ("status__in", ["sent", "dead", "cancelled", "collected"]),
                            ),
                            _connector="OR",
                        ),
                        name="notifications_delivery_finished_or_scheduled",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reason", ""), ("status__in", ["dead", "cancelled"]), _negated=True
                        ),
                        name="notifications_delivery_end_has_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("held", None),
                            ("held__in", ["quiet", "digest", "flood", "alone", "paused"]),
                            _connector="OR",
                        ),
                        name="notifications_delivery_held_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("digest", None), models.Q(("status", "collected"), _negated=True)
                            ),
                            models.Q(
                                ("digest__isnull", False),
                                ("held__in", ["digest", "flood"]),
                                ("status", "collected"),
                            ),
                            _connector="OR",
                        ),
                        name="notifications_delivery_collected_in_digest",
                    ),
                ],
            },
        ),
        # Half of each page stays free for the new version of a row when it is leased. Vacuum comes by
        # the number of changed rows, not by a share of a table that is mostly history.
        migrations.RunSQL(
            """
            ALTER TABLE notifications_delivery SET (fillfactor = 50,
                autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
                autovacuum_vacuum_cost_delay = 0)
            """,
            migrations.RunSQL.noop,
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("outcome", models.CharField(choices=[("sent", "Sent"), ("transient", "Transient"), ("permanent", "Permanent"), ("uncertain", "Uncertain")], max_length=16)),
                ("detail", models.TextField(blank=True)),
                ("latency", models.DurationField(null=True)),
                ("ended_at", models.DateTimeField()),
                ("delivery", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="attempts", to="notifications.delivery")),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("delivery", "number"), name="notifications_attempt_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InboxMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message_id", models.CharField(max_length=64, unique=True)),
                ("reference", models.CharField(blank=True, db_default="", max_length=100)),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField(blank=True)),
                ("due_at", models.DateTimeField()),
                ("received_at", models.DateTimeField(auto_now_add=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                ("channel", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="inbox_messages", to="notifications.channel")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["channel", "-id"], name="notifications_inbox_list"),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeliveryTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("status", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=100)),
                ("recorded", models.PositiveIntegerField(default=0)),
                ("pruned", models.PositiveIntegerField(default=0)),
            ],
            options={
                "db_table": "notifications_tally",
                "verbose_name": "tally",
                "verbose_name_plural": "tallies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("pruned", 0), ("status", "posted")),
                            models.Q(
                                ("recorded", 0),
                                ("status__in", ["sent", "dead", "cancelled", "collected"]),
                            ),
                            _connector="OR",
                        ),
                        name="notifications_tally_status_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            (SQL / "tally.sql").read_text(),
            "DROP FUNCTION notifications_tally_recorded CASCADE",
        ),
        migrations.CreateModel(
            name="Meter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("series", models.TextField()),
                ("value", models.FloatField()),
            ],
        ),
    ]
