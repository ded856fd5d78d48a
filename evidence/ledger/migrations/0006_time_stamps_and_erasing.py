import django.db.models.deletion
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.ledger import guards


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0005_alarms_are_cleared_and_losses_declared"),
        ("organizations", "0003_the_sample_mark_stays"),
    ]

    operations = [
        migrations.CreateModel(
            name="TimeStamp",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("size", models.BigIntegerField()),
                ("token", models.BinaryField()),
                ("authority", models.CharField(max_length=300)),
                ("stamped_at", models.DateTimeField()),
                ("received_at", models.DateTimeField(default=evidence.clock.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organizations.organization"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "size"], name="time_stamp_by_size")],
            },
        ),
        tenancy.tenant_table("ledger_timestamp", app="SELECT, INSERT"),
        tenancy.append_only("ledger_timestamp"),
        migrations.RunSQL(guards.TIME_STAMP, guards.REMOVE_TIME_STAMP),
        migrations.RunSQL(guards.ERASING, guards.KEEP_ERASING),
    ]
