"""The cast of every story: one person per role, two engineers, two approvers from two departments.

Maya manages, Ines and Ivan implement, Vera verifies, Arun and Alba approve, Edda is the executive, Adam administers,
Otto audits. Fixtures `org` (entered for the test's transaction) and `people` are in tests/conftest.py's reach.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.identifiers import uuid7
from evidence.organizations.models import Organization
from portal.accounts.models import Account, Membership, Person

PASSWORD = "a long sample password"
CAST = {
    "maya": ("Maya Okafor", "manager", "Compliance"),
    "ines": ("Ines Duarte", "engineer", "Engineering"),
    "ivan": ("Ivan Petrov", "engineer", "Engineering"),
    "vera": ("Vera Lindholm", "reviewer", "Security"),
    "arun": ("Arun Mehta", "approver", "Security"),
    "alba": ("Alba Ferrer", "approver", "Finance"),
    "edda": ("Edda Brandt", "executive", "Executive"),
    "adam": ("Adam Kowal", "administrator", "IT"),
    "otto": ("Otto Haas", "auditor", "Haas & Partner"),
}


@dataclass(frozen=True)
class People:
    """The cast as actors who have just proved who they are."""

    maya: Actor
    ines: Actor
    ivan: Actor
    vera: Actor
    arun: Actor
    alba: Actor
    edda: Actor
    adam: Actor
    otto: Actor


def actor(organization: Organization, account: Account) -> Actor:
    """The account's actor in the organization, freshly authenticated."""
    return Actor(
        organization_id=organization.pk,
        account_id=account.pk,
        person_id=account.person_id,
        via="session",
        authenticated_at=clock.now(),
        name=account.person.name,
        rights=account,
    )


def stale(someone: Actor) -> Actor:
    """The same actor without a fresh proof of identity."""
    return replace(someone, authenticated_at=None)


def join(organization: Organization, name: str, role: str, department: str = "", *, email: str = "") -> Account:
    """One more person of the organization, in the organization that the transaction entered."""
    person = Person.objects.create(name=name)
    address = email or f"{name.split()[0].lower()}@{organization.slug}.example"
    account = Account.objects.create_account(address, PASSWORD, person=person)
    give(organization, person.pk, role, department)
    return account


def give(organization: Organization | UUID, person_id: UUID | None, role: str, department: str = "") -> Membership:
    """A role as the operator's own login can plant it; no story tells who gave it.

    How people give roles has its tests in tests/portal/accounts/test_privileged_grants.py.
    """
    key = uuid7()
    place = organization.pk if isinstance(organization, Organization) else organization
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tests_give_role(%s, %s, %s, %s, %s, %s)", [key, place, person_id, role, department, clock.now()]
        )
    return Membership.objects.get(pk=key)


def hire(organization: Organization) -> People:
    """The whole cast, in the organization that the transaction entered."""
    return People(
        **{
            key: actor(organization, join(organization, name, role, department))
            for key, (name, role, department) in CAST.items()
        }
    )


def account_of(someone: Actor) -> Account:
    return get_user_model().objects.get(pk=someone.account_id)


@pytest.fixture
def org(db: None) -> Iterator[Organization]:
    """An organization that the test's transaction has entered."""
    organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    with tenancy.entered(organization.pk):
        yield organization


@pytest.fixture
def other_org(db: None) -> Organization:
    """Another tenant. Enter it with tenancy.entered to put rows there."""
    return Organization.objects.create(slug="otherfirm", name="Otherfirm")


@pytest.fixture
def people(org: Organization) -> People:
    return hire(org)
