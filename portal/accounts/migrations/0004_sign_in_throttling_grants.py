from django.db import migrations

from evidence import tenancy


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_guards"), ("axes", "0010_accessattemptexpiration")]

    operations = [
        tenancy.reference_table("axes_accessattempt", app="SELECT, INSERT, UPDATE, DELETE", auditor=""),
        migrations.RunSQL(
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clearhold_app;",
            "REVOKE USAGE ON ALL SEQUENCES IN SCHEMA public FROM clearhold_app;",
        ),
    ]
