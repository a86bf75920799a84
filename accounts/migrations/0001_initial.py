import accounts.encryption
import accounts.models.user
from pathlib import Path

import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Lower


SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    initial = True

    # A database that has all of these has the tables below.
    replaces = [
        ("accounts", "0002_quiet_hours"),
        ("accounts", "0003_idempotency"),
        ("accounts", "0004_token_making"),
        ("accounts", "0005_sign_in"),
        ("accounts", "0006_calendar"),
        ("accounts", "0007_pause"),
        ("accounts", "0008_switched_off"),
    ]

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("is_superuser", models.BooleanField(default=False, help_text="Designates that this user has all permissions without explicitly assigning them.", verbose_name="superuser status")),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("is_staff", models.BooleanField(default=False, help_text="Designates whether the user can log into this admin site.", verbose_name="staff status")),
                ("is_active", models.BooleanField(default=True, help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.", verbose_name="active")),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                ("username", models.CharField(error_messages={"unique": "A user with that username already exists."}, max_length=50, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()])),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                ("timezone", models.CharField(default="UTC", help_text="IANA name, such as Europe/Berlin. New reminders start in this zone.", max_length=64, validators=[accounts.models.user.validate_timezone], verbose_name="time zone")),
                ("quiet_from", models.TimeField(blank=True, help_text="From this time on messages wait. Urgent ones come through.", null=True)),
                ("quiet_until", models.TimeField(blank=True, help_text="May be the next morning, such as 22:00 to 07:00.", null=True)),
                ("quiet_weekends", models.BooleanField(db_default=False, default=False, help_text="All of Saturday and Sunday are quiet as well.")),
                ("closed_at", models.DateTimeField(editable=False, null=True)),
                ("groups", models.ManyToManyField(blank=True, help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.", related_name="user_set", related_query_name="user", to="auth.group", verbose_name="groups")),
                ("user_permissions", models.ManyToManyField(blank=True, help_text="Specific permissions for this user.", related_name="user_set", related_query_name="user", to="auth.permission", verbose_name="user permissions")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("quiet_from__isnull", False), ("quiet_weekends", True), _connector="OR"
                        ),
                        fields=["id"],
                        name="accounts_user_quiet",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        Lower("email"),
                        name="accounts_user_email_unique_any_case",
                        violation_error_message="A user with that e-mail address already exists.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("quiet_from", None), ("quiet_until", None)),
                            models.Q(
                                ("quiet_from__isnull", False),
                                ("quiet_until__isnull", False),
                                models.Q(("quiet_from", models.F("quiet_until")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="accounts_user_quiet_hours_whole",
                        violation_error_message="Quiet hours begin and end, at different times.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closed_at", None), ("is_active", False), _connector="OR"
                        ),
                        name="accounts_user_closed_is_inactive",
                        violation_error_message="A closed account cannot be opened again.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("hint", models.CharField(editable=False, max_length=16)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("reminders:read", "Reminders Read"),
                                ("reminders:write", "Reminders Write"),
                                ("channels:read", "Channels Read"),
                                ("channels:write", "Channels Write"),
                                ("deliveries:read", "Deliveries Read"),
                                ("deliveries:write", "Deliveries Write"),
                                ("me:read", "Me Read"),
                                ("me:write", "Me Write"),
                                ("tokens:read", "Tokens Read"),
                                ("tokens:write", "Tokens Write"),
                                ("calendar:read", "Calendar Read"),
                            ],
                            max_length=32,
                        ),
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, help_text="Empty for never.", null=True)),
                ("last_used_at", models.DateTimeField(editable=False, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                ("made_by", models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to="accounts.apitoken")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="api_tokens", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "verbose_name": "API token",
                "verbose_name_plural": "API tokens",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("scopes__contains", ["calendar:read"]), _negated=True),
                            ("scopes", ["calendar:read"]),
                            _connector="OR",
                        ),
                        name="accounts_apitoken_calendar_alone",
                        violation_error_message="A token with the scope calendar:read has no other.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
                ("leased_until", models.DateTimeField(null=True)),
                ("status", models.SmallIntegerField(null=True)),
                ("headers", models.JSONField(default=dict)),
                ("body", accounts.encryption.EncryptedTextField(blank=True)),
                ("user", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["created_at"], name="accounts_idempotencykey_old"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "key"), name="accounts_idempotencykey_once"
                    ),
                ],
            },
        ),
        migrations.RunSQL((SQL / "cache.sql").read_text(), "DROP TABLE accounts_cache"),
        migrations.CreateModel(
            name="Pause",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(choices=[("tag", "Tag"), ("user", "User"), ("account", "Account"), ("everything", "Everything")], max_length=16)),
                ("tag", models.CharField(blank=True, max_length=50)),
                ("until", models.DateTimeField(blank=True, help_text="Leave empty to pause until somebody ends it. At most two years.", null=True)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(editable=False)),
                ("ended_at", models.DateTimeField(editable=False, null=True)),
                ("made_by", models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("owner", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="pauses", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", False)),
                        fields=["ended_at"],
                        name="accounts_pause_ended",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("owner__isnull", False),
                                ("scope", "tag"),
                                models.Q(("tag", ""), _negated=True),
                            ),
                            models.Q(
                                ("owner__isnull", False),
                                ("scope__in", ["user", "account"]),
                                ("tag", ""),
                            ),
                            models.Q(("owner__isnull", True), ("scope", "everything"), ("tag", "")),
                            _connector="OR",
                        ),
                        name="accounts_pause_scope",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("ended_at", None),
                            ("owner__isnull", False),
                            models.Q(("scope", "account"), _negated=True),
                        ),
                        fields=("owner", "tag"),
                        name="accounts_pause_one_open",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None), ("scope", "account")),
                        fields=("owner",),
                        name="accounts_pause_one_of_account",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None), ("scope", "everything")),
                        fields=("scope",),
                        name="accounts_pause_one_of_everything",
                    ),
                ],
            },
        ),
        # Triggers of notifications and of reminders use this function as well.
        migrations.RunSQL(
            (SQL / "closed_accounts.sql").read_text(),
            "DROP FUNCTION accounts_refuse_closed CASCADE",
        ),
        migrations.RunSQL(
            (SQL / "switched_off.sql").read_text(),
            "DROP FUNCTION accounts_pause_switched_off CASCADE",
        ),
    ]
