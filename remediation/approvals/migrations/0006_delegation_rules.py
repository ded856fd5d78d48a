import re

from django.db import migrations

from evidence import tenancy
from remediation.approvals import guards
from remediation.approvals.delegations import guards as delegations

# The two functions that are replaced, as they were.
_BEFORE = "".join(
    found.group(0).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    for found in re.finditer(
        r"CREATE FUNCTION approvals_(?:decision_refuse|request_move)\(\).*?END \$\$;",
        guards.REQUESTS + guards.DECISIONS,
        re.DOTALL,
    )
)


class Migration(migrations.Migration):
    dependencies = [("approvals", "0005_delegation"), ("accounts", "0007_two_accounts_of_one_person")]

    operations = [
        tenancy.tenant_table(
            "approvals_delegation",
            app="SELECT, INSERT, UPDATE (accepted_at, accepted_through_id, ended_at, ended_by_id, ended_why)",
        ),
        migrations.RunSQL(delegations.INSTALL, delegations.REMOVE + _BEFORE),
    ]
