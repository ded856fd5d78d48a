from django.db import migrations

from portal.engagements import guards


class Migration(migrations.Migration):
    dependencies = [
        ("engagements", "0002_guards"),
        ("retention", "0001_holds_and_disposal"),
        ("tasks", "0001_plans_and_tasks"),
        ("monitoring", "0001_runs"),
    ]

    operations = [migrations.RunSQL(guards.REACH, guards.REMOVE_REACH)]
