from django.db import migrations

from evidence.ledger.guards import stop_on_alarm


class Migration(migrations.Migration):
    dependencies = [("risk", "0002_guards"), ("ledger", "0005_alarms_are_cleared_and_losses_declared")]

    operations = [
        stop_on_alarm("risk_acceptance", "UPDATE", "NEW.state = 'active' AND OLD.state <> 'active'"),
        stop_on_alarm("risk_deferral", "UPDATE", "NEW.state = 'active' AND OLD.state <> 'active'"),
    ]
