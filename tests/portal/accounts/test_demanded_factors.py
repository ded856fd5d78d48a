"""Roles that demand a second factor: nothing is seen and nothing decided without one, whoever asks and however."""

from dataclasses import replace

import pytest
from allauth.mfa.models import Authenticator
from django.db import DatabaseError, connection, transaction
from django.test import Client

from evidence import clock
from evidence.errors import DutyConflict, Invalid
from evidence.organizations import queries
from evidence.organizations.models import Policy
from evidence.organizations.services import set_policy
from portal.accounts import services
from portal.accounts.models import Proof
from remediation.approvals import services as approvals
from tests.people import PASSWORD, account_of, give
from tests.portal.edge.test_who_is_let_in import bearer
from tests.remediation.story import Story

WHY = "The retest shows it."


def demand(people, **roles):
    set_policy("access", {"second_factor": roles, "idle_minutes": 15, "absolute_hours": 8}, actor=people.adam)


def signed_in(email, password=PASSWORD):
    client = Client()
    client.post("/signin", {"email": f"{email}@lumenroll.example", "password": password})
    return client


def proved(actor, kind):
    """The actor with a proof of that kind on record, as the session of a person who gave it has."""
    moment = clock.now()
    Proof.objects.create(account_id=actor.account_id, kind=kind, purpose="step_up", at=moment)
    return replace(actor, authenticated_at=moment, proof=kind)


@pytest.fixture
def asked(org, people):
    """A request that Arun may decide."""
    return Story(people, severity="high").until("planned").request("finding.approve_plan")


def test_an_organization_begins_with_the_demand_for_all_but_engineers(db):
    from evidence import tenancy

    issued = services.found_organization(
        slug="newfirm", name="New firm", timezone="UTC", admin_email="a@newfirm.example", admin_name="Ada"
    )
    with tenancy.entered(issued.row.organization_id):
        body = queries.policy(issued.row.organization_id, "access").body
    assert [role for role, wanted in body["second_factor"].items() if not wanted] == ["engineer"]


@pytest.mark.rule("M-01", by="python")
def test_who_must_show_one_and_has_not_is_led_to_set_it_up(org, people):
    demand(people, manager=True)
    client = signed_in("maya")
    answer = client.get(f"/o/{org.slug}/findings")
    assert answer.status_code == 302 and answer.url.startswith("/account/security?")
    page = client.get(answer.url).content.decode()
    assert "Set up a second factor to go on" in page and org.name in page
    assert signed_in("ines").get(f"/o/{org.slug}/jobs/").status_code == 200


def test_the_api_says_why_it_refuses_a_session(org, people):
    demand(people, manager=True)
    answer = signed_in("maya").get(f"/api/v1/organizations/{org.slug}/findings/")
    assert answer.status_code == 403
    assert answer.json()["code"] == "second_factor_needed" and answer.json()["rule"] == "M-01"


@pytest.mark.rule("M-01", by="database")
@pytest.mark.parametrize("proof", ["", "password", "made up"])
def test_the_database_lets_nobody_in_who_has_not_shown_it(org, people, proof):
    demand(people, manager=True)
    enter = "SELECT name FROM enter_organization(%s, %s, %s)"
    with connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match=r"\[M-01\]"), transaction.atomic():
            cursor.execute(enter, [org.slug, people.maya.account_id, proof])
        cursor.execute(enter, [org.slug, people.maya.account_id, "passkey"])
        assert cursor.fetchone() == (org.name,)


def test_a_token_goes_on_working(org, people):
    headers, _ = bearer(people.maya, "jobs.view")
    demand(people, manager=True)
    assert Client().get(f"/api/v1/organizations/{org.slug}/findings/", headers=headers).status_code == 403
    headers, _ = bearer(people.maya, "findings.view")
    assert Client().get(f"/api/v1/organizations/{org.slug}/findings/", headers=headers).status_code == 200


def test_the_demand_of_one_organization_is_none_of_another(org, other_org, people):
    from evidence import tenancy

    demand(people, manager=True)
    with tenancy.entered(other_org.pk):
        give(other_org, people.maya.person_id, "manager")
    client = signed_in("maya")
    assert client.get(f"/o/{other_org.slug}/findings").status_code == 200
    assert client.get(f"/o/{org.slug}/findings").status_code == 302


@pytest.mark.rule("M-03", by="python")
def test_a_password_is_refused_before_it_is_even_tried(org, people, rf):
    demand(people, approver=True)
    request = rf.post("/", {"password": PASSWORD})
    request.user, request.actor, request.session = account_of(people.arun), people.arun, {}
    with pytest.raises(DutyConflict) as refusal:
        services.reauthenticate(request, PASSWORD)
    assert refusal.value.rule == "M-03"


def test_a_decision_of_a_demanded_role_rests_on_a_second_factor(people, asked):
    demand(people, approver=True)
    with pytest.raises(DatabaseError, match=r"\[M-03\]"), transaction.atomic():
        approvals.decide(asked.pk, verdict="approve", reason=WHY, actor=proved(people.arun, "password"))
    done = approvals.decide(asked.pk, verdict="approve", reason=WHY, actor=proved(people.arun, "passkey"))
    assert done.decision.person_id == people.arun.person_id


@pytest.mark.rule("M-03", by="database")
def test_claiming_a_better_proof_than_the_record_has_is_refused(people, asked):
    demand(people, approver=True)
    claimed = replace(people.arun, authenticated_at=clock.now(), proof="passkey")
    with pytest.raises(DatabaseError, match=r"\[M-03\]"), transaction.atomic():
        approvals.decide(asked.pk, verdict="approve", reason=WHY, actor=claimed)


@pytest.mark.rule("M-02", by="database")
def test_a_password_decides_nothing_for_who_has_a_passkey(people, asked):
    Authenticator.objects.create(user_id=people.arun.account_id, type="webauthn", data={"name": "Key"})
    with pytest.raises(DatabaseError, match=r"\[M-02\]"), transaction.atomic():
        approvals.decide(asked.pk, verdict="approve", reason=WHY, actor=proved(people.arun, "password"))
    approvals.decide(asked.pk, verdict="approve", reason=WHY, actor=proved(people.arun, "totp"))


def test_a_proof_on_record_can_not_be_changed(people):
    proved(people.arun, "password")
    for change in ("UPDATE accounts_proof SET kind = 'passkey'", "DELETE FROM accounts_proof"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)


@pytest.mark.parametrize("limits", [{"idle_minutes": 16}, {"absolute_hours": 9}, {"idle_minutes": 0}])
def test_the_limits_of_a_session_can_only_be_tighter(people, limits):
    body = {"second_factor": {}, "idle_minutes": 15, "absolute_hours": 8, **limits}
    with pytest.raises(Invalid):
        set_policy("access", body, actor=people.adam)


def test_a_looser_limit_in_the_table_loosens_nothing(org, people):
    Policy.objects.create(
        organization=org, kind="access", version=1, body={"idle_minutes": 90, "absolute_hours": 99, "second_factor": {}}
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT idle_minutes, absolute_hours FROM enter_organization(%s, %s)",
                       [org.slug, people.maya.account_id])  # fmt: skip
        assert cursor.fetchone() == (15, 8)
