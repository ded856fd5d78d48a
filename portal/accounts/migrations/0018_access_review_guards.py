from django.db import migrations

from evidence import tenancy
from portal.accounts import review_guards as guards


class Migration(migrations.Migration):
    dependencies = [("accounts", "0017_access_reviews")]

    operations = [
        tenancy.tenant_table("accounts_accessreview", auditor=""),
        tenancy.tenant_table("accounts_accessreviewline", auditor=""),
        migrations.RunSQL(guards.LINES, guards.REMOVE),
    ]
