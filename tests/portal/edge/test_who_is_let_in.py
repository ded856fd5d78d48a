"""The edge of a request: who is let in, into which organization, and what a refusal looks like."""

from datetime import timedelta

import pytest
from django.test import Client

from evidence import clock, tenancy
from evidence.identifiers import uuid7
from portal.accounts import services
from portal.jobs.models import Job
from tests.people import account_of, hire


@pytest.fixture
def job(org, people):
    return Job.objects.create(organization=org, kind="demo", created_by_id=people.maya.person_id)


@pytest.fixture
def url(org, job):
    return f"/api/v1/organizations/{org.slug}/jobs/{job.pk}/"


def bearer(actor, *scopes, days=5):
    issued = services.create_token(name="ci", scopes=list(scopes), days=days, actor=actor)
    return {"Authorization": f"Bearer {issued.secret}"}, issued.row


def test_a_token_reads_what_its_owner_may_read(url, people):
    headers, _ = bearer(people.maya, "jobs.view")
    answer = Client().get(url, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["state"] == "queued"


def test_a_token_without_the_scope_is_refused(url, people):
    headers, _ = bearer(people.maya, "findings.view")
    answer = Client().get(url, headers=headers)
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_allowed"


def test_no_token_and_a_made_up_token_are_unauthenticated(url):
    for headers in ({}, {"Authorization": "Bearer clh_invented"}):
        answer = Client().get(url, headers=headers)
        assert answer.status_code == 401
        assert "Bearer" in answer["WWW-Authenticate"]


def test_a_revoked_or_expired_token_no_longer_works(url, people):
    headers, token = bearer(people.maya, "jobs.view")
    services.revoke_token(token.pk, actor=people.maya)
    assert Client().get(url, headers=headers).status_code == 401
    with clock.at(clock.now() - timedelta(days=10)):
        headers, _ = bearer(people.maya, "jobs.view", days=5)
    assert Client().get(url, headers=headers).status_code == 401


def test_a_token_of_a_deactivated_account_no_longer_works(url, people):
    headers, _ = bearer(people.maya, "jobs.view")
    account = account_of(people.maya)
    account.is_active = False
    account.save()
    assert Client().get(url, headers=headers).status_code == 401


def test_a_token_opens_no_other_organization(org, other_org, job, people):
    headers, _ = bearer(people.maya, "jobs.view")
    answer = Client().get(f"/api/v1/organizations/{other_org.slug}/jobs/{job.pk}/", headers=headers)
    assert answer.status_code == 401


def test_another_organizations_job_is_not_found(org, other_org, job):
    with tenancy.entered(other_org.pk):
        theirs = hire(other_org)
        headers, _ = bearer(theirs.maya, "jobs.view")
    answer = Client().get(f"/api/v1/organizations/{other_org.slug}/jobs/{job.pk}/", headers=headers)
    assert answer.status_code == 404


def test_a_member_elsewhere_gets_the_same_answer_for_a_foreign_and_an_invented_organization(org, other_org, people):
    client = Client()
    client.force_login(account_of(people.maya), backend="portal.accounts.backend.RoleBackend")
    with tenancy.entered(None):
        foreign = client.get(f"/api/v1/organizations/{other_org.slug}/jobs/{uuid7()}/")
        invented = client.get(f"/api/v1/organizations/nowhere/jobs/{uuid7()}/")
    assert foreign.status_code == invented.status_code == 404
    assert foreign.json() == invented.json()


def test_a_token_gives_no_right_that_its_owner_lacks(people):
    from evidence.errors import Invalid

    with pytest.raises(Invalid) as refusal:
        services.create_token(name="ci", scopes=["people.manage"], days=5, actor=people.ines)
    assert "people.manage" in refusal.value.fields["scopes"][0]


def test_a_token_makes_no_tokens(people):
    from dataclasses import replace

    from evidence.errors import ReauthenticationRequired

    with pytest.raises(ReauthenticationRequired):
        services.create_token(name="x", scopes=["jobs.view"], days=5, actor=replace(people.maya, via="token"))


def test_only_the_hash_of_a_token_is_kept(people):
    issued = services.create_token(name="ci", scopes=["jobs.view"], days=5, actor=people.maya)
    kept = {str(getattr(issued.row, field.attname)) for field in issued.row._meta.fields}
    assert issued.secret not in kept
    assert issued.secret.startswith("clh_")
