import django.db.models.deletion
from django.db import migrations, models

import evidence.identifiers
from evidence import tenancy
from evidence.vault import guards


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0003_the_sample_mark_stays"),
        ("vault", "0002_moves_and_erasure"),
    ]

    operations = [
        migrations.CreateModel(
            name="BlobCheck",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("intact", "Intact"),
                            ("damaged", "Damaged"),
                            ("missing", "Missing"),
                            ("unread", "Could not be read"),
                        ],
                        max_length=8,
                    ),
                ),
                ("problem", models.CharField(blank=True, max_length=40)),
                ("words", models.CharField(blank=True, max_length=500)),
                ("checked_at", models.DateTimeField()),
                ("intact_at", models.DateTimeField(blank=True, null=True)),
                ("damaged_since", models.DateTimeField(blank=True, null=True)),
                (
                    "blob",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="check_state", to="vault.blob"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organizations.organization"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "checked_at"], name="blob_check_by_age"),
                    models.Index(
                        condition=models.Q(("outcome__in", ["damaged", "missing"])),
                        fields=["organization"],
                        name="blob_check_alarm",
                    ),
                ],
            },
        ),
        tenancy.tenant_table("vault_blobcheck"),
        migrations.RunSQL(guards.CHECKS, guards.REMOVE_CHECKS),
    ]
