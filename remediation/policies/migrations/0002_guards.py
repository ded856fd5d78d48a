from django.db import migrations

from evidence import tenancy
from remediation.policies import guards


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0001_proposals"),
        ("approvals", "0009_bound_to_the_policy_too"),
        ("accounts", "0014_toxic_roles_are_data"),
        ("tasks", "0002_guards"),
        ("access", "0002_need_to_know"),
    ]

    operations = [
        # UPDATE of one column lets the app lock a proposal while it is decided; the trigger refuses the update itself.
        tenancy.tenant_table("policies_proposal", app="SELECT, INSERT, UPDATE (number)"),
        tenancy.append_only("policies_proposal"),
        tenancy.need_to_know("sod_waiveruse", "subject_id"),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
