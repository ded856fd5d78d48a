import django.db.models.deletion
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.artifacts import guards
from evidence.migrating import Together


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_an_account_keeps_its_person"),
        ("artifacts", "0003_disposed_is_a_state"),
        ("organizations", "0003_the_sample_mark_stays"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="artifactversion",
            name="scan_state",
        ),
        Together(
            [
                migrations.CreateModel(
                    name="PersonalCheck",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("number", models.PositiveIntegerField()),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("pending", "Being searched for personal data"),
                                    ("clear", "No personal data found"),
                                    ("found", "May hold personal data"),
                                    ("unreadable", "Could not be searched"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("places", models.JSONField(default=list)),
                        ("is_whole", models.BooleanField(default=True)),
                        ("at", models.DateTimeField(default=evidence.clock.now)),
                        (
                            "checked",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="personal_checks",
                                to="artifacts.artifactversion",
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
                            models.UniqueConstraint(fields=("checked", "number"), name="artifact_personal_check_once"),
                            models.CheckConstraint(
                                condition=models.Q(("outcome__in", ["pending", "clear", "found", "unreadable"])),
                                name="artifact_personal_outcome",
                            ),
                        ],
                        "ordering": ["number"],
                    },
                ),
                migrations.CreateModel(
                    name="PersonalDecision",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("reason", models.TextField()),
                        ("at", models.DateTimeField(default=evidence.clock.now)),
                        (
                            "check_of",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="decision",
                                to="artifacts.personalcheck",
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
                    ],
                    options={
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("reason", ""), _negated=True),
                                name="artifact_personal_decision_has_reason",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Scan",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("number", models.PositiveIntegerField()),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("not_scanned", "Not scanned"),
                                    ("waiting", "Waiting for the scan"),
                                    ("clean", "Scanned, clean"),
                                    ("infected", "Infected"),
                                    ("unscannable", "Could not be scanned"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("signature", models.CharField(blank=True, max_length=200)),
                        ("engine", models.CharField(blank=True, max_length=200)),
                        ("reason", models.CharField(blank=True, max_length=300)),
                        ("at", models.DateTimeField(default=evidence.clock.now)),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="organizations.organization",
                            ),
                        ),
                        (
                            "scanned",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="scans",
                                to="artifacts.artifactversion",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("scanned", "number"), name="artifact_scan_once"),
                            models.CheckConstraint(
                                condition=models.Q(("outcome__in", ["waiting", "clean", "infected", "unscannable"])),
                                name="artifact_scan_outcome",
                            ),
                        ],
                        "ordering": ["number"],
                    },
                ),
            ]
        ),
        tenancy.tenant_table("artifacts_scan", app="SELECT, INSERT"),
        tenancy.append_only("artifacts_scan"),
        tenancy.tenant_table("artifacts_personalcheck", app="SELECT, INSERT"),
        tenancy.append_only("artifacts_personalcheck"),
        tenancy.tenant_table("artifacts_personaldecision", app="SELECT, INSERT"),
        tenancy.append_only("artifacts_personaldecision"),
        migrations.RunSQL(guards.INSTALL_LOOKS, guards.REMOVE_LOOKS),
    ]
