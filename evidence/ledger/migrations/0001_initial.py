"""The history's tables, who may touch them, and the triggers that hold them append-only."""

import django.db.models.deletion
from django.db import migrations, models

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.ledger import guards
from evidence.migrating import Together


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0002_guards"),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="Checkpoint",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "organization_id", "size", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("size", models.BigIntegerField()),
                        ("root", models.BinaryField(max_length=32)),
                        ("note", models.TextField()),
                        ("at", models.DateTimeField(default=evidence.clock.now)),
                        (
                            "organization",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="organizations.organization",
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("kind", models.CharField(max_length=80)),
                        ("object_type", models.CharField(max_length=80)),
                        ("object_id", models.UUIDField()),
                        ("object_ref", models.CharField(blank=True, max_length=80)),
                        ("object_version", models.PositiveIntegerField()),
                        ("actor_person_id", models.UUIDField(null=True)),
                        ("actor_account_id", models.UUIDField(null=True)),
                        ("actor_system", models.CharField(blank=True, max_length=80)),
                        ("via", models.CharField(max_length=20)),
                        ("at", models.DateTimeField()),
                        ("body", models.BinaryField()),
                        ("leaf", models.BinaryField(max_length=32)),
                        (
                            "organization",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="organizations.organization",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["organization", "id"], name="event_by_organization"),
                            models.Index(fields=["organization", "at"], name="event_by_time"),
                            models.Index(fields=["organization", "kind", "id"], name="event_by_kind"),
                            models.Index(fields=["organization", "actor_person_id", "id"], name="event_by_person"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("object_type", "object_id", "object_version"), name="event_version_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("object_version__gte", 1)), name="event_version_from_one"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Entry",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "organization_id",
                                "index",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("index", models.BigIntegerField()),
                        (
                            "organization",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="organizations.organization",
                            ),
                        ),
                        (
                            "event",
                            models.OneToOneField(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="entry",
                                to="ledger.event",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "entries",
                    },
                ),
                migrations.CreateModel(
                    name="EventText",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "event_id", "field", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("field", models.CharField(max_length=40)),
                        ("salt", models.BinaryField(max_length=16, null=True)),
                        ("text", models.TextField(null=True)),
                        ("erased_at", models.DateTimeField(null=True)),
                        (
                            "event",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="texts",
                                to="ledger.event",
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="organizations.organization",
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Queue",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("event_id", models.UUIDField()),
                        ("leaf", models.BinaryField(max_length=32)),
                        (
                            "organization",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="organizations.organization",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [models.Index(fields=["organization", "id"], name="queue_by_organization")],
                    },
                ),
                migrations.CreateModel(
                    name="Tile",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "organization_id",
                                "level",
                                "index",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("level", models.PositiveSmallIntegerField()),
                        ("index", models.BigIntegerField()),
                        ("hashes", models.BinaryField()),
                        ("width", models.PositiveSmallIntegerField()),
                        (
                            "organization",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="organizations.organization",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("width__gte", 1), ("width__lte", 256)), name="tile_width_in_range"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Alarm",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("kind", models.CharField(max_length=40)),
                        ("message", models.TextField()),
                        ("raised_at", models.DateTimeField(default=evidence.clock.now)),
                        ("cleared_at", models.DateTimeField(null=True)),
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
                                condition=models.Q(("cleared_at", None)),
                                fields=("organization", "kind"),
                                name="alarm_open_once_per_kind",
                            )
                        ],
                    },
                ),
            ]
        ),
        tenancy.tenant_table("ledger_event", app="SELECT, INSERT", sequencer="SELECT"),
        tenancy.tenant_table("ledger_eventtext", app="SELECT, INSERT", sequencer="SELECT"),
        tenancy.tenant_table("ledger_queue", app="SELECT", auditor="", sequencer="SELECT, DELETE"),
        tenancy.tenant_table("ledger_entry", app="SELECT", sequencer="SELECT, INSERT"),
        tenancy.tenant_table("ledger_tile", app="SELECT", sequencer="SELECT, INSERT, UPDATE"),
        tenancy.tenant_table("ledger_checkpoint", app="SELECT", sequencer="SELECT, INSERT"),
        tenancy.tenant_table("ledger_alarm", app="SELECT", sequencer="SELECT, INSERT, UPDATE"),
        tenancy.append_only("ledger_event"),
        tenancy.append_only("ledger_entry"),
        tenancy.append_only("ledger_checkpoint"),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
