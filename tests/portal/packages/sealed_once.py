"""One organization with two sealed issues of a package, made once for all tests of a file; each test is forgotten.

A file takes these fixtures by importing them, with `shared_transaction`; it then needs no django_db of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from django.db import transaction

from evidence import clock, tenancy
from evidence.organizations.models import Organization
from portal.engagements.models import Engagement
from portal.packages import services
from portal.packages.models import Package
from tests.contracts.conftest import shared_transaction
from tests.people import People, hire
from tests.portal.packages import proven

__all__ = ["engagement", "forgotten", "house", "org", "package", "people", "proved", "shared_transaction"]


@dataclass
class House:
    org: Organization
    people: People
    kept: proven.Kept


@pytest.fixture(scope="module")
def house(shared_transaction, tmp_path_factory) -> Iterator[House]:
    organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    with tenancy.entered(organization.pk):
        people = hire(organization)
        yield House(organization, people, proven.make(people, organization, tmp_path_factory.mktemp("house")))


@pytest.fixture(autouse=True)
def forgotten(house) -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def org(house, forgotten) -> Organization:
    return house.org


@pytest.fixture
def people(house, forgotten) -> People:
    """The cast, freshly proved: making what they share takes longer than a proof stays fresh."""
    names = house.people.__dataclass_fields__
    return People(**{name: proved(getattr(house.people, name)) for name in names})


def proved(someone):
    return replace(someone, authenticated_at=clock.now())


@pytest.fixture
def package(house, forgotten) -> Package:
    """The newer issue."""
    return Package.objects.get(issue=2)


@pytest.fixture
def engagement(house, forgotten) -> Engagement:
    return Engagement.objects.get()


def draft(engagement, people) -> Package:
    return services.start(engagement.pk, actor=people.maya)
