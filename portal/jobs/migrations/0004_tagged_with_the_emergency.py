import django.db.models.deletion
from django.db import migrations, models

from portal.jobs import guards


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0003_leases_of_a_clock_that_went_back"),
        ("approvals", "0008_emergency_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="emergency",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="approvals.emergency",
            ),
        ),
        migrations.RunSQL(guards.EMERGENCY, guards.REMOVE_EMERGENCY),
    ]
