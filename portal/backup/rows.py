"""The database's rows out to files and back, with PostgreSQL's own COPY.

Out: as the owner, in one repeatable-read snapshot. Row security holds the owner too, so a tenant's rows are read
organization by organization; pg_dump, which may not ask like that, is refused by the same rule. Back: in one
transaction that lays the guards aside, fills empty tables, and ends only when every guard stands as before.
"""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from evidence import tenancy
from portal.backup import catalogue, places
from portal.backup.catalogue import Table

OWNER = "owner"
MAX_PIECE = 1 << 20


@dataclass
class Dump:
    """One table's rows in a file. `by_organization` is empty for a table that belongs to none."""

    table: str
    columns: list[str]
    rows: int = 0
    by_organization: dict[str, int] = field(default_factory=dict)
    file: str = ""
    sha256: str = ""


@contextmanager
def snapshot() -> Iterator[CursorWrapper]:
    """One moment of the database, read only, as its owner."""
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield cursor


def dump(cursor: CursorWrapper, table: Table, organizations: Iterable[UUID], folder: Path) -> Dump:
    """Write one table's rows."""
    told, done = Dump(table.name, list(table.columns)), list[places.Written]()
    with places.writing(folder, f"database/{table.name}.gz", done) as file:
        if not table.is_tenants:
            told.rows = _copy_out(cursor, _whole(table), file)
        else:
            for organization_id in organizations:
                with tenancy.entered(organization_id, using=OWNER):
                    count = _copy_out(cursor, _of_one(table, organization_id), file)
                told.rows += count
                if count:
                    told.by_organization[str(organization_id)] = count
    told.file, told.sha256 = done[0].file, done[0].sha256
    return told


def _whole(table: Table) -> sql.Composed:
    return sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(table.listed, table.identifier)


def _of_one(table: Table, organization_id: UUID) -> sql.Composed:
    # The condition beside the policy: some tables let the owner see more.
    statement = "COPY (SELECT {} FROM {} WHERE organization_id = {}) TO STDOUT"
    return sql.SQL(statement).format(table.listed, table.identifier, sql.Literal(organization_id))


def _copy_out(cursor: CursorWrapper, statement: sql.Composed, file: Any) -> int:
    count = 0
    with cursor.copy(statement) as copy:
        for data in copy:
            # A line break within a value is written as \n, so each one in the bytes ends a row.
            count += bytes(data).count(b"\n")
            file.write(data)
    return count


class Differs(places.BackupRefused):
    """What was loaded is not what was written."""


@contextmanager
def loading() -> Iterator["Loader"]:
    """An empty database to fill: all of it, or nothing. Raises BackupRefused when it is not empty."""
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        loader = Loader(cursor)
        loader.open()
        yield loader
        loader.close()


def require_empty() -> None:
    """Raise BackupRefused when the database holds rows. It looks behind row security and leaves everything as it was."""
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        Loader(cursor).lay_aside()
        transaction.set_rollback(True, using=OWNER)


class Loader:
    """The transaction in which the guards are laid aside. `guards` is what stood there before, and has to again."""

    def __init__(self, cursor: CursorWrapper) -> None:
        self.cursor = cursor
        self.tables = {table.name: table for table in catalogue.all_tables(cursor)}
        self.guards = catalogue.guards(cursor)
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger"
            " WHERE NOT tgisinternal ORDER BY 1, 2"
        )
        self.triggers = [tuple(row) for row in cursor.fetchall()]

    def lay_aside(self) -> None:
        for table in self.tables.values():
            self._run("ALTER TABLE {} DISABLE TRIGGER USER", table.name)
            if table.is_tenants:
                self._run("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", table.name)
        self._require_empty()

    def open(self) -> None:
        self.lay_aside()
        every = sql.SQL(", ").join(table.identifier for table in self.tables.values())
        self.cursor.execute(sql.SQL("TRUNCATE {}").format(every))

    def _require_empty(self) -> None:
        for table in self.tables.values():
            if not table.must_be_empty:
                continue
            self._run("SELECT EXISTS (SELECT FROM {})", table.name)
            if self.cursor.fetchone()[0]:
                raise places.BackupRefused(
                    f"The database is not empty: {table.name} has rows. Nothing was changed.",
                    help="Restore into a new, empty database; a database in use is never overwritten.",
                )

    def load(self, told: dict[str, Any], path: Path) -> None:
        """One table's rows, counted. Raises Differs."""
        table = self.tables.get(told["table"])
        if table is None:
            raise Differs(f"This version has no table {told['table']}, but the backup has rows of it.")
        columns = sql.SQL(", ").join(map(sql.Identifier, told["columns"]))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table.identifier, columns)
        with gzip.open(path, "rb") as file, self.cursor.copy(statement) as copy:
            while piece := file.read(MAX_PIECE):
                copy.write(piece)
        if (found := self._count(table)) != (told["rows"], told["by_organization"]):
            raise Differs(f"{table.name} has {found[0]} rows after loading, but {told['rows']} were written.")

    def _count(self, table: Table) -> tuple[int, dict[str, int]]:
        if not table.is_tenants:
            self._run("SELECT count(*) FROM {}", table.name)
            return int(self.cursor.fetchone()[0]), {}
        self._run("SELECT organization_id::text, count(*) FROM {} GROUP BY 1", table.name)
        found = dict(self.cursor.fetchall())
        return sum(found.values()), found

    def close(self) -> None:
        """Every reference is checked, every guard stands again as it stood; else nothing of it stays."""
        for sequence in catalogue.sequences(self.cursor):
            statement = "SELECT setval({}, coalesce((SELECT max({}) FROM {}), 0) + 1, false)"
            name = sql.Literal(f'"{sequence.name}"')
            column, table = sql.Identifier(sequence.column), sql.Identifier(sequence.table)
            self.cursor.execute(sql.SQL(statement).format(name, column, table))
        self.cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in self.tables.values():
            if table.is_tenants:
                self._run("ALTER TABLE {} FORCE ROW LEVEL SECURITY", table.name)
        words = {"A": "ENABLE ALWAYS", "O": "ENABLE", "R": "ENABLE REPLICA"}
        for table_name, trigger, state in self.triggers:
            if state in words:
                self._run("ALTER TABLE {} " + words[state] + " TRIGGER {}", table_name, trigger)
        if catalogue.guards(self.cursor) != self.guards:
            raise Differs("A guard of the database does not stand as before. Nothing was restored.")

    def _run(self, statement: str, *names: str) -> None:
        self.cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
