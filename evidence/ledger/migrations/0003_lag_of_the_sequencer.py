from django.db import migrations

from evidence.ledger import guards


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_auditors_see_what_waits")]

    operations = [migrations.RunSQL(guards.LAG, guards.REMOVE_LAG)]
