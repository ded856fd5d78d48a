from django.db import migrations

from evidence import tenancy
from remediation.approvals.emergencies import bars, guards


def load(apps, schema_editor):
    rows = apps.get_model("approvals", "Bar")._default_manager.using(schema_editor.connection.alias)
    for duty in bars.DUTIES:
        rows.update_or_create(duty=str(duty))


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0007_absences_and_emergencies"),
        ("accounts", "0007_two_accounts_of_one_person"),
        ("retention", "0001_holds_and_disposal"),
    ]

    operations = [
        tenancy.reference_table("approvals_bar"),
        tenancy.tenant_table("approvals_absence", app="SELECT, INSERT, UPDATE (cancelled_at)", auditor=""),
        tenancy.tenant_table(
            "approvals_emergency",
            app="SELECT, INSERT, UPDATE (activated_at, activated_by_id, activated_through_id, activator_proved_at, alarmed,"
            " ends_at, review_due_at, ended_at, ended_by_id, reviewed_at, reviewed_by_id, reviewed_through_id, verdict,"
            " review, finding_ref)",
        ),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
