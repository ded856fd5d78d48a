"""The database's roles, made by an administrator once; it grants no table (migrations do) and drops nothing.

`clearhold_owner` owns and can't log in. `clearhold_migrator` logs in to become it. `clearhold_app`,
`clearhold_auditor` and `clearhold_sequencer` log in and may create nothing, not even a temporary table: a temporary
table could stand before a real one in the name look-up of a guard function.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql

OWNER = "clearhold_owner"
MIGRATOR = "clearhold_migrator"
APP = "clearhold_app"
AUDITOR = "clearhold_auditor"
SEQUENCER = "clearhold_sequencer"
# Read by the auditors' login, which steps down to it for requests of support: it may read some columns and no words.
SUPPORT = "clearhold_support"
LOGINS = (MIGRATOR, APP, AUDITOR, SEQUENCER)
OLDEST = 160000


class CannotPrepare(RuntimeError):
    """The server can't take the roles; the message says why."""


def prepare_database(
    admin_dsn: str,
    database: str,
    *,
    passwords: Mapping[str, str] | None = None,
    members: Mapping[str, str] | None = None,
) -> None:
    """Makes roles and database where they are missing and sets who may do what; can be run again.

    `passwords` maps a login role to its password (a role without one keeps what it has). `members` maps a role to
    a login that may become it: the tests use it, and installations with a single login.
    """
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        if connection.info.server_version < OLDEST:
            raise CannotPrepare(
                f"PostgreSQL 16 or newer is needed; this server is {connection.info.server_version // 10000}."
            )
        _make_roles(connection, passwords or {})
        for role, login in (members or {}).items():
            _run(connection, "GRANT {} TO {} WITH INHERIT FALSE, SET TRUE", role, login)
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
        if exists is None:
            # No statement of the session may be open: CREATE DATABASE refuses a transaction.
            _run(connection, "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0", database, OWNER)
    with psycopg.connect(admin_dsn, dbname=database, autocommit=True) as connection:
        restrict(connection, database)


def restrict(connection: psycopg.Connection, database: str) -> None:
    """Ownership and rights of one database; its connection must be to that database."""
    with connection.transaction():
        _run(connection, "ALTER DATABASE {} OWNER TO {}", database, OWNER)
        _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
        _run(connection, "ALTER SCHEMA public OWNER TO {}", OWNER)
        _run(connection, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for login in LOGINS:
            _run(connection, "GRANT CONNECT ON DATABASE {} TO {}", database, login)
        for login in (APP, AUDITOR, SEQUENCER, SUPPORT):
            _run(connection, "GRANT USAGE ON SCHEMA public TO {}", login)


def _make_roles(connection: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    limits = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    if connection.execute("SELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,):
        # A managed server's administrator may not even name the two limits that only a superuser could lift.
        limits = "NOCREATEDB NOCREATEROLE"
    for role in (OWNER, SUPPORT, *LOGINS):
        if role not in known:
            login = " NOLOGIN" if role in (OWNER, SUPPORT) else " LOGIN"
            _run(connection, "CREATE ROLE {} " + limits + login, role)
        if role in passwords:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(passwords[role]))
            connection.execute(statement)
    _run(connection, "GRANT {} TO {} WITH INHERIT FALSE, SET TRUE", OWNER, MIGRATOR)
    _run(connection, "GRANT {} TO {} WITH INHERIT FALSE, SET TRUE", SUPPORT, AUDITOR)
    if limits.startswith("NOCREATEDB"):
        _run(connection, "GRANT {} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE", OWNER)


def _run(connection: psycopg.Connection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
