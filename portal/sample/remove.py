"""Removing the sample: every row, file and signature of it, and nothing of anybody else.

History can't be deleted while its triggers stand, so the owner of the tables switches them off, and back to exactly
the mode they had, in one transaction: nobody else ever sees them off, and a failure leaves all as it was. Refuses any
organization that was not born as the sample.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connections, transaction
from django.db.backends.utils import CursorWrapper

from evidence import tenancy
from evidence.errors import NotAllowed, NotFound
from evidence.ledger import signer
from evidence.organizations.models import Organization
from evidence.vault.backends import Locked, named
from portal.sample import SLUG, load

OWNER = "owner"
# Writers wait while the tables are locked; a removal that can't get the locks gives up instead of stopping them all.
LOCK_SECONDS = 20
MODES = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}


@dataclass
class Removed:
    """What is gone."""

    rows: int = 0
    people: int = 0
    kept_people: int = 0
    files: int = 0
    locations: list[tuple[str, str]] = field(default_factory=list, repr=False)


def remove() -> Removed:
    """Remove the organization `sample` with its history. Raises NotFound without one, NotAllowed for a real one."""
    organization = find()
    removed = Removed()
    # The sequencer takes this lock first, too; so it neither signs meanwhile nor misses a tree that it signed.
    with signer.held(organization.pk):
        with transaction.atomic(using=OWNER), _cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            with tenancy.entered(organization.pk, using=OWNER):
                _remove_rows(cursor, organization.pk, removed)
        signer.forget(organization.pk)
    _remove_files(organization.pk, removed)
    return removed


# What an account leaves outside every organization, by the column that names it.
OF_ACCOUNTS = {"mfa_authenticator": "user_id", "accounts_proof": "account_id", "accounts_signedin": "account_id"}


def find() -> Organization:
    """The sample organization. Raises NotFound when there is none, NotAllowed when the name belongs to a real one."""
    found = Organization.objects.using(OWNER).filter(slug=SLUG).first()
    if found is None:
        raise NotFound("There is no sample organization here.")
    if not found.is_sample:
        raise NotAllowed(f"The organization “{SLUG}” is a real one: its history stays.")
    return found


def tables() -> list[str]:
    """Every table whose rows belong to one organization."""
    return sorted(
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and any(field.column == "organization_id" for field in model._meta.local_fields)
    )


def _remove_rows(cursor: CursorWrapper, organization_id: UUID, removed: Removed) -> None:
    owned = tables()
    cursor.execute("SELECT backend, location FROM vault_blob WHERE organization_id = %s", [organization_id])
    removed.locations = cursor.fetchall()
    cursor.execute("SELECT DISTINCT person_id FROM accounts_membership WHERE organization_id = %s", [organization_id])
    people = [person_id for (person_id,) in cursor.fetchall()]
    with _triggers_off(cursor, [*owned, *OF_ACCOUNTS, "accounts_account", "accounts_person"]):
        for table in owned:
            cursor.execute(f"DELETE FROM {table} WHERE organization_id = %s", [organization_id])  # noqa: S608
            removed.rows += cursor.rowcount
        cursor.execute("DELETE FROM organizations_organization WHERE id = %s AND is_sample", [organization_id])
        # Foreign keys are checked here at the latest: whatever still points at the sample undoes it all.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for person_id in people:
            _remove_person(cursor, person_id, removed)


def _remove_person(cursor: CursorWrapper, person_id: UUID, removed: Removed) -> None:
    cursor.execute("SELECT id::text, email FROM accounts_account WHERE person_id = %s", [person_id])
    accounts = dict(cursor.fetchall())
    try:
        # A person who belongs somewhere else is referred to there, and the foreign key refuses.
        with transaction.atomic(using=OWNER):
            for table, column in OF_ACCOUNTS.items():
                cursor.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s::uuid[])", [list(accounts)])  # noqa: S608
            cursor.execute("DELETE FROM accounts_account WHERE person_id = %s", [person_id])
            cursor.execute("DELETE FROM accounts_person WHERE id = %s", [person_id])
    except IntegrityError:
        removed.kept_people += 1
        return
    cursor.execute("DELETE FROM axes_accessattempt WHERE username = ANY(%s)", [list(accounts.values())])
    _end_sessions(set(accounts))
    removed.people += 1


def _end_sessions(accounts: set[str]) -> None:
    for session in Session.objects.using(OWNER).iterator():
        if session.get_decoded().get("_auth_user_id") in accounts:
            session.delete(using=OWNER)


@contextmanager
def _triggers_off(cursor: CursorWrapper, names: list[str]) -> Iterator[None]:
    cursor.execute(
        "SELECT tgrelid::regclass::text, quote_ident(tgname), tgenabled FROM pg_trigger"
        " WHERE NOT tgisinternal AND tgrelid = ANY(%s::regclass[]) ORDER BY 1, 2",
        [names],
    )
    before = cursor.fetchall()
    for table in sorted({table for table, _, _ in before}):
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    for table, trigger, mode in before:
        cursor.execute(f"ALTER TABLE {table} {MODES[mode]} TRIGGER {trigger}")


def _remove_files(organization_id: UUID, removed: Removed) -> None:
    for backend in {name for name, _ in removed.locations} | {"local"}:
        store = named(backend)
        for stored in store.listing(organization_id.hex):
            # What a bucket's lock keeps is noise without its key, which went with the row.
            with suppress(Locked):
                store.remove(stored)
                removed.files += 1
    shutil.rmtree(Path(settings.CLEARHOLD_BLOBS_DIR) / organization_id.hex, ignore_errors=True)
    shutil.rmtree(load.folder(), ignore_errors=True)
    (Path(settings.CLEARHOLD_KEYS_DIR) / "sample-password").unlink(missing_ok=True)
    if load.told().exists():
        # The file stays, so that the next start doesn't make the sample again.
        load.told().write_text("The sample organization was removed; `manage.py load_sample` makes it anew.\n")


def _cursor() -> CursorWrapper:
    return connections[OWNER].cursor()
