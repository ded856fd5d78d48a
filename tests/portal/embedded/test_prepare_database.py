"""The roles for a server of one's own: made once, printed as settings, and no wider than they must be."""

from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command

from portal.embedded import roles

DATABASE = "clearhold_prepared"


@pytest.fixture
def prepared(embedded, worker_id):
    name = f"{DATABASE}_{worker_id}"
    yield name
    with psycopg.connect(embedded.database_admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def prepare(url: str, name: str, *words: str) -> list[str]:
    out = StringIO()
    call_command("prepare_database", "--admin-url", url, "--database", name, *words, stdout=out)
    return out.getvalue().splitlines()


def test_it_can_be_run_again_and_leaves_passwords_alone(embedded, prepared):
    # The cluster's roles are there already, with the passwords that the other tests sign in with.
    for _ in range(2):
        lines = prepare(embedded.database_admin_url, prepared)
        assert [line.split(":")[0] for line in lines] == [
            "# DATABASE_URL",
            "# DATABASE_OWNER_URL",
            "# DATABASE_AUDITOR_URL",
            "# DATABASE_SEQUENCER_URL",
        ]
    with psycopg.connect(embedded.database_url, dbname=prepared) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (roles.APP,)


def test_the_database_is_the_owners_and_closed_to_others(embedded, prepared):
    prepare(embedded.database_admin_url, prepared)
    with psycopg.connect(embedded.database_admin_url, dbname=prepared) as connection:
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        schema = connection.execute(
            "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'"
        ).fetchone()
        rights = connection.execute(
            "SELECT r, has_database_privilege(r, current_database(), 'CREATE'),"
            " has_database_privilege(r, current_database(), 'TEMPORARY'), has_schema_privilege(r, 'public', 'CREATE')"
            " FROM unnest(%s::text[]) AS r",
            [[roles.APP, roles.AUDITOR, roles.SEQUENCER]],
        ).fetchall()
        limits = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'clearhold%%' AND rolname <> 'clearhold_admin'"
            " AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication)"
        ).fetchall()
    assert owner == schema == (roles.OWNER,)
    assert all(row[1:] == (False, False, False) for row in rights), rights
    assert limits == []


def test_a_login_of_the_application_is_told_that_it_may_not(embedded, prepared):
    with pytest.raises(CommandError, match="permission denied"):
        prepare(embedded.database_url, prepared)


def test_without_an_address_it_says_which(monkeypatch):
    monkeypatch.delenv("DATABASE_ADMIN_URL", raising=False)
    with pytest.raises(CommandError, match="Give --admin-url postgresql://"):
        call_command("prepare_database")
