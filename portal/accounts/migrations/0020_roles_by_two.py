import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import evidence.clock
import evidence.identifiers
from evidence import tenancy
from evidence.migrating import Together
from portal.accounts import grant_guards as guards


def person(**more: object) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person", **more
    )


def through(**more: object) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, db_index=False,
        **more,
    )  # fmt: skip


def once(to: str) -> models.OneToOneField:
    return models.OneToOneField(
        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=to
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0019_which_rule_keeps_two_roles_apart"),
        ("approvals", "0009_bound_to_the_policy_too"),
        ("organizations", "0004_what_is_hidden"),
        ("sod", "0007_judges_read_policy_and_waivers"),
    ]

    operations = [
        migrations.CreateModel(
            name="RoleRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=evidence.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("ref", models.CharField(max_length=20)),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("role", models.CharField(max_length=20)),
                ("department", models.CharField(blank=True, max_length=80)),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(max_length=300)),
                ("asked_at", models.DateTimeField(default=evidence.clock.now)),
                ("asked_proved_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Waits for a second administrator"),
                            ("granted", "Granted"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="open",
                        max_length=9,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decided_proved_at", models.DateTimeField(blank=True, null=True)),
                ("decided_reason", models.CharField(blank=True, max_length=300)),
                ("asked_by", person(db_index=False)),
                ("asked_through", through()),
                ("decided_by", person(db_index=False, blank=True, null=True)),
                ("decided_through", through(blank=True, null=True)),
                ("person", person(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organizations.organization"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "state", "-id"], name="role_request_queue")],
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "ref"), name="role_request_ref_once"),
                    models.CheckConstraint(
                        condition=Q(("email__gt", ""), ("person", None)) | Q(("email", ""), ("person__isnull", False)),
                        name="role_request_of_one",
                    ),
                    models.UniqueConstraint(
                        condition=Q(("state", "open")),
                        fields=("organization", "person", "role"),
                        name="role_request_open_of_person",
                    ),
                    models.UniqueConstraint(
                        condition=Q(("person", None), ("state", "open")),
                        fields=("organization", "email", "role"),
                        name="role_request_open_of_address",
                    ),
                ],
            },
        ),
        Together(
            [
                migrations.AddField(model_name="invitation", name="request", field=once("accounts.rolerequest")),
                migrations.AddField(model_name="membership", name="invitation", field=once("accounts.invitation")),
                migrations.AddField(model_name="membership", name="request", field=once("accounts.rolerequest")),
            ]
        ),
        tenancy.tenant_table("accounts_rolerequest", auditor=""),
        migrations.RunSQL(guards.INSTALL, guards.REMOVE),
    ]
