from django.db import migrations

from evidence import tenancy


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial"), ("organizations", "0002_guards")]

    operations = [tenancy.tenant_table("api_keptanswer", app="SELECT, INSERT, UPDATE, DELETE", auditor="")]
