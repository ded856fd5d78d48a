"""An answer kept for an Idempotency-Key is no way round a right that was taken away, nor round what is restricted."""

from datetime import timedelta

import pytest
from django.test import Client

from evidence import clock, tenancy
from evidence.errors import NotAllowed, NotFound
from portal.accounts import services as accounts
from portal.accounts.models import Membership
from portal.api import idempotency
from portal.api.models import KeptAnswer
from remediation.findings import services as findings
from tests.people import account_of, actor, give
from tests.portal.edge.test_who_is_let_in import bearer

KEY = "nightly-1"


@pytest.fixture
def finding(people):
    return findings.report(
        actor=people.ines, title="Leavers kept logins", asset="CRM", severity="high", criteria=["CC6.2"],
        detected_at=clock.now() - timedelta(days=1),
    )  # fmt: skip


def triage(org, people, finding, headers):
    body = {
        "severity": "medium",
        "rationale": "Two leavers, no admin rights.",
        "duplicates_searched": True,
        "owner_id": str(people.maya.person_id),
    }
    at = f"/api/v1/organizations/{org.slug}/findings/{finding.ref}/triage/"
    sent = {**headers, "Idempotency-Key": KEY, "If-Match": f'"{finding.version}"'}
    return Client(headers=sent).post(at, body, content_type="application/json")


def test_the_answer_is_repeated_while_the_rights_stand(org, people, finding):
    headers, _ = bearer(people.maya, "findings.view", "findings.triage")
    first, again = (triage(org, people, finding, headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200), first.content
    assert again["Idempotency-Replayed"] == "true" and first.json() == again.json()
    assert "findings.triage" in KeptAnswer.objects.get().rights


def test_a_token_without_the_scope_gets_no_answer_that_another_token_earned(org, people, finding):
    whole, _ = bearer(people.maya, "findings.view", "findings.triage")
    narrow, _ = bearer(people.maya, "findings.view")
    assert triage(org, people, finding, whole).status_code == 200
    answer = triage(org, people, finding, narrow)
    assert answer.status_code == 403
    assert answer.json()["permission"] == "findings.triage", answer.json()


def test_who_lost_the_role_since_gets_no_answer(org, people, finding):
    headers, _ = bearer(people.maya, "findings.view", "findings.triage")
    assert triage(org, people, finding, headers).status_code == 200
    give(org, people.maya.person_id, "reviewer")
    manager = Membership.objects.get(person_id=people.maya.person_id, role="manager")
    accounts.end_role(manager.pk, actor=people.adam, reason="Another task.")
    assert triage(org, people, finding, headers).status_code == 403


def test_what_was_restricted_since_is_not_repeated_to_who_is_not_let_in(org, people, finding):
    body = {"id": str(finding.pk), "title": finding.title}
    for someone in (people.ivan, people.maya):
        assert idempotency.begin(KEY, actor=someone, sha256="a" * 64) is None
        idempotency.keep(KEY, actor=someone, status=200, body=body, headers={}, rights={"findings.view"})
    with tenancy.entered(org.pk, people.maya.person_id):
        findings.restrict(finding.pk, actor=people.maya, reason="An investigation is under way.")
    with tenancy.entered(org.pk, people.ivan.person_id), pytest.raises(NotFound):
        idempotency.begin(KEY, actor=people.ivan, sha256="a" * 64)
    with tenancy.entered(org.pk, people.maya.person_id):
        assert idempotency.begin(KEY, actor=people.maya, sha256="a" * 64).body == body


def test_a_right_is_asked_again_before_the_answer_is_given(org, people):
    assert idempotency.begin(KEY, actor=people.ivan, sha256="a" * 64) is None
    idempotency.keep(KEY, actor=people.ivan, status=200, body={}, headers={}, rights={"tasks.work"})
    Membership.objects.filter(person_id=people.ivan.person_id).update(ended_at=clock.now())
    with pytest.raises(NotAllowed, match=r"tasks\.work"):
        idempotency.begin(KEY, actor=actor(org, account_of(people.ivan)),
                          sha256="a" * 64)  # fmt: skip
