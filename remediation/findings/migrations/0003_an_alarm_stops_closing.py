from django.db import migrations

from evidence.ledger.guards import stop_on_alarm


class Migration(migrations.Migration):
    dependencies = [("findings", "0002_guards"), ("ledger", "0005_alarms_are_cleared_and_losses_declared")]

    operations = [
        stop_on_alarm(
            "findings_finding",
            "UPDATE",
            "NEW.state IN ('closed', 'rejected', 'risk_accepted', 'deferred') AND NEW.state <> OLD.state",
        ),
    ]
