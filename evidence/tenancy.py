"""Whose rows a transaction may see, and the SQL that makes PostgreSQL hold to it.

Every tenant table has row-level security, forced, with one policy: the row's organization is the one this
transaction entered. A transaction that entered none sees nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, migrations

APP = "clearhold_app"
AUDITOR = "clearhold_auditor"
SEQUENCER = "clearhold_sequencer"
OWNER = "clearhold_owner"
SUPPORT = "clearhold_support"

_SETTINGS = ("app.organization", "app.person", "app.system", "app.viewer")
_READ_SETTINGS = "SELECT " + ", ".join(f"current_setting('{name}', true)" for name in _SETTINGS)
_SET_SETTINGS = "SELECT " + ", ".join(f"set_config('{name}', %s, true)" for name in _SETTINGS)

_reading_as: ContextVar[str] = ContextVar("clearhold_alias", default=DEFAULT_DB_ALIAS)

INSTALL = """
CREATE FUNCTION current_organization() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog AS $$ SELECT nullif(current_setting('app.organization', true), '')::uuid $$;
CREATE FUNCTION current_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog AS $$ SELECT nullif(current_setting('app.person', true), '')::uuid $$;
CREATE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'CH001',
    MESSAGE = format('append-only: %s keeps history, so %s is refused', TG_TABLE_NAME, TG_OP);
