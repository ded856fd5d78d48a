import django.db.models.deletion
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.ledger import guards


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0004_one_index_to_look_up"),
        ("organizations", "0003_the_sample_mark_stays"),
    ]

    operations = [
        migrations.AddField(
            model_name="alarm",
            name="cleared_by_event",
            field=models.UUIDField(null=True),
        ),
        migrations.CreateModel(
            name="Loss",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                ("kept_size", models.BigIntegerField()),
                ("signed_size", models.BigIntegerField(null=True)),
                ("signed_root", models.BinaryField(max_length=32, null=True)),
                ("event_id", models.UUIDField()),
                ("at", models.DateTimeField(default=evidence.clock.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organizations.organization"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organization", "number"), name="loss_number_once")],
            },
        ),
        tenancy.tenant_table("ledger_loss", app="SELECT", sequencer="SELECT, INSERT"),
        tenancy.append_only("ledger_loss"),
        migrations.RunSQL(guards.ALARM, guards.REMOVE_ALARM),
    ]
