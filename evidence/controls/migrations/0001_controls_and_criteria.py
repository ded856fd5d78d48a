import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.migrating import Together


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("organizations", "0002_guards"),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="Criterion",
                    fields=[
                        ("identifier", models.CharField(max_length=8, primary_key=True, serialize=False)),
                        (
                            "category",
                            models.CharField(
                                choices=[
                                    ("CC", "Security (common criteria)"),
                                    ("A", "Availability"),
                                    ("C", "Confidentiality"),
                                    ("PI", "Processing integrity"),
                                    ("P", "Privacy"),
                                ],
                                max_length=2,
                            ),
                        ),
                        ("title", models.CharField(max_length=120)),
                        ("position", models.PositiveSmallIntegerField(unique=True)),
                    ],
                    options={
                        "verbose_name_plural": "criteria",
                        "ordering": ["position"],
                    },
                ),
                migrations.CreateModel(
                    name="Control",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("version", models.PositiveIntegerField(default=1)),
                        ("created_at", models.DateTimeField(default=evidence.clock.now)),
                        ("ref", models.CharField(max_length=16)),
                        ("number", models.PositiveIntegerField()),
                        ("title", models.CharField(max_length=200)),
                        ("description", models.TextField(blank=True)),
                        ("owner_role", models.CharField(blank=True, max_length=40)),
                        (
                            "frequency",
                            models.CharField(
                                choices=[
                                    ("continuous", "Many times a day"),
                                    ("daily", "Daily"),
                                    ("weekly", "Weekly"),
                                    ("monthly", "Monthly"),
                                    ("quarterly", "Quarterly"),
                                    ("half_yearly", "Every half year"),
                                    ("annual", "Yearly"),
                                    ("event", "When it happens"),
                                    ("automated", "Automated setting"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "failure_patterns",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=3), blank=True, default=list, size=None
                            ),
                        ),
                        ("retired_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="organizations.organization",
                            ),
                        ),
                        (
                            "owner",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.person",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("organization", "number"), name="control_number_once"),
                            models.UniqueConstraint(fields=("organization", "ref"), name="control_ref_once"),
                        ],
                        "ordering": ["number"],
                    },
                ),
                migrations.CreateModel(
                    name="ControlCriterion",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        (
                            "control",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="criterion_links",
                                to="controls.control",
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
                        (
                            "criterion",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="control_links",
                                to="controls.criterion",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("control", "criterion"), name="control_criterion_once")
                        ],
                    },
                ),
            ]
        ),
        migrations.AddField(
            model_name="control",
            name="criteria",
            field=models.ManyToManyField(
                related_name="+", through="controls.ControlCriterion", to="controls.criterion"
            ),
        ),
        migrations.CreateModel(
            name="OwedEvidence",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("config", "Configuration"),
                            ("log", "Log extract"),
                            ("ticket", "Ticket"),
                            ("screenshot", "Screenshot"),
                            ("report", "Report"),
                            ("attestation", "Attestation"),
                            ("policy", "Policy"),
                        ],
                        max_length=12,
                    ),
                ),
                ("freshness_days", models.PositiveSmallIntegerField()),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "control",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="owed", to="controls.control"
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
                "verbose_name_plural": "owed evidence",
                "ordering": ["position"],
            },
        ),
        tenancy.reference_table("controls_criterion"),
        tenancy.tenant_table("controls_control"),
        tenancy.tenant_table("controls_controlcriterion", app="SELECT, INSERT, DELETE"),
        tenancy.tenant_table("controls_owedevidence", app="SELECT, INSERT, DELETE"),
    ]
