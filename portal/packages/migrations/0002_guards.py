from django.db import migrations

from evidence import tenancy
from portal.packages import guards


class Migration(migrations.Migration):
    dependencies = [("packages", "0001_packages"), ("approvals", "0003_actions")]

    operations = [
        tenancy.tenant_table("packages_package"),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
