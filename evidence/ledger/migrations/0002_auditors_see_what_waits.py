from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        # An auditor is told how many events are not under a checkpoint yet; row-level security narrows the count.
        migrations.RunSQL(
            "GRANT SELECT ON ledger_queue TO clearhold_auditor;",
            "REVOKE SELECT ON ledger_queue FROM clearhold_auditor;",
        ),
    ]
