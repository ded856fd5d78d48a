import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence.migrating import Together


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0003_the_sample_mark_stays"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="Notice",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("rule", models.CharField(max_length=40)),
                        ("occasion", models.CharField(max_length=40)),
                        ("data", models.JSONField(default=dict)),
                        ("created_at", models.DateTimeField(default=evidence.clock.now)),
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
                                fields=("organization", "rule", "occasion"), name="notice_once_per_occasion"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Delivery",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("channel", models.CharField(default="email", max_length=10)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("attempted_at", models.DateTimeField(null=True)),
                        ("sent_at", models.DateTimeField(null=True)),
                        ("error", models.CharField(blank=True, max_length=200)),
                        (
                            "account",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
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
                            "notice",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="deliveries",
                                to="notifications.notice",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("notice", "account", "channel"), name="delivery_once_per_person"
                            )
                        ],
                    },
                ),
            ]
        ),
    ]
