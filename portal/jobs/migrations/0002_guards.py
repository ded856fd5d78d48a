from django.db import migrations

from portal.jobs import guards


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial"), ("organizations", "0002_guards")]

    operations = [migrations.RunSQL(guards.INSTALL, guards.REMOVE)]
