from django.db import migrations

from evidence import tenancy
from remediation.approvals import guards


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial"), ("sod", "0003_matrix_version_1")]

    operations = [
        tenancy.reference_table("approvals_action"),
        tenancy.tenant_table("approvals_request", app="SELECT, INSERT, UPDATE (state, ended_at, ended_why)"),
        tenancy.tenant_table("approvals_decision", app="SELECT, INSERT"),
        tenancy.append_only("approvals_decision"),
        tenancy.tenant_table("approvals_nudge", app="SELECT, INSERT", auditor=""),
        tenancy.append_only("approvals_nudge"),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
