"""What the database consists of, asked of PostgreSQL itself, so that a new table is never forgotten."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.db.backends.utils import CursorWrapper
from psycopg import sql

#: Its rows come from `migrate` itself.
MIGRATIONS = "django_migrations"
#: Who is signed in and who mistyped a password: after a restore everybody signs in anew. And files that were half
#: received: their pieces lie with the web processes, so they are sent again.
LEFT_OUT = frozenset(
    {"django_session", "axes_accessattempt", "axes_accessattemptexpiration", "uploads_upload", "uploads_part"}
)

_TABLES = """
SELECT c.relname, c.relrowsecurity, has_table_privilege('clearhold_app', c.oid, 'INSERT'),
  array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
GROUP BY c.oid, c.relname, c.relrowsecurity ORDER BY c.relname
"""
_SEQUENCES = """
SELECT s.relname, t.relname, a.attname FROM pg_class s
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('i', 'a')
JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace ORDER BY 1
"""
# What stands between a row and whoever would change it: row security, policies, triggers, functions, grants.
_GUARDS = """
SELECT 'table', c.relname, c.relrowsecurity::text || c.relforcerowsecurity::text, '' FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
UNION ALL SELECT 'policy', p.polrelid::regclass::text, p.polname, concat_ws(' / ', p.polcmd::text, p.polpermissive::text,
    (SELECT string_agg(r.rolname, ',' ORDER BY r.rolname) FROM pg_roles r WHERE r.oid = ANY (p.polroles)),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) FROM pg_policy p
UNION ALL SELECT 'trigger', t.tgrelid::regclass::text, t.tgname, t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
  FROM pg_trigger t WHERE NOT t.tgisinternal
UNION ALL SELECT 'function', p.proname, pg_get_function_identity_arguments(p.oid),
    concat_ws(' / ', p.prosecdef::text, p.proconfig::text, p.prosrc)
  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
UNION ALL SELECT 'grant', c.relname, coalesce(r.rolname, 'PUBLIC'), a.privilege_type FROM pg_class c
  CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
UNION ALL SELECT 'constraint', c.conrelid::regclass::text, c.conname,
    pg_get_constraintdef(c.oid) || c.convalidated::text FROM pg_constraint c
  WHERE c.connamespace = 'public'::regnamespace AND c.contype IN ('c', 'f', 'u', 'p', 'x')
"""


@dataclass(frozen=True)
class Table:
    """One table: a tenant's has row security, and its rows are read organization by organization."""

    name: str
    is_tenants: bool
    is_written: bool
    columns: tuple[str, ...]

    @property
    def must_be_empty(self) -> bool:
        """Before a restore. What no request may write was put there by migrations."""
        return (self.is_tenants or self.is_written) and self.name not in LEFT_OUT

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.name)

    @property
    def listed(self) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))


@dataclass(frozen=True)
class Sequence:
    name: str
    table: str
    column: str


def tables(cursor: CursorWrapper) -> list[Table]:
    """Every table whose rows belong into a backup."""
    return [table for table in all_tables(cursor) if table.name not in LEFT_OUT]


def all_tables(cursor: CursorWrapper) -> list[Table]:
    """Every table that a restore finds, those whose rows were left out too."""
    cursor.execute(_TABLES)
    found = [Table(name, tenants, written, tuple(columns)) for name, tenants, written, columns in cursor.fetchall()]
    return [table for table in found if table.name != MIGRATIONS]


def sequences(cursor: CursorWrapper) -> list[Sequence]:
    cursor.execute(_SEQUENCES)
    return [Sequence(*row) for row in cursor.fetchall()]


def migrations(cursor: CursorWrapper) -> list[list[str]]:
    cursor.execute("SELECT app, name FROM django_migrations ORDER BY app, name")
    return [list(row) for row in cursor.fetchall()]


def guards(cursor: CursorWrapper) -> list[tuple[Any, ...]]:
    """Every guard of the database, in order."""
    cursor.execute(_GUARDS)
    return sorted(cursor.fetchall())


def fingerprint(found: list[tuple[Any, ...]]) -> str:
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def server_version(cursor: CursorWrapper) -> str:
    cursor.execute("SHOW server_version")
    return str(cursor.fetchone()[0])
