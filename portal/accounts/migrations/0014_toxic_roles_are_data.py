from django.db import migrations

from portal.accounts import guards


class Migration(migrations.Migration):
<<<<<<<< HEAD:portal/accounts/migrations/0014_toxic_roles_are_data.py
    dependencies = [("accounts", "0013_support_stands_alone"), ("sod", "0007_judges_read_policy_and_waivers")]
========
    dependencies = [("accounts", "0011_a_decision_for_another_is_an_act_of_both"), ("sod", "0007_judges_read_policy_and_waivers")]
>>>>>>>> b94dc94 (Let an organization have a segregation policy of its own and dated exceptions: proposed by one, decided by another, held by the database; answer who may):portal/accounts/migrations/0012_toxic_roles_are_data.py

    operations = [migrations.RunSQL(guards.TOXIC_ROLES_FUNCTION + guards.MAY_NOT_MEET, migrations.RunSQL.noop)]
