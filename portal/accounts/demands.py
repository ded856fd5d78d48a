"""Which organizations demand a second factor of a person, and telling them all when their factors change."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.ledger import services as ledger
from evidence.ledger.events import Event
from evidence.ledger.services import Subject
from evidence.organizations.models import Organization
from portal.accounts.models import Account, Membership


def demanding(person_id: UUID) -> list[str]:
    """The names of the organizations that demand a second factor of a role this person holds now."""
    names = []
    for place in _places(person_id):
        with _inside(place, person_id), connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SELECT second_factor_demanded(%s)", [person_id])
            if cursor.fetchone()[0]:
                names.append(place.name)
    return names


def tell(event: Event, account: Account, *, data: Mapping[str, Any]) -> None:
    """Record the change in the history of every organization that the person belongs to."""
    for place in _places(account.person_id):
        with _inside(place, account.person_id):
            actor = Actor(place.pk, account.pk, account.person_id, name=account.person.name)
            ledger.record(event, subject=Subject("accounts.account", account.pk), actor=actor, data=data)


def _places(person_id: UUID) -> list[Organization]:
    with transaction.atomic(), tenancy.entered(None, person_id, using=DEFAULT_DB_ALIAS):
        rows = Membership.objects.filter(person_id=person_id, ended_at=None).select_related("organization")
        return sorted({row.organization for row in rows}, key=lambda place: place.name)


@contextmanager
def _inside(place: Organization, person_id: UUID) -> Iterator[None]:
    with transaction.atomic(), tenancy.entered(place.pk, person_id, using=DEFAULT_DB_ALIAS):
        yield
