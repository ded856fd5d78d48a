from django.db import migrations

from remediation.sod import guards


class Migration(migrations.Migration):
    dependencies = [
        ("sod", "0004_refusals_say_the_rulebooks_sentence"),
        ("accounts", "0007_two_accounts_of_one_person"),
    ]

    operations = [migrations.RunSQL(guards.REPLACE, migrations.RunSQL.noop)]
