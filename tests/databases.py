"""The databases of the tests: a template, migrated once and kept while no migration changes, and copies of it."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from portal.embedded import roles, servers

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = "clearhold_test_template"
PREFIX = "clearhold_test_"
LOCK = 7_302_114
FLOORS = ("evidence", "remediation", "portal")
# In the test cluster alone the app may become the two other readers, so that a test's one connection can play them.
MEMBERS = {roles.AUDITOR: roles.APP, roles.SEQUENCER: roles.APP, roles.SUPPORT: roles.APP}
# In the tests' databases alone: a role as the operator's own login can plant it, inside a test's own transaction.
PLANT = """
CREATE FUNCTION tests_give_role(id uuid, organization uuid, person uuid, role text, department text, starts timestamptz)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO accounts_membership (id, organization_id, person_id, role, department, starts_at)
  VALUES ($1, $2, $3, $4, $5, $6) $$;
REVOKE ALL ON FUNCTION tests_give_role(uuid, uuid, uuid, text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tests_give_role(uuid, uuid, uuid, text, text, timestamptz) TO clearhold_app;
"""


def start() -> servers.Urls:
    """The tests' own cluster, apart from that of `make run`."""
    return servers.ensure(ROOT / "var" / "test", throwaway=True)


def point_aliases(urls: servers.Urls) -> None:
    """Every alias to the test cluster, each with its own login. Call it before any connection is made."""
    from portal.settings.base import database

    addresses = {
        "default": (urls.database_url, roles.APP),
        "auditor": (urls.database_auditor_url, roles.AUDITOR),
        "sequencer": (urls.database_sequencer_url, roles.SEQUENCER),
        "owner": (urls.database_owner_url, roles.OWNER),
    }
    for alias, (url, role) in addresses.items():
        connections.settings[alias].update(database(url, role))
    settings.REDIS_URL = settings.CELERY_BROKER_URL = urls.redis_url


def use(name: str) -> None:
    """Points every alias at the database `name`, closing what is open in this thread."""
    for alias in settings.DATABASES:
        connections[alias].close()
        connections.settings[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


def template(urls: servers.Urls) -> None:
    """Makes the template anew when anything that shapes it has changed."""
    key = _fingerprint()
    with psycopg.connect(urls.database_admin_url, autocommit=True) as admin:
        # Workers of one run, and runs side by side, make it once.
        admin.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        found = admin.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [TEMPLATE]
        ).fetchone()
        _drop_left_behind(admin)
        if found == (key,):
            return
        if found is not None:
            _run(admin, "DROP DATABASE {} WITH (FORCE)", TEMPLATE)
        roles.prepare_database(urls.database_admin_url, TEMPLATE, members=MEMBERS)
        use(TEMPLATE)
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        with connections["owner"].cursor() as cursor:
            cursor.execute(PLANT)
        for connection in connections.all():
            connection.close()
        admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(TEMPLATE), sql.Literal(key)))


@contextlib.contextmanager
def copy(urls: servers.Urls, label: str) -> Iterator[str]:
    """A database of one's own, from the template; its name carries our process, so that a later run can clear it."""
    name = f"{PREFIX}{label}_{os.getpid()}_{secrets.token_hex(3)}"
    with psycopg.connect(urls.database_admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock_shared(%s)", [LOCK])
        statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
        _run(admin, statement, name, TEMPLATE)
        admin.execute("SELECT pg_advisory_unlock_shared(%s)", [LOCK])
    with psycopg.connect(urls.database_admin_url, dbname=name, autocommit=True) as admin:
        roles.restrict(admin, name)
    try:
        yield name
    finally:
        with psycopg.connect(urls.database_admin_url, autocommit=True) as admin:
            _run(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _drop_left_behind(admin: psycopg.Connection) -> None:
    for (name,) in admin.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [PREFIX + "%"]).fetchall():
        parts = name.removeprefix(PREFIX).split("_")
        if name == TEMPLATE or len(parts) != 3 or not parts[1].isdigit():
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(parts[1]), 0)
            continue
        _run(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _fingerprint() -> str:
    """Over everything that a migration runs: a guard's text may be imported from anywhere in its app."""
    shaping = [ROOT / "evidence" / "tenancy.py", Path(roles.__file__), Path(__file__), ROOT / "requirements.txt"]
    for floor in FLOORS:
        for pattern in ("**/migrations/*.py", "**/*guards.py", "**/guards/*.py", "**/models.py", "**/reference/*"):
            shaping += (ROOT / floor).glob(pattern)
    digest = hashlib.sha256()
    for path in sorted({path.resolve() for path in shaping}):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _run(admin: psycopg.Connection, statement: str, *names: str) -> None:
    admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
