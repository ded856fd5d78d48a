from django.db import migrations

from evidence.ledger.guards import stop_on_alarm


class Migration(migrations.Migration):
    dependencies = [("packages", "0002_guards"), ("ledger", "0005_alarms_are_cleared_and_losses_declared")]

    operations = [
        stop_on_alarm("packages_package"),
        stop_on_alarm(
            "packages_package",
            "UPDATE",
            "NEW.sha256 <> OLD.sha256 OR NEW.state IN ('in_review', 'sealed') AND NEW.state <> OLD.state",
        ),
    ]
