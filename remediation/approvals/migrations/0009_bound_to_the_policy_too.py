from importlib import import_module

from django.db import migrations

from remediation.approvals import guards

load = import_module("remediation.approvals.migrations.0003_actions").load


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0008_emergency_rules"),
        ("sod", "0007_judges_read_policy_and_waivers"),
        ("organizations", "0005_a_version_names_its_request"),
    ]

    operations = [
        migrations.RunPython(load, migrations.RunPython.noop),
        migrations.RunSQL(f"SET LOCAL check_function_bodies = off; {guards.QUORUM}", migrations.RunSQL.noop),
        migrations.RunSQL(guards.RULES_TRIGGERS, guards.REMOVE_RULES_TRIGGERS),
    ]
