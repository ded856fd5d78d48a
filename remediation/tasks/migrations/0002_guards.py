from django.db import migrations

from remediation.tasks import guards


class Migration(migrations.Migration):
    dependencies = [("tasks", "0001_plans_and_tasks"), ("findings", "0002_guards")]

    operations = [migrations.RunSQL(guards.INSTALL, guards.REMOVE)]
