from django.db import migrations

from portal.jobs import guards


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_guards")]

    operations = [migrations.RunSQL(guards.LEASES, guards.REMOVE_LEASES)]
