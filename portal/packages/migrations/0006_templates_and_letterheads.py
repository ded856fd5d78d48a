import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.migrating import Together
from portal.packages import guards

TEMPLATES = [
    ("full", "Full package"),
    ("exceptions", "Exceptions and responses"),
    ("matrix", "Control matrix"),
    ("finding", "One finding"),
    ("duties", "Segregation of duties"),
    ("sampling", "Sampling sheets"),
    ("board", "Board summary"),
    ("status_letter", "Remediation status letter"),
    ("bridge_letter", "Bridge letter"),
    ("buyer", "Buyer’s summary"),
]


class Migration(migrations.Migration):
    dependencies = [("packages", "0005_made_files_kept")]

    operations = [
        Together(
            [
                migrations.AddField(
                    "package", "template", models.CharField(choices=TEMPLATES, default="full", max_length=16)
                ),
                migrations.AddField("package", "chosen", models.JSONField(blank=True, default=dict)),
            ]
        ),
        migrations.AddConstraint(
            "package",
            models.CheckConstraint(
                condition=models.Q(("template__in", [key for key, _ in TEMPLATES])), name="package_template_known"
            ),
        ),
        migrations.CreateModel(
            "Letterhead",
            [
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("name", models.CharField(blank=True, max_length=200)),
                ("address", models.TextField(blank=True)),
                ("accent", models.CharField(blank=True, max_length=7)),
                (
                    "paper",
                    models.CharField(choices=[("A4", "A4"), ("letter", "Letter")], default="A4", max_length=6),
                ),
                ("logo", models.BinaryField(blank=True, null=True)),
                ("set_at", models.DateTimeField(default=evidence.clock.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organizations.organization"
                    ),
                ),
                (
                    "set_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.PERSON_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "version"), name="letterhead_version_once")
                ],
            },
        ),
        tenancy.tenant_table("packages_letterhead", app="SELECT, INSERT"),
        tenancy.append_only("packages_letterhead"),
        migrations.RunSQL(guards.LETTERHEAD, guards.REMOVE_LETTERHEAD),
        migrations.RunSQL(guards.PLANNED, guards.REMOVE_PLANNED),
    ]
