from django.db import migrations

from remediation.sod import guards


class Migration(migrations.Migration):
    dependencies = [("sod", "0003_matrix_version_1")]

    operations = [migrations.RunSQL(guards.REPLACE, migrations.RunSQL.noop)]
