from django.db import migrations

from portal.accounts import guards


class Migration(migrations.Migration):
    dependencies = [("accounts", "0018_access_review_guards")]

    operations = [
        migrations.RunSQL(guards.MEETING + guards.TOXIC_ROLES_FUNCTION + guards.MAY_NOT_MEET, migrations.RunSQL.noop),
    ]
