from django.db import migrations

from evidence.ledger import guards


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_lag_of_the_sequencer")]

    operations = [migrations.RunSQL(guards.LOOK_UP, guards.REMOVE_LOOK_UP)]
