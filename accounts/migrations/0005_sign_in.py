from django.db import migrations, models
from django.db.models.functions import Lower

# Of FOAM's own cache, which is not Redis: see accounts/cache.py. As `createcachetable` makes it.
CACHE = """
CREATE TABLE accounts_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX accounts_cache_expires ON accounts_cache (expires);
"""

# Whoever makes something for a user waits for whoever just closes that account, and is refused.
REFUSE_CLOSED = """
CREATE FUNCTION accounts_refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    closed timestamp with time zone;
BEGIN
    SELECT closed_at INTO closed FROM accounts_user WHERE id = NEW.owner_id FOR KEY SHARE;
    IF closed IS NOT NULL THEN
        RAISE EXCEPTION 'the account % is closed', NEW.owner_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_refuse_closed';
    END IF;
    RETURN NEW;
END $$;
"""


def trust_addresses(apps, schema_editor):
    """Until now staff made every user: what addresses they gave them is verified."""
    User = apps.get_model("accounts", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    known = EmailAddress.objects.values("user")
    users = User.objects.exclude(pk=0).exclude(pk__in=known).exclude(email="")
    batch = []
    for pk, email in users.values_list("pk", Lower("email")).iterator():
        batch.append(EmailAddress(user_id=pk, email=email, verified=True, primary=True))
        if len(batch) == 1000:
            EmailAddress.objects.bulk_create(batch)
            batch = []
    EmailAddress.objects.bulk_create(batch)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_token_making'),
        ('account', '0009_emailaddress_unique_primary_email'),
    ]

    operations = [
        migrations.AlterModelManagers(name='user', managers=[]),
        migrations.AddField(
            model_name='user',
            name='closed_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('closed_at', None), ('is_active', False), _connector='OR'), name='accounts_user_closed_is_inactive', violation_error_message='A closed account cannot be opened again.'),
        ),
        migrations.RunSQL(CACHE, "DROP TABLE accounts_cache"),
        migrations.RunSQL(REFUSE_CLOSED, "DROP FUNCTION accounts_refuse_closed"),
        migrations.RunPython(trust_addresses, migrations.RunPython.noop),
    ]
