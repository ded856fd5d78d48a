"""The fixtures of the databases keep their promises; the rest of the suite leans on them."""

import psycopg
import pytest
from django.db import connection, connections
from django.db.utils import ProgrammingError

from portal.embedded import roles


def who(alias: str) -> tuple[str, str]:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT session_user, current_user")
        return cursor.fetchone()


@pytest.mark.django_db
def test_an_ordinary_test_runs_on_one_connection_as_the_app():
    assert who("default") == who("auditor") == who("sequencer") == (roles.APP, roles.APP)
    assert connections["auditor"] is connections["default"]


@pytest.mark.django_db
@pytest.mark.parametrize("role", [roles.AUDITOR, roles.SEQUENCER])
def test_the_one_connection_can_play_the_other_readers(role):
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
    assert who("default") == (roles.APP, role)


def test_an_own_database_has_a_login_for_each_alias(own_database):
    assert who("default") == (roles.APP, roles.APP)
    assert who("auditor") == (roles.AUDITOR, roles.AUDITOR)
    assert who("sequencer") == (roles.SEQUENCER, roles.SEQUENCER)
    assert who("owner") == (roles.MIGRATOR, roles.OWNER)


@pytest.mark.parametrize("alias", ["default", "auditor", "sequencer"])
@pytest.mark.parametrize(
    "statement", ["CREATE TABLE trick (n int)", "CREATE TEMPORARY TABLE trick (n int)", "CREATE SCHEMA trick"]
)
def test_no_login_but_the_owner_may_create_anything(own_database, alias, statement):
    with pytest.raises(ProgrammingError, match="permission denied"), connections[alias].cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("alias", ["default", "auditor", "sequencer"])
def test_no_login_may_become_the_owner(own_database, alias):
    with pytest.raises(ProgrammingError, match="permission denied"), connections[alias].cursor() as cursor:
        cursor.execute(f"SET ROLE {roles.OWNER}")


def test_a_stranger_without_password_is_refused(embedded):
    with pytest.raises(psycopg.OperationalError, match=r"password"):
        psycopg.connect(embedded.database_url.replace(":", ":wrong", 2).replace("postgresql:wrong", "postgresql:"))
