"""Every table has its policy and its grants; nothing can be changed that is history."""

import pytest
from django.apps import apps
from django.db import connection

from evidence.organizations.models import Organization, TenantModel

# Tables without organization: catalogues, people, and what libraries keep. Each with its reason.
WITHOUT_ORGANIZATION = {
    "organizations.organization": "its own key is the organization",
    "accounts.person": "a natural person may belong to several organizations",
    "accounts.account": "signs in before an organization is entered",
    "controls.framework": "public catalogue",
    "controls.criterion": "public catalogue",
    "sod.rule": "the matrix of the product, the same for all",
    "approvals.actionrule": "what each action needs, the same for all",
}
LIBRARIES = {"auth", "contenttypes", "sessions", "guardian", "axes"}


def our_models():
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label not in LIBRARIES]


def test_each_model_belongs_to_an_organization_or_says_why_not():
    strays = [
        model._meta.label_lower
        for model in our_models()
        if not issubclass(model, TenantModel)
        and not any(field.name == "organization" for field in model._meta.fields)
        and model._meta.label_lower not in WITHOUT_ORGANIZATION
    ]
    assert strays == []


@pytest.mark.django_db
def test_row_level_security_is_on_and_forced_for_each_tenant_table():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relrowsecurity AND c.relforcerowsecurity"
            " AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)"
        )
        fenced = {row[0] for row in cursor.fetchall()}
    tenant = {
        model._meta.db_table
        for model in our_models()
        if model is not Organization and any(field.name == "organization" for field in model._meta.fields)
    }
    assert tenant - fenced == set()


@pytest.mark.django_db
def test_the_auditors_role_can_only_select():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
            " WHERE grantee = 'clearhold_auditor' AND privilege_type <> 'SELECT'"
        )
        assert cursor.fetchall() == []


@pytest.mark.django_db
def test_the_app_owns_nothing_and_truncates_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner <> 'clearhold_owner'"
        )
        assert cursor.fetchall() == []
        cursor.execute(
            "SELECT table_name FROM information_schema.role_table_grants"
            " WHERE grantee = 'clearhold_app' AND privilege_type IN ('TRUNCATE', 'TRIGGER')"
        )
        assert cursor.fetchall() == []
