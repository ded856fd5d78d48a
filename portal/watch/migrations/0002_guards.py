from django.db import migrations

from evidence import tenancy
from portal.watch import guards

TABLES = ("watch_round", "watch_conflict", "watch_case", "watch_report")


class Migration(migrations.Migration):
    dependencies = [
        ("watch", "0001_rounds_and_conflicts"),
        ("sod", "0007_judges_read_policy_and_waivers"),
        ("access", "0002_need_to_know"),
        ("approvals", "0008_emergency_rules"),
    ]

    operations = [
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
        *(
            operation
            for table in TABLES
            for operation in (tenancy.tenant_table(table, app="SELECT, INSERT", auditor=""), tenancy.append_only(table))
        ),
        # What is known of a restricted finding is hidden with it.
        tenancy.need_to_know("watch_conflict", "subject_id"),
        tenancy.need_to_know("watch_case", "finding_id"),
    ]
