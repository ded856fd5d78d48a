from django.db import migrations

from evidence import tenancy
from remediation.sod import guards


class Migration(migrations.Migration):
    dependencies = [("sod", "0001_initial")]

    operations = [
        tenancy.reference_table("sod_rule"),
        # UPDATE of one column lets the app lock an item's row; the trigger refuses the update itself.
        tenancy.tenant_table("sod_item", app="SELECT, INSERT, UPDATE (cycle)", auditor=""),
        tenancy.append_only("sod_item"),
        tenancy.tenant_table("sod_hand", app="SELECT, INSERT"),
        tenancy.append_only("sod_hand"),
        tenancy.append_only("sod_rule"),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
