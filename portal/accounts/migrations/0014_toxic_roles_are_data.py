from django.db import migrations

from portal.accounts import guards


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_support_stands_alone"), ("sod", "0007_judges_read_policy_and_waivers")]

    operations = [migrations.RunSQL(guards.TOXIC_ROLES_FUNCTION + guards.MAY_NOT_MEET, migrations.RunSQL.noop)]
