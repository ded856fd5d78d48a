from django.db import migrations

from evidence import tenancy
from portal.access import guards


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_teams_and_grants"),
        ("accounts", "0006_an_account_keeps_its_person"),
        ("approvals", "0004_an_alarm_stops_decisions"),
        ("artifacts", "0004_scans_and_personal_data"),
        ("engagements", "0003_what_a_hold_reaches"),
        ("findings", "0005_restrictions"),
        ("ledger", "0006_time_stamps_and_erasing"),
        ("monitoring", "0002_guards"),
        ("retention", "0001_holds_and_disposal"),
        ("risk", "0003_an_alarm_stops_acceptance"),
        ("sod", "0003_matrix_version_1"),
        ("tasks", "0002_guards"),
    ]

    operations = [
        tenancy.tenant_table("access_team"),
        tenancy.tenant_table("access_teammember"),
        tenancy.tenant_table("access_findinggrant"),
        tenancy.tenant_table("access_findingteamgrant"),
        migrations.RunSQL(guards.SEEN, guards.REMOVE_SEEN),
        migrations.RunSQL(guards.GRANTS, guards.REMOVE_GRANTS),
        *(tenancy.need_to_know(table, column) for table, column in guards.BY_FINDING.items()),
        migrations.RunSQL(guards.POLICIES, guards.REMOVE_POLICIES),
        migrations.RunSQL(guards.ALL_SEEING, guards.REMOVE_ALL_SEEING),
    ]
