import django.db.models.deletion
from django.db import migrations, models

import evidence.identifiers
from evidence import tenancy
from portal.packages import guards


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0005_a_version_names_its_request"),
        ("packages", "0006_templates_and_letterheads"),
        ("vault", "0003_checks"),
    ]

    operations = [
        migrations.CreateModel(
            name="Volume",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("filename", models.CharField(max_length=80)),
                ("sha256", models.CharField(max_length=64)),
                ("size", models.PositiveBigIntegerField()),
                ("pages", models.PositiveIntegerField()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
                (
                    "package",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="volumes", to="packages.package"
                    ),
                ),
                (
                    "pdf",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="vault.blob",
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "constraints": [models.UniqueConstraint(fields=("package", "number"), name="volume_number_once")],
            },
        ),
        tenancy.tenant_table("packages_volume", app="SELECT, INSERT, DELETE"),
        migrations.RunSQL(guards.INSTALL_VOLUMES, guards.REMOVE_VOLUMES),
    ]
