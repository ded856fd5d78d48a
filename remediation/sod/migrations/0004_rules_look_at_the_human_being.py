from django.db import migrations

from remediation.sod import guards


class Migration(migrations.Migration):
    dependencies = [("sod", "0003_matrix_version_1"), ("accounts", "0007_two_accounts_of_one_person")]

    operations = [migrations.RunSQL(guards.HUMAN_BEINGS, migrations.RunSQL.noop)]
