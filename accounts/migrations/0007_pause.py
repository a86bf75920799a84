import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


REFUSE = """
CREATE TRIGGER accounts_pause_refuse_closed BEFORE INSERT ON accounts_pause
FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_calendar'),
    ]

    operations = [
        migrations.CreateModel(
            name='Pause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('tag', 'Tag'), ('user', 'User'), ('everything', 'Everything')], max_length=16)),
                ('tag', models.CharField(blank=True, max_length=50)),
                ('until', models.DateTimeField(blank=True, help_text='Empty for until somebody ends it; at most two years.', null=True)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(editable=False)),
                ('ended_at', models.DateTimeField(editable=False, null=True)),
                ('made_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='pauses', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='accounts_pause_ended')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('owner__isnull', False), ('scope', 'tag'), models.Q(('tag', ''), _negated=True)), models.Q(('owner__isnull', False), ('scope', 'user'), ('tag', '')), models.Q(('owner__isnull', True), ('scope', 'everything'), ('tag', '')), _connector='OR'), name='accounts_pause_scope'), models.UniqueConstraint(condition=models.Q(('ended_at', None), ('owner__isnull', False)), fields=('owner', 'tag'), name='accounts_pause_one_open'), models.UniqueConstraint(condition=models.Q(('ended_at', None), ('scope', 'everything')), fields=('scope',), name='accounts_pause_one_of_everything')],
            },
        ),
        migrations.RunSQL(REFUSE, "DROP TRIGGER accounts_pause_refuse_closed ON accounts_pause"),
    ]
