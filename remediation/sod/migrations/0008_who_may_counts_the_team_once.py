from django.db import migrations

from remediation.sod import guards


class Migration(migrations.Migration):
    dependencies = [("sod", "0007_judges_read_policy_and_waivers")]

    operations = [migrations.RunSQL(guards.REPLACE, migrations.RunSQL.noop)]
