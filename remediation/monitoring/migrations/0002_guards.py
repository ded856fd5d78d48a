from django.db import migrations

from remediation.monitoring import guards


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0001_runs")]

    operations = [migrations.RunSQL(guards.INSTALL, guards.REMOVE)]
