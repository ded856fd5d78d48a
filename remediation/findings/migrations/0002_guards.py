from django.db import migrations

from remediation.findings import guards


class Migration(migrations.Migration):
    dependencies = [("findings", "0001_findings")]

    operations = [migrations.RunSQL(guards.INSTALL, guards.REMOVE)]
