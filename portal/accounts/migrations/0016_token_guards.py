from django.db import migrations

from portal.accounts import token_guards as guards


class Migration(migrations.Migration):
    dependencies = [("accounts", "0015_tokens_from_networks")]

    operations = [
        migrations.RunSQL(guards.ENTER, migrations.RunSQL.noop),
        migrations.RunSQL(guards.FACTS, guards.REMOVE),
    ]
