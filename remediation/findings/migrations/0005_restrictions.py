import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from remediation.findings import guards


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.PERSON_MODEL),
        ("findings", "0004_indexes_of_imports"),
        ("organizations", "0004_what_is_hidden"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="finding", options={"permissions": [("finding_read", "Read a finding that is restricted")]}
        ),
        migrations.AddField(
            model_name="finding",
            name="is_restricted",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="Restriction",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("reason", models.TextField()),
                ("at", models.DateTimeField(default=evidence.clock.now)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lift_reason", models.TextField(blank=True)),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.PERSON_MODEL,
                    ),
                ),
                (
                    "finding",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="restrictions",
                        to="findings.finding",
                    ),
                ),
                (
                    "lifted_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.PERSON_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at", None)), fields=("finding",), name="finding_restricted_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lifted_at", None), ("lifted_by", None)),
                            models.Q(
                                ("lifted_at__isnull", False),
                                ("lifted_by__isnull", False),
                                models.Q(("lift_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="restriction_lifted_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="restriction_has_a_reason"
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("lifted_at", None)), fields=["organization"], name="restriction_open"
                    ),
                    models.Index(fields=["finding"], name="restriction_by_finding"),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(
                condition=models.Q(("is_restricted", True)), fields=["organization"], name="finding_restricted"
            ),
        ),
        tenancy.tenant_table("findings_restriction"),
        migrations.RunSQL(guards.RESTRICTION, guards.REMOVE_RESTRICTION),
    ]
