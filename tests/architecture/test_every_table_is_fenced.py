"""Every table has its policy and its grants; nothing can be changed that is history."""

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.db.utils import DatabaseError

from evidence.organizations.models import Organization, TenantModel
from portal.access import structure

# Tables without organization: catalogues, people, and what libraries keep. Each with its reason.
WITHOUT_ORGANIZATION = {
    "organizations.organization": "its own key is the organization",
    "accounts.person": "a natural person may belong to several organizations",
    "accounts.account": "signs in before an organization is entered",
    "accounts.proof": "of an account, before an organization is entered",
    "accounts.signedin": "sessions of an account, whichever organizations it enters",
    "accounts.guess": "wrong passwords and codes, of whatever somebody typed",
    "controls.framework": "public catalogue",
    "controls.criterion": "public catalogue",
    "sod.rule": "the matrix of the product, the same for all",
    "sod.toxicpair": "roles that never meet, the same for all",
    "approvals.actionrule": "what each action needs, the same for all",
    "approvals.bar": "duties that an emergency takes away, the same for all",
}
LIBRARIES = {"auth", "contenttypes", "sessions", "guardian", "axes", "account", "mfa"}


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


# What a finding's need-to-know must hide with it: whatever points at one of these.
KEPT_TO_A_FEW = {
    "findings_finding", "tasks_task", "tasks_plan", "risk_acceptance", "risk_deferral", "approvals_request",
    "artifacts_artifact",
}  # fmt: skip
# Points at one of them and tells nothing of it, each with its reason.
TELLS_NOTHING = {
    "accounts_accessreviewline": "says that somebody may see one restricted finding, never which",
    "findings_importbatch": "the file that was imported, which its importer holds",
    "uploads_upload": "one person's own half-sent file, by its policy own_person",
    "monitoring_run": "a run of a control; its evidence is hidden by itself",
    "jobs_job": "work about a package or an engagement; its words are the product's",
    "retention_hold": "a hold binds also who isn't let in to what it keeps",
}
BY_KIND_AND_KEY = {"subject_id", "object_id", "target_id"}


@pytest.mark.django_db
def test_whatever_hangs_on_a_restricted_finding_is_hidden_with_it():
    with connection.cursor() as cursor:
        cursor.execute("SELECT c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
                       " WHERE p.polname = 'need_to_know' AND NOT p.polpermissive")  # fmt: skip
        hidden = {row[0] for row in cursor.fetchall()}
    tells = {
        model._meta.db_table
        for model in our_models()
        for field in model._meta.local_concrete_fields
        if (field.is_relation and field.related_model and field.related_model._meta.db_table in KEPT_TO_A_FEW)
        or field.column in BY_KIND_AND_KEY
    }
    strays = tells - hidden - TELLS_NOTHING.keys()
    assert not strays, f"hide them with evidence.tenancy.need_to_know(table, column), or say why not: {strays}"


@pytest.mark.django_db
def test_functions_that_run_as_the_owner_name_where_they_look():
    """SECURITY DEFINER without a fixed search_path would run whatever a caller put in the way of a name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef"
            " AND NOT coalesce(array_to_string(p.proconfig, ' '), '') LIKE '%search_path=pg_catalog%'"
        )
        assert cursor.fetchall() == []
        # What answers a question (a trigger can't be called) is for those roles alone that ask it.
        cursor.execute(
            "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef"
            " AND p.prorettype <> 'trigger'::regtype"
            " AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
            "              WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')"
        )
        open_to_all = {row[0] for row in cursor.fetchall()}
    assert open_to_all <= {"retention_reach", "retention_holding", "artifacts_is_kept_back"}


@pytest.mark.django_db
def test_every_tenant_table_checks_what_is_written_too():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relrowsecurity AND NOT EXISTS ("
            "  SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'own_organization'"
            "   AND p.polpermissive AND p.polcmd = '*' AND p.polwithcheck IS NOT NULL AND p.polroles = '{0}')"
        )
        assert cursor.fetchall() == []


def every_table():
    return sorted({model._meta.db_table for model in our_models() if model._meta.managed})


@pytest.mark.django_db
@pytest.mark.parametrize("table", every_table())
def test_the_auditors_role_writes_no_row_of(table):
    """By trying, not by asking: a missing right can't be switched off by the session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 1", [table])
        column = cursor.fetchone()[0]
        for statement in (
            f"INSERT INTO {table} DEFAULT VALUES",
            f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"SELECT 1 FROM {table} FOR UPDATE",
        ):
            with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                cursor.execute("SET LOCAL ROLE clearhold_auditor")
                cursor.execute("SET LOCAL transaction_read_only = off")
                cursor.execute(statement)


WORDS_OF_PEOPLE = (models.TextField, models.JSONField, models.BinaryField)
# Short words of the product's own: states, kinds, roles.
OF_THE_PRODUCT = {"state", "kind", "role"}


@pytest.mark.django_db
def test_support_reads_columns_without_words_and_nothing_else():
    by_table = {model._meta.db_table: model for model in our_models()}
    for table, columns in structure.COLUMNS.items():
        fields = {field.column: field for field in by_table[table]._meta.local_concrete_fields}
        for column in columns:
            field = fields[column]
            assert not isinstance(field, WORDS_OF_PEOPLE), (table, column)
            assert not isinstance(field, models.CharField) or column in OF_THE_PRODUCT, (table, column)
    with connection.cursor() as cursor:
        # From the catalogs: the information schema shows a role only what it granted or was granted itself.
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid,"
            " aclexplode(a.attacl) given WHERE given.grantee = 'clearhold_support'::regrole"
            " AND given.privilege_type = 'SELECT'"
        )
        assert set(cursor.fetchall()) == {
            (table, column) for table in structure.COLUMNS for column in structure.COLUMNS[table]
        }
        cursor.execute(
            "SELECT c.relname FROM pg_class c, aclexplode(c.relacl) given"
            " WHERE given.grantee = 'clearhold_support'::regrole AND c.relkind = 'r'"
        )
        assert cursor.fetchall() == []
