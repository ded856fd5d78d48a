from django.db import migrations

from portal.accounts import guards


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_looking_through_somebodys_eyes")]

    operations = [migrations.RunSQL(guards.SUPPORT_ALONE, guards.REMOVE_SUPPORT_ALONE)]
