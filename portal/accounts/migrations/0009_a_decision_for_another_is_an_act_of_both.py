from django.db import migrations

from portal.accounts import guards


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_guesses_are_forgotten_on_success"),
        ("approvals", "0006_delegation_rules"),
    ]

    operations = [migrations.RunSQL(guards.ACTS_OF_BOTH, migrations.RunSQL.noop)]
