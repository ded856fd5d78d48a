import django.db.models.deletion
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.vault import guards


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Blob",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("sha256", models.CharField(max_length=64)),
                ("size", models.BigIntegerField()),
                ("kek_id", models.CharField(max_length=63)),
                ("wrapped_key", models.BinaryField()),
                ("backend", models.CharField(max_length=20)),
                ("location", models.CharField(max_length=200, unique=True)),
                ("format", models.PositiveSmallIntegerField()),
                ("created_at", models.DateTimeField(default=evidence.clock.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organizations.organization"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "sha256"], name="blob_by_content")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("size__gte", 0)), name="blob_size_not_negative"),
                    models.CheckConstraint(
                        condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")), name="blob_sha256_is_hex"
                    ),
                ],
            },
        ),
        tenancy.tenant_table("vault_blob", app="SELECT, INSERT, UPDATE (kek_id, wrapped_key)"),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
