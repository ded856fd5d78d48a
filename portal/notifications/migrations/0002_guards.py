from django.db import migrations

from evidence import tenancy
from portal.notifications import guards


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_notices_and_deliveries")]

    operations = [
        tenancy.tenant_table("notifications_notice", app="SELECT, INSERT", auditor=""),
        tenancy.append_only("notifications_notice"),
        tenancy.tenant_table("notifications_delivery", auditor=""),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
