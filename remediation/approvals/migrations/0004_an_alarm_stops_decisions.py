from django.db import migrations

from evidence.ledger.guards import stop_on_alarm


class Migration(migrations.Migration):
    dependencies = [("approvals", "0003_actions"), ("ledger", "0005_alarms_are_cleared_and_losses_declared")]

    operations = [
        stop_on_alarm("approvals_decision"),
        stop_on_alarm("approvals_request", "UPDATE", "NEW.state = 'granted' AND OLD.state <> 'granted'"),
    ]
