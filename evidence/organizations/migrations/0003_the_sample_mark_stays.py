from django.db import migrations

from evidence.organizations import guards


class Migration(migrations.Migration):
    dependencies = [("organizations", "0002_guards")]

    operations = [migrations.RunSQL(guards.SAMPLE_MARK, guards.REMOVE_SAMPLE_MARK)]
