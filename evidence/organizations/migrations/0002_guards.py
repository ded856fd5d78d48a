from django.db import migrations

from evidence import tenancy


class Migration(migrations.Migration):
    dependencies = [("organizations", "0001_initial")]

    operations = [
        tenancy.install(),
        # Names and slugs are looked up before anybody has entered; what is inside stays behind row-level security.
        tenancy.reference_table("organizations_organization", app="SELECT, INSERT, UPDATE"),
        tenancy.tenant_table("organizations_counter"),
        tenancy.tenant_table("organizations_policy", app="SELECT, INSERT"),
        tenancy.append_only("organizations_policy"),
    ]
