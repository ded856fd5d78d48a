from django.db import migrations

from evidence.ledger import guards


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_time_stamps_and_erasing")]

    operations = [migrations.RunSQL(guards.PLACES, guards.REMOVE_PLACES)]
