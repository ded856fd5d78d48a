from django.db import migrations

from evidence import tenancy
from portal.accounts import factor_guards as guards
from portal.accounts.guards import ENTER


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_proofs_sessions_and_guesses"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("approvals", "0004_an_alarm_stops_decisions"),
        ("retention", "0001_holds_and_disposal"),
    ]

    operations = [
        tenancy.reference_table("accounts_proof", app="SELECT, INSERT", auditor=""),
        tenancy.append_only("accounts_proof"),
        tenancy.reference_table("accounts_signedin", app="SELECT, INSERT, UPDATE", auditor=""),
        tenancy.reference_table("accounts_guess", app="SELECT, INSERT, DELETE", auditor=""),
        tenancy.reference_table("mfa_authenticator", app="SELECT, INSERT, UPDATE, DELETE", auditor=""),
        # django-allauth's own accounts are not used: nobody may even read these.
        tenancy.reference_table("account_emailaddress", app="", auditor=""),
        tenancy.reference_table("account_emailconfirmation", app="", auditor=""),
        migrations.RunSQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clearhold_app;", migrations.RunSQL.noop),
        migrations.RunSQL(guards.DEMANDS, guards.REMOVE_DEMANDS),
        migrations.RunSQL(guards.ENTER, guards.REMOVE_ENTER + ENTER),
        migrations.RunSQL(guards.PROOFS, guards.REMOVE_PROOFS),
        migrations.RunSQL(guards.LAST_FACTOR, guards.REMOVE_LAST_FACTOR),
    ]
