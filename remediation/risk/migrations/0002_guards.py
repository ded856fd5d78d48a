from django.db import migrations

from remediation.risk import guards


class Migration(migrations.Migration):
    dependencies = [("risk", "0001_acceptances_and_deferrals")]

    operations = [migrations.RunSQL(guards.INSTALL, guards.REMOVE)]