END $$;
"""
REMOVE = """
DROP FUNCTION refuse_change_of_history();
DROP FUNCTION current_person();
DROP FUNCTION current_organization();
"""


def install() -> migrations.RunSQL:
    """The functions that policies and history triggers call; the first migration of all runs it."""
    return migrations.RunSQL(INSTALL, REMOVE)


def tenant_table(
    table: str,
    *,
    app: str = "SELECT, INSERT, UPDATE",
    auditor: str = "SELECT",
    column: str = "organization_id",
    sequencer: str = "",
) -> migrations.RunSQL:
    """Row-level security, its policy, and the grants of a table whose rows belong to one organization."""
    forward = (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"
        # The sub-select makes PostgreSQL evaluate the setting once a query, not once a row.
        f"CREATE POLICY own_organization ON {table} USING ({column} = (SELECT current_organization()))"
        f" WITH CHECK ({column} = (SELECT current_organization()));"
    ) + _grants(table, app=app, auditor=auditor, sequencer=sequencer)
    backward = (
        f"DROP POLICY own_organization ON {table};"
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
        f"REVOKE ALL ON {table} FROM {APP}, {AUDITOR}, {SEQUENCER};"
    )
    return migrations.RunSQL(forward, backward)


def reference_table(
    table: str, *, app: str = "SELECT", auditor: str = "SELECT", sequencer: str = ""
) -> migrations.RunSQL:
    """The grants of a table without organization: catalogues, people, sessions."""
    return migrations.RunSQL(
        _grants(table, app=app, auditor=auditor, sequencer=sequencer),
        f"REVOKE ALL ON {table} FROM {APP}, {AUDITOR}, {SEQUENCER};",
    )


def append_only(table: str) -> migrations.RunSQL:
    """Refuse UPDATE, DELETE and TRUNCATE of a table of history, for everyone, in every replication mode."""
    return migrations.RunSQL(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();"
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate;",
        f"DROP TRIGGER {table}_no_truncate ON {table}; DROP TRIGGER {table}_append_only ON {table};",
    )


def need_to_know(table: str, column: str) -> migrations.RunSQL:
    """Hide a table's rows with the object they hang on: `column` names a finding, task, request, artifact or version.

    `hidden_objects()` lists what the reader is not let in to; it is empty for nearly everybody, and asked once a query.
    """
    return migrations.RunSQL(
        f"CREATE POLICY need_to_know ON {table} AS RESTRICTIVE TO {APP}, {AUDITOR}"
        f" USING (({column} <> ALL ((SELECT hidden_objects())::uuid[])) IS NOT FALSE);",
        f"DROP POLICY need_to_know ON {table};",
    )


def _grants(table: str, *, app: str, auditor: str, sequencer: str) -> str:
    wanted = ((APP, app), (AUDITOR, auditor), (SEQUENCER, sequencer))
    return "".join(f"GRANT {rights} ON {table} TO {role};" for role, rights in wanted if rights)


@contextmanager
def entered(
    organization_id: UUID | None,
    person_id: UUID | None = None,
    *,
    using: str | None = None,
    system: bool = False,
    viewer_id: UUID | None = None,
) -> Iterator[None]:
    """Enter an organization for the block, on a connection that is inside a transaction.

    As a person, who sees what they are let in to; as the product itself with `system`, which sees all of the
    organization; as neither, which sees nothing restricted. `viewer_id` is who looks through the person's eyes: then
    both must be let in. The settings are local to the transaction; leaving the block restores what was there. Raises
    RuntimeError outside a transaction, where a local setting would be lost at once.
    """
    connection = connections[using or alias()]
    if not connection.in_atomic_block:
        raise RuntimeError("tenancy.entered needs an open transaction")
    wanted = (organization_id, person_id, "on" if system else "", viewer_id)
    with connection.cursor() as cursor:
        cursor.execute(_READ_SETTINGS)
        before = cursor.fetchone()
        cursor.execute(_SET_SETTINGS, [str(value or "") for value in wanted])
    yield
    # After an exception the transaction is rolled back, and the settings with it.
    if connection.needs_rollback:
        return
    with connection.cursor() as cursor:
        cursor.execute(_SET_SETTINGS, [value or "" for value in before])


@contextmanager
def as_the_product() -> Iterator[None]:
    """Inside an organization already entered: the block sees what its person is not let in to.

    For bookkeeping whose outcome must not depend on who asks, such as finding the same weakness twice. What it reads
    is not for the eyes of that person.
    """
    connection = connections[alias()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.system', true), set_config('app.system', 'on', true)")
        before = cursor.fetchone()[0]
    yield
    if connection.needs_rollback:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.system', %s, true)", [before or ""])


def alias() -> str:
    """The database alias of the present request: "auditor" inside reading_as_auditor, else "default"."""
    return _reading_as.get()


@contextmanager
def reading_as_auditor() -> Iterator[None]:
    """Send every query of the block through the role that can only SELECT."""
    token = _reading_as.set("auditor")
    try:
        with _as_role("auditor", AUDITOR):
            yield
    finally:
        _reading_as.reset(token)


@contextmanager
def structure_only() -> Iterator[None]:
    """Inside `reading_as_auditor` and a transaction: step down to the role that reads some columns and no words."""
    connection = connections[alias()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        before = cursor.fetchone()[0]
        cursor.execute(f"SET LOCAL ROLE {SUPPORT}")
    yield
    if not connection.needs_rollback:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {connection.ops.quote_name(before)}")


@contextmanager
def keeping_record() -> Iterator[None]:
    """The one narrow path on which an auditor's request writes: the record of what was opened.

    Callers open their own transaction on "default" and enter the organization there.
    """
    token = _reading_as.set(DEFAULT_DB_ALIAS)
    try:
        with _as_role(DEFAULT_DB_ALIAS, APP):
            yield
    finally:
        _reading_as.reset(token)


@contextmanager
def acting_as_sequencer() -> Iterator[None]:
    """Send the block's queries through the role that alone writes the tree."""
    token = _reading_as.set("sequencer")
    try:
        with _as_role("sequencer", SEQUENCER):
            yield
    finally:
        _reading_as.reset(token)


@contextmanager
def acting_as_operator() -> Iterator[None]:
    """Send the block's queries through the owner's login: for commands of the operator, never for a request.

    Callers open their own transaction on "owner" and enter the organization there.
    """
    token = _reading_as.set("owner")
    try:
        with _as_role("owner", OWNER):
            yield
    finally:
        _reading_as.reset(token)


@contextmanager
def _as_role(using: str, role: str) -> Iterator[None]:
    # Aliases have logins of their own, so there is nothing to do; where two aliases share one connection
    # (a single login, or a test's transaction) the role is switched instead.
    connection = connections[using]
    if connection.settings_dict["USER"] == role and not connection.settings_dict.get("SHARED_LOGIN"):
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        before = cursor.fetchone()[0]
        cursor.execute(f"SET ROLE {role}")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(f"SET ROLE {connection.ops.quote_name(before)}")


class Router:
    """Django's database router: every query of a request goes where `alias()` says."""

    def db_for_read(self, model: type, **hints: object) -> str:
        return alias()

    def db_for_write(self, model: type, **hints: object) -> str:
        return alias()

    def allow_relation(self, first: object, second: object, **hints: object) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        return db == "owner"
