from django.db import migrations

from portal.accounts import guards


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_second_factors"),
        ("approvals", "0008_emergency_rules"),
    ]

    operations = [migrations.RunSQL(guards.ACTS_OF_BOTH, migrations.RunSQL.noop)]
