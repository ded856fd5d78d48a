from django.db import migrations

from evidence import tenancy
from portal.engagements import guards


class Migration(migrations.Migration):
    dependencies = [("engagements", "0001_engagements")]

    operations = [
        tenancy.tenant_table("engagements_engagement"),
        tenancy.tenant_table("engagements_scopedcontrol", app="SELECT, INSERT, UPDATE, DELETE"),
        tenancy.tenant_table("engagements_scopedfinding", app="SELECT, INSERT, UPDATE, DELETE"),
        tenancy.tenant_table("engagements_engagementgrant"),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
