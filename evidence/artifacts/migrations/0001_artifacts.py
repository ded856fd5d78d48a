import django.db.models.deletion
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.artifacts import guards
from evidence.migrating import Together


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("organizations", "0002_guards"),
        ("vault", "0001_blobs"),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="Artifact",
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
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("received", "Received"),
                                    ("quarantined", "Quarantined"),
                                    ("accepted", "Accepted"),
                                    ("returned", "Returned"),
                                ],
                                default="received",
                                max_length=12,
                            ),
                        ),
                        ("fresh_until", models.DateField(null=True)),
                        (
                            "created_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.person",
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
                        "indexes": [
                            models.Index(fields=["organization", "state", "-number"], name="artifact_by_state"),
                            models.Index(fields=["organization", "fresh_until"], name="artifact_by_freshness"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("organization", "number"), name="artifact_number_once"),
                            models.UniqueConstraint(fields=("organization", "ref"), name="artifact_ref_once"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ArtifactVersion",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("number", models.PositiveIntegerField()),
                        ("filename", models.CharField(max_length=200)),
                        ("size", models.BigIntegerField()),
                        ("sha256", models.CharField(max_length=64)),
                        ("mime", models.CharField(max_length=120)),
                        ("claimed_mime", models.CharField(blank=True, max_length=120)),
                        ("note", models.CharField(blank=True, max_length=200)),
                        ("received_at", models.DateTimeField(default=evidence.clock.now)),
                        ("period_from", models.DateField(null=True)),
                        ("period_to", models.DateField(null=True)),
                        ("as_of", models.DateTimeField(null=True)),
                        ("collected_at", models.DateTimeField(null=True)),
                        (
                            "method",
                            models.CharField(
                                choices=[
                                    ("export", "Exported from the system"),
                                    ("api", "Read through an API"),
                                    ("screenshot", "Screenshot"),
                                    ("interview", "Interview or written statement"),
                                    ("generated", "Produced by this portal"),
                                    ("other", "Another way"),
                                ],
                                default="export",
                                max_length=12,
                            ),
                        ),
                        ("source_system", models.CharField(blank=True, max_length=200)),
                        ("is_production", models.BooleanField(null=True)),
                        ("query", models.TextField(blank=True)),
                        ("tool_version", models.CharField(blank=True, max_length=120)),
                        ("row_count", models.BigIntegerField(null=True)),
                        ("ipe", models.JSONField(default=dict)),
                        ("intake_notes", models.JSONField(default=list)),
                        (
                            "scan_state",
                            models.CharField(
                                choices=[
                                    ("not_scanned", "Not scanned"),
                                    ("clean", "Scanned, clean"),
                                    ("infected", "Infected"),
                                    ("unscannable", "Could not be scanned"),
                                ],
                                default="not_scanned",
                                max_length=12,
                            ),
                        ),
                        (
                            "artifact",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="versions",
                                to="artifacts.artifact",
                            ),
                        ),
                        (
                            "blob",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="artifact_version",
                                to="vault.blob",
                            ),
                        ),
                        (
                            "collector",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.person",
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
                            "uploaded_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.person",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["organization", "sha256"], name="artifact_version_by_content")
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("artifact", "number"), name="artifact_version_once"),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("period_from", None), ("period_to", None)),
                                    models.Q(
                                        ("period_from__isnull", False), ("period_to__gte", models.F("period_from"))
                                    ),
                                    _connector="OR",
                                ),
                                name="artifact_period_in_order",
                            ),
                        ],
                        "ordering": ["number"],
                    },
                ),
                migrations.CreateModel(
                    name="ArtifactReview",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        (
                            "verdict",
                            models.CharField(
                                choices=[
                                    ("accepted", "Accepted"),
                                    ("returned", "Returned"),
                                    ("released", "Released from quarantine"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("reason", models.TextField(blank=True)),
                        ("at", models.DateTimeField(default=evidence.clock.now)),
                        (
                            "artifact",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reviews",
                                to="artifacts.artifact",
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
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
                            ),
                        ),
                        (
                            "reviewed",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reviews",
                                to="artifacts.artifactversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["at"],
                    },
                ),
            ]
        ),
        migrations.AddField(
            model_name="artifact",
            name="latest",
            field=models.OneToOneField(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="artifacts.artifactversion",
            ),
        ),
        migrations.CreateModel(
            name="ArtifactLink",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("target_type", models.CharField(max_length=60)),
                ("target_id", models.UUIDField()),
                ("target_ref", models.CharField(blank=True, max_length=40)),
                ("closing", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(default=evidence.clock.now)),
                (
                    "artifact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="links", to="artifacts.artifact"
                    ),
                ),
                (
                    "linked_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
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
                    models.Index(fields=["organization", "target_type", "target_id"], name="artifact_link_by_target")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("artifact", "target_type", "target_id", "closing"), name="artifact_link_once"
                    )
                ],
            },
        ),
        tenancy.tenant_table("artifacts_artifact"),
        tenancy.tenant_table("artifacts_artifactversion", app="SELECT, INSERT"),
        tenancy.append_only("artifacts_artifactversion"),
        tenancy.tenant_table("artifacts_artifactlink", app="SELECT, INSERT"),
        tenancy.append_only("artifacts_artifactlink"),
        tenancy.tenant_table("artifacts_artifactreview", app="SELECT, INSERT"),
        tenancy.append_only("artifacts_artifactreview"),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
