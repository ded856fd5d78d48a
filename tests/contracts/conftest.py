"""A world that all tests of one file share: one transaction around them, rolled back at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections, transaction
from django.test import override_settings

from evidence import tenancy
from evidence.organizations import services as organizations
from tests.contracts import world

MIRRORS = ("auditor", "sequencer", "owner")


@contextmanager
def one_connection() -> Iterator[None]:
    apart = {alias: connections[alias] for alias in MIRRORS}
    for alias in MIRRORS:
        connections[alias] = connections["default"]
    try:
        yield
    finally:
        for alias, connection in apart.items():
            connections[alias] = connection


@pytest.fixture(scope="module")
def shared_transaction(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[None]:
    """Whatever the tests of this file do, the database forgets it after the last of them."""
    folder = tmp_path_factory.mktemp("world")
    places = {
        "CLEARHOLD_BLOBS_DIR": folder / "blobs",
        "CLEARHOLD_KEYS_DIR": folder / "keys",
        "CLEARHOLD_SIGNER_DIR": folder / "signer",
    }
    atomic = transaction.atomic()
    atomic._from_testcase = True
    with django_db_blocker.unblock(), override_settings(**places), one_connection(), atomic:
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def ours(shared_transaction) -> world.World:
    organization = world.found("lumenroll", "Lumenroll")
    with tenancy.entered(organization.pk):
        return world.build(organization)


@pytest.fixture(scope="module")
def theirs(shared_transaction) -> world.World:
    """The other organization: a canary in every text it has, and public ids far from ours."""
    organization = world.found("otherfirm", "Otherfirm", world.CANARY)
    with tenancy.entered(organization.pk):
        for prefix in world.PREFIXES:
            organizations.take_numbers(organization.pk, prefix, 700)
        return world.build(organization, world.CANARY)
