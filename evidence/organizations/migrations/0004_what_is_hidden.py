from django.db import migrations

from evidence.organizations import guards


class Migration(migrations.Migration):
    dependencies = [("organizations", "0003_the_sample_mark_stays")]

    operations = [migrations.RunSQL(guards.HIDDEN, guards.REMOVE_HIDDEN)]
