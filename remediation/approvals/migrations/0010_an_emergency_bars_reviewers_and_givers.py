from django.db import migrations

from remediation.approvals.emergencies import guards


class Migration(migrations.Migration):
    dependencies = [("approvals", "0009_bound_to_the_policy_too")]

    operations = [migrations.RunSQL(guards.REPLACE, migrations.RunSQL.noop)]
