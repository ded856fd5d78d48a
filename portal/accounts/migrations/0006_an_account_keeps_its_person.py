from django.db import migrations

from portal.accounts import guards


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_the_operator_invites_the_first")]

    operations = [migrations.RunSQL(guards.ACCOUNT_PERSON, guards.REMOVE_ACCOUNT_PERSON)]
