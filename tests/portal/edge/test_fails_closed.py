"""Whatever breaks while somebody is judged refuses them: no answer, no row, and no way in (ASVS 16.5.3)."""

import pytest
from django.db import OperationalError
from django.test import Client

from evidence import tenancy
from portal.accounts import backend
from portal.edge import tenancy as edge
from remediation.findings.models import Finding
from tests.contracts.test_access_matrix import signed_in

BREAKS = [RuntimeError("broken"), OperationalError("gone"), KeyError("roles"), TypeError("none")]


@pytest.fixture(params=BREAKS, ids=lambda error: type(error).__name__)
def fault(request):
    def broken(*args, **kwargs):
        raise request.param

    return broken


def asked(client, org):
    client.raise_request_exception = False
    new = {"title": "Made while it broke", "source": "internal", "asset": "CRM", "severity": "low", "criteria": "CC6.2",
           "detected_at": "2026-01-05T10:00", "do": "report"}  # fmt: skip
    yield client.get(f"/o/{org.slug}/findings")
    yield client.get(f"/api/v1/organizations/{org.slug}/findings/")
    yield client.post(f"/o/{org.slug}/findings/new", new)


def nothing_came_of(answers, org):
    for answer in answers:
        assert answer.status_code >= 400
        assert b"Made while it broke" not in answer.content
    with tenancy.entered(org.pk):
        assert not Finding.objects.exists()


def test_what_breaks_while_somebody_is_judged_lets_nobody_in(org, people, monkeypatch, fault):
    client = signed_in(people.maya)
    with monkeypatch.context() as broken:
        broken.setattr(backend.RoleBackend, "has_perm", fault)
        nothing_came_of(asked(client, org), org)


def test_what_breaks_while_the_organization_is_entered_lets_nobody_in(org, people, monkeypatch, fault):
    client = signed_in(people.maya)
    with monkeypatch.context() as broken:
        broken.setattr(edge, "_call", fault)
        nothing_came_of(asked(client, org), org)


def test_what_breaks_while_a_password_is_checked_signs_nobody_in(org, people, monkeypatch, fault):
    client = Client(raise_request_exception=False)
    with monkeypatch.context() as broken:
        broken.setattr(backend.RoleBackend, "authenticate", fault)
        client.post("/signin", {"email": "maya@lumenroll.example", "password": "whatever this is"})
    assert client.get(f"/o/{org.slug}/findings").status_code == 302


def test_without_an_organization_the_database_shows_no_row(org, people):
    with tenancy.entered(None):
        assert not Finding.objects.exists()
