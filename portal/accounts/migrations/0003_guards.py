from django.db import migrations

from evidence import tenancy
from portal.accounts import guards


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_initial"),
        ("organizations", "0002_guards"),
        ("sessions", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        tenancy.reference_table("accounts_person", app="SELECT, INSERT, UPDATE"),
        tenancy.reference_table("accounts_account", app="SELECT, INSERT, UPDATE"),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
        tenancy.tenant_table("accounts_invitation", auditor=""),
        tenancy.tenant_table("accounts_apitoken", auditor=""),
        tenancy.reference_table("django_session", app="SELECT, INSERT, UPDATE, DELETE", auditor=""),
        tenancy.reference_table("django_content_type"),
        tenancy.reference_table("auth_permission"),
    ]
