import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.migrating import Together
from evidence.uploads import guards


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0006_an_account_keeps_its_person"),
        ("artifacts", "0001_artifacts"),
        ("organizations", "0003_the_sample_mark_stays"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="Upload",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("filename", models.CharField(max_length=200)),
                        ("claimed_mime", models.CharField(blank=True, max_length=120)),
                        ("expected_sha256", models.CharField(blank=True, max_length=64)),
                        ("told", models.JSONField(default=dict)),
                        ("length", models.BigIntegerField()),
                        ("offset", models.BigIntegerField(default=0)),
                        ("kek_id", models.CharField(max_length=63)),
                        ("wrapped_key", models.BinaryField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("receiving", "Receiving"),
                                    ("recorded", "Recorded"),
                                    ("stopped", "Stopped"),
                                    ("expired", "Ran out"),
                                ],
                                default="receiving",
                                max_length=12,
                            ),
                        ),
                        ("created_at", models.DateTimeField(default=evidence.clock.now)),
                        ("expires_at", models.DateTimeField()),
                        (
                            "account",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "artifact",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
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
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["organization", "person", "state", "-id"], name="upload_of_person"),
                            models.Index(fields=["organization", "expires_at"], name="upload_by_expiry"),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("offset__gte", 0), ("offset__lte", models.F("length"))),
                                name="upload_offset_within_length",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "recorded"), _negated=True),
                                    models.Q(("artifact__isnull", False), ("offset", models.F("length"))),
                                    _connector="OR",
                                ),
                                name="upload_recorded_is_whole",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Part",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("start", models.BigIntegerField()),
                        ("size", models.BigIntegerField()),
                        ("location", models.CharField(max_length=200, unique=True)),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="organizations.organization",
                            ),
                        ),
                        (
                            "upload",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="uploads.upload"
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("upload", "start"), name="upload_part_once"),
                            models.CheckConstraint(
                                condition=models.Q(("size__gt", 0), ("start__gte", 0)), name="upload_part_not_empty"
                            ),
                        ],
                        "ordering": ["start"],
                    },
                ),
            ]
        ),
        tenancy.tenant_table("uploads_upload", app="SELECT, INSERT, UPDATE, DELETE", auditor=""),
        tenancy.tenant_table("uploads_part", app="SELECT, INSERT, DELETE", auditor=""),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
