from django.db import migrations, models


# Whatever changes the column: a form, the API, a command or a shell. FOAM's own user is never
# active, and a closed account has nothing left to pause.
SWITCH = """
CREATE FUNCTION accounts_pause_switched_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_active THEN
        UPDATE accounts_pause SET ended_at = clock_timestamp()
        WHERE scope = 'account' AND owner_id = NEW.id AND ended_at IS NULL;
    ELSE
        INSERT INTO accounts_pause (scope, owner_id, tag, reason, created_at)
        VALUES ('account', NEW.id, '', '', clock_timestamp())
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_user_switched_off AFTER INSERT OR UPDATE OF is_active ON accounts_user
FOR EACH ROW WHEN (NEW.id <> 0 AND NEW.closed_at IS NULL)
EXECUTE FUNCTION accounts_pause_switched_off();
"""
# The trigger pauses the accounts that were switched off before there was one.
EXISTING = """
UPDATE accounts_user SET is_active = FALSE WHERE NOT is_active AND id <> 0 AND closed_at IS NULL
"""
UNDO = """
DROP TRIGGER accounts_user_switched_off ON accounts_user;
DROP FUNCTION accounts_pause_switched_off;
DELETE FROM accounts_pause WHERE scope = 'account';
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_pause'),
    ]

    operations = [
        migrations.AlterField(
            model_name='pause',
            name='scope',
            field=models.CharField(choices=[('tag', 'Tag'), ('user', 'User'), ('account', 'Account'), ('everything', 'Everything')], max_length=16),
        ),
        migrations.RemoveConstraint(
            model_name='pause',
            name='accounts_pause_scope',
        ),
        migrations.RemoveConstraint(
            model_name='pause',
            name='accounts_pause_one_open',
        ),
        migrations.AddConstraint(
            model_name='pause',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('owner__isnull', False), ('scope', 'tag'), models.Q(('tag', ''), _negated=True)), models.Q(('owner__isnull', False), ('scope__in', ['user', 'account']), ('tag', '')), models.Q(('owner__isnull', True), ('scope', 'everything'), ('tag', '')), _connector='OR'), name='accounts_pause_scope'),
        ),
        migrations.AddConstraint(
            model_name='pause',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None), ('owner__isnull', False), models.Q(('scope', 'account'), _negated=True)), fields=('owner', 'tag'), name='accounts_pause_one_open'),
        ),
        migrations.AddConstraint(
            model_name='pause',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None), ('scope', 'account')), fields=('owner',), name='accounts_pause_one_of_account'),
        ),
        migrations.RunSQL(SWITCH, UNDO),
        migrations.RunSQL(EXISTING, migrations.RunSQL.noop),
    ]
