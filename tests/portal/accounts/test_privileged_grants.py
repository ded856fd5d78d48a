"""A privileged role takes two administrators; no role is one's own, backdated or nobody's; the operator stands beside.

Each rule twice: the service's sentence, and PostgreSQL's refusal of the same from raw SQL as the app's role.
"""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from evidence import clock, tenancy
from evidence.errors import DutyConflict, Invalid, NotAllowed, ReauthenticationRequired, WrongState
from evidence.identifiers import uuid7
from evidence.ledger.models import Event
from evidence.organizations.models import Organization
from evidence.organizations.services import set_policy
from portal.accounts import granting, leaving, proofs, role_requests, roles, services
from portal.accounts.models import Account, Invitation, Membership, Proof, RoleRequest
from remediation.sod import services as duties
from tests.people import PASSWORD, actor, give, hire, join, stale
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.subjects import refusal_of

WHY = "Stands in for the approver on leave."
MEMBERSHIP = (
    "INSERT INTO accounts_membership (id, organization_id, person_id, role, department, starts_at, granted_by_id,"
    " request_id) VALUES (%s, %s, %s, %s, '', %s, %s, %s)"
)
REQUEST = (
    "INSERT INTO accounts_rolerequest (id, organization_id, ref, person_id, email, name, role, department, reason,"
    " asked_by_id, asked_through_id, asked_at, asked_proved_at, state, decided_reason)"
    " VALUES (%s, %s, 'GR-99', %s, '', '', %s, '', 'For a few words.', %s, %s, %s, %s, %s, '')"
)
GRANT = (
    "UPDATE accounts_rolerequest SET state = 'granted', decided_by_id = %s, decided_through_id = %s,"
    " decided_at = clock_timestamp(), decided_proved_at = %s WHERE id = %s"
)
INVITATION = (
    "INSERT INTO accounts_invitation (id, organization_id, email, name, role, department, token_hash, invited_by_id,"
    " created_at, expires_at) VALUES (%s, %s, 'x@x.example', 'X', %s, '', %s, %s, now(), now() + interval '7 days')"
)


@pytest.fixture
def anna(org, people):
    """The second administrator."""
    return actor(org, join(org, "Anna Second", "administrator"))


@pytest.fixture
def asked(people, anna) -> RoleRequest:
    """Adam asks that Ines become an approver; Anna may decide."""
    return granting.ask_for_member(people.ines.person_id, role="approver", reason=WHY, actor=people.adam)


def decide(row, who, verdict="grant"):
    return granting.decide(row.pk, verdict=verdict, reason="Agreed with her lead.", actor=who)


def membership(org, person, role, *, by=None, starts=None, request=None):
    return [uuid7(), org.pk, person.person_id, role, starts or clock.now(), by and by.person_id, request and request.pk]


def request(org, person, role, *, by, proved=None, state="open", asked_at=None):
    now = clock.now()
    return [uuid7(), org.pk, person.person_id, role, by.person_id, by.account_id, asked_at or now, proved or now, state]


def rule_of(statement, given):
    state, message = refusal_of(statement, given)
    found = re.match(r"\[(.+?)\]", message)
    return state, found and found.group(1)


def test_the_privileged_roles_are_those_that_command(db):
    assert {key for key, role in roles.ROLES.items() if role.is_privileged} == {
        "administrator", "approver", "executive", "manager",
    }  # fmt: skip
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_privileged()")
        assert set(cursor.fetchone()[0]) == {key for key, role in roles.ROLES.items() if role.is_privileged}


@pytest.mark.rule("R-03", by="python")
def test_one_administrator_alone_gives_no_privileged_role(people, anna):
    for act in (
        lambda: services.grant_role(person_id=people.ines.person_id, role="approver", actor=people.adam),
        lambda: services.invite(email="n@x.example", name="N", role="manager", actor=people.adam),
    ):
        with pytest.raises(DutyConflict) as refusal:
            act()
        assert refusal.value.rule == "R-03"
    assert not Invitation.objects.exists()


def test_an_ordinary_role_needs_no_second_administrator(people):
    made = services.grant_role(person_id=people.ines.person_id, role="reviewer", actor=people.adam)
    assert (made.granted_by_id, made.request_id) == (people.adam.person_id, None)
    with pytest.raises(Invalid):
        granting.ask_for_member(people.ivan.person_id, role="reviewer", reason=WHY, actor=people.adam)


def test_two_administrators_give_it_together(people, anna, asked):
    assert not Membership.objects.filter(person_id=people.ines.person_id, role="approver").exists()
    assert [one.name for one in role_requests.deciders(asked)] == ["Anna Second"]
    made = decide(asked, anna).membership
    assert (made.granted_by_id, made.request.decided_by_id) == (people.adam.person_id, anna.person_id)
    kinds = list(Event.objects.filter(kind__startswith="role.").order_by("at").values_list("kind", flat=True))
    assert kinds == ["role.asked", "role.confirmed", "role.granted"]


def test_what_is_refused_gives_nothing(people, anna, asked):
    assert decide(asked, anna, "refuse").membership is None
    assert not Membership.objects.filter(request=asked).exists()
    assert Event.objects.filter(kind="role.refused").count() == 1


@pytest.mark.rule("S-52", by="python")
def test_who_asked_does_not_decide(people, anna, asked):
    with pytest.raises(DutyConflict) as refusal:
        decide(asked, people.adam)
    assert refusal.value.rule == "S-52"
    asked.refresh_from_db()
    assert asked.state == "open"


@pytest.mark.rule("S-53", by="python")
def test_who_gets_the_role_does_not_decide(org, people, anna):
    row = granting.ask_for_member(people.ivan.person_id, role="executive", reason=WHY, actor=people.adam)
    Membership.objects.filter(person_id=people.ivan.person_id).update(ended_at=clock.now())
    give(org, people.ivan.person_id, "administrator")
    with pytest.raises(DutyConflict) as refusal:
        decide(row, actor(org, Account.objects.get(pk=people.ivan.account_id)))
    assert refusal.value.rule == "S-53"


def test_both_prove_who_they_are(people, anna, asked):
    for act in (
        lambda: granting.ask_for_member(people.ivan.person_id, role="approver", reason=WHY, actor=stale(people.adam)),
        lambda: decide(asked, stale(anna)),
        lambda: services.grant_role(person_id=people.ivan.person_id, role="reviewer", actor=stale(people.adam)),
    ):
        with pytest.raises(ReauthenticationRequired) as refusal:
            act()
        assert refusal.value.rule == "R-03"


def test_the_only_administrator_is_told_who_helps(people):
    with pytest.raises(WrongState, match="takes two") as refusal:
        granting.ask_for_member(people.ines.person_id, role="approver", reason=WHY, actor=people.adam)
    assert refusal.value.rule == "R-03" and "manage.py invite" in refusal.value.help
    assert not RoleRequest.objects.exists()


@pytest.mark.rule("R-04", by="python")
def test_no_role_is_backdated(people, anna):
    yesterday = clock.now() - timedelta(days=1)
    for act in (
        lambda: services.grant_role(
            person_id=people.ines.person_id, role="reviewer", starts_at=yesterday, actor=people.adam
        ),
        lambda: granting.ask_for_member(
            people.ines.person_id, role="approver", reason=WHY, starts_at=yesterday, actor=people.adam
        ),
    ):
        with pytest.raises(Invalid) as refusal:
            act()
        assert refusal.value.rule == "R-04"


def test_a_role_can_begin_later(people, anna):
    monday = clock.now() + timedelta(days=4)
    row = granting.ask_for_member(
        people.ines.person_id, role="approver", reason=WHY, starts_at=monday, actor=people.adam
    )
    assert decide(row, anna).membership.starts_at == monday
    assert not people.ines.may("approvals.decide")


@pytest.mark.rule("R-08", by="python")
def test_a_request_is_decided_once_and_in_its_time(people, anna, asked):
    with clock.at(clock.now() + timedelta(days=15)), pytest.raises(WrongState) as refusal:
        decide(asked, actor(Organization.objects.get(), Account.objects.get(pk=anna.account_id)))
    assert refusal.value.rule == "R-08"
    decide(asked, anna)
    with pytest.raises(WrongState) as refusal:
        decide(asked, anna, "refuse")
    assert refusal.value.rule == "R-08"
    with pytest.raises(WrongState):
        granting.withdraw(asked.pk, actor=people.adam)


def test_the_same_is_not_asked_twice(people, anna, asked):
    with pytest.raises(WrongState) as refusal:
        granting.ask_for_member(people.ines.person_id, role="approver", reason=WHY, actor=anna)
    assert refusal.value.kind == "already_asked"


def test_what_a_leaver_asked_for_ends_with_them(people, anna, asked):
    leaving.leave(people.adam.person_id, actor=anna, reason="Left the company")
    asked.refresh_from_db()
    assert asked.state == "withdrawn"
    assert Event.objects.filter(kind="role.withdrawn").count() == 1


def test_what_was_asked_by_somebody_who_administers_no_more_is_not_granted(people, anna, asked):
    Membership.objects.filter(person_id=people.adam.person_id).update(ended_at=clock.now())
    with pytest.raises(WrongState) as refusal:
        decide(asked, anna)
    assert refusal.value.rule == "R-03"


def test_an_invitation_to_a_privileged_role_is_made_when_it_is_granted(org, people, anna):
    row = granting.ask_to_invite(
        email="Nora@X.example", name="Nora Neu", role="approver", department="Finance", reason=WHY, actor=people.adam
    )
    assert not Invitation.objects.exists()
    issued = decide(row, anna).issued
    nora = services.accept_invitation(org.pk, issued.secret, password=PASSWORD)
    joined = Membership.objects.get(person_id=nora.person_id)
    assert (joined.role, joined.department, joined.granted_by_id) == ("approver", "Finance", people.adam.person_id)
    assert (joined.request_id, joined.invitation_id) == (row.pk, issued.row.pk)


@pytest.mark.rule("R-09", by="python")
def test_an_invitation_serves_once(org, people):
    issued = services.invite(email="n@x.example", name="N", role="engineer", actor=people.adam)
    joined = services.accept_invitation(org.pk, issued.secret, password=PASSWORD)
    with pytest.raises(WrongState) as refusal:
        services.accept_invitation(org.pk, issued.secret, password=PASSWORD, account=joined)
    assert refusal.value.rule == "R-09"


@pytest.mark.rule("R-07", by="python")
def test_only_the_operator_invites_without_an_administrator(org, people):
    with pytest.raises(NotAllowed) as refusal:
        services.invite_as_operator(org.pk, email="n@x.example", name="N", role="administrator")
    assert refusal.value.rule == "R-07"


def test_the_first_people_are_the_operators(db):
    firm = Organization.objects.create(slug="newfirm", name="Newfirm")
    with tenancy.entered(firm.pk):
        issued = [
            services.invite_as_operator(firm.pk, email=f"{role}@newfirm.example", name=role.title(), role=role)
            for role in ("administrator", "manager")
        ]
        for one in issued:
            services.accept_invitation(firm.pk, one.secret, password=PASSWORD)
        assert set(Membership.objects.values_list("role", "granted_by_id")) == {
            ("administrator", None), ("manager", None),
        }  # fmt: skip
        assert Event.objects.filter(kind="person.invited").count() == 2


def test_the_operators_command_invites_a_second_administrator_and_the_history_says_so(own_database, capsys):
    with transaction.atomic():
        firm = Organization.objects.create(slug="newfirm", name="Newfirm")
        with tenancy.entered(firm.pk):
            hire(firm)
    given = {"email": "second@newfirm.example", "name": "Anna Second", "role": "administrator"}
    with pytest.raises(CommandError, match="few words"):
        call_command("invite", "newfirm", **given, reason="because")
    call_command("invite", "newfirm", **given, reason="There is one administrator only.")
    secret = capsys.readouterr().out.strip().rsplit("/", 1)[1]
    with transaction.atomic(), tenancy.entered(firm.pk):
        joined = services.accept_invitation(firm.pk, secret, password=PASSWORD)
        assert Membership.objects.get(person_id=joined.person_id).granted_by_id is None
        told = Event.objects.get(kind="person.invited")
        assert (told.via, told.actor_system) == ("system", "operator")


# --- the database -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("R-07", by="database")
def test_raw_sql_gives_no_role_in_nobodys_or_an_engineers_name(org, people, anna):
    for by in (None, people.ivan):
        assert rule_of(MEMBERSHIP, membership(org, people.ines, "reviewer", by=by)) == ("CH003", "R-07")
        hash_of = services.hash_of(str(by))
        invitation = [uuid7(), org.pk, "engineer", hash_of, by and by.person_id]
        assert rule_of(INVITATION, invitation) == ("CH003", "R-07")


@pytest.mark.rule("R-04", by="database")
def test_raw_sql_backdates_no_role(org, people, anna):
    yesterday = clock.now() - timedelta(days=1)
    given = membership(org, people.ines, "reviewer", by=people.adam, starts=yesterday)
    assert rule_of(MEMBERSHIP, given) == ("CH004", "R-04")


@pytest.mark.rule("R-03", by="database")
def test_raw_sql_gives_no_privileged_role_without_two(org, people, anna, asked):
    other = granting.ask_for_member(people.ivan.person_id, role="approver", reason=WHY, actor=people.adam)
    granting.decide(other.pk, verdict="grant", reason="Agreed with his lead.", actor=anna)
    for basis in (None, asked, other):
        given = membership(org, people.ines, "approver", by=people.adam, request=basis)
        assert rule_of(MEMBERSHIP, given) == ("CH003", "R-03")
    assert rule_of(INVITATION, [uuid7(), org.pk, "approver", "h", people.adam.person_id]) == ("CH003", "R-03")


def test_a_granted_request_gives_one_role_and_once(org, people, anna, asked):
    decide(asked, anna)
    Membership.objects.filter(request=asked).update(ended_at=clock.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(
            organization=org, person_id=people.ines.person_id, role="approver", granted_by_id=people.adam.person_id,
            request=asked,
        )  # fmt: skip


@pytest.mark.rule("R-03", by="database")
def test_raw_sql_decides_nothing_without_a_second_administrator_who_proved_it(org, people, anna, asked):
    now, old = clock.now(), clock.now() - timedelta(minutes=10)
    duties.take_duty("confirmer", subject_type=granting.SUBJECT, subject_id=asked.pk, cycle=1, actor=people.edda)
    for who, proved in ((people.adam, now), (people.edda, now), (anna, now), (anna, old)):
        # Adam asked; Edda administers nothing; Anna left no hand, and then proved nothing lately.
        assert rule_of(GRANT, [who.person_id, who.account_id, proved, asked.pk]) == ("CH003", "R-03")


@pytest.mark.rule("S-51", "S-52", by="database")
def test_raw_sql_lays_no_second_hand_of_the_asker(people, anna, asked):
    lay = (
        "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about,"
        " at) VALUES (%s, %s, 'accounts.rolerequest', %s, 1, %s, %s, %s, '', now())"
    )
    for duty, rule in (("confirmer", "S-52"), ("grantee", "S-51")):
        given = [uuid7(), asked.organization_id, asked.pk, people.adam.person_id, people.adam.account_id, duty]
        assert rule_of(lay, given) == ("CH003", rule)


@pytest.mark.rule("S-53", by="database")
def test_raw_sql_lets_nobody_confirm_their_own_role(people, anna, asked):
    lay = (
        "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about,"
        " at) VALUES (%s, %s, 'accounts.rolerequest', %s, 1, %s, %s, 'confirmer', '', now())"
    )
    given = [uuid7(), asked.organization_id, asked.pk, people.ines.person_id, people.ines.account_id]
    assert rule_of(lay, given) == ("CH003", "S-53")


@pytest.mark.rule("R-03", "R-08", "R-02", by="database")
def test_raw_sql_asks_in_no_others_place_and_not_for_what_is_granted_already(org, people, anna):
    old = clock.now() - timedelta(minutes=10)
    assert rule_of(REQUEST, request(org, people.ines, "approver", by=people.ivan)) == ("CH003", "R-03")
    assert rule_of(REQUEST, request(org, people.ines, "approver", by=people.adam, proved=old)) == ("CH003", "R-03")
    assert rule_of(REQUEST, request(org, people.ines, "approver", by=people.adam, state="granted")) == ("CH002", "R-08")
    assert rule_of(REQUEST, request(org, people.ines, "approver", by=people.adam, asked_at=old)) == ("CH002", "R-08")
    assert rule_of(REQUEST, request(org, people.adam, "executive", by=people.adam)) == ("CH005", "R-02")


@pytest.mark.rule("R-08", by="database")
def test_raw_sql_changes_nothing_of_a_request(people, anna, asked):
    change = "UPDATE accounts_rolerequest SET role = 'executive' WHERE id = %s"
    assert rule_of(change, [asked.pk]) == ("CH002", "R-08")
    decide(asked, anna)
    reopen = "UPDATE accounts_rolerequest SET state = 'open' WHERE id = %s"
    assert rule_of(reopen, [asked.pk]) == ("CH002", "R-08")
    assert refusal_of("DELETE FROM accounts_rolerequest WHERE id = %s", [asked.pk])[0] in ("CH001", "42501")


@pytest.mark.rule("R-09", by="database")
def test_raw_sql_lets_nobody_use_anothers_invitation(org, people):
    issued = services.invite(email="n@x.example", name="N", role="engineer", actor=people.adam)
    accept = "UPDATE accounts_invitation SET accepted_at = clock_timestamp(), accepted_by_id = %s WHERE id = %s"
    assert rule_of(accept, [people.vera.person_id, issued.row.pk]) == ("CH002", "R-09")
    raise_it = "UPDATE accounts_invitation SET role = 'administrator' WHERE id = %s"
    assert rule_of(raise_it, [issued.row.pk]) == ("CH002", "R-09")
    joining = (
        "INSERT INTO accounts_membership (id, organization_id, person_id, role, department, starts_at, granted_by_id,"
        " invitation_id) VALUES (%s, %s, %s, 'engineer', '', now(), %s, %s)"
    )
    given = [uuid7(), org.pk, people.vera.person_id, people.adam.person_id, issued.row.pk]
    assert rule_of(joining, given) == ("CH002", "R-09")


@pytest.mark.rule("M-02", "M-03", by="database")
def test_raw_sql_asks_by_no_proof_that_is_too_weak(org, people, anna):
    set_policy(
        "access", {"second_factor": {**dict.fromkeys(roles.ROLES, False), "administrator": True}, "idle_minutes": 15,
                   "absolute_hours": 8}, actor=people.adam,
    )  # fmt: skip
    moment = clock.now()
    given = request(org, people.ines, "approver", by=people.adam, proved=moment)
    assert rule_of(REQUEST, given) == ("CH003", "M-03")
    Proof.objects.create(
        account_id=people.adam.account_id, kind=proofs.Kind.TOTP, purpose=proofs.Purpose.STEP_UP, at=moment
    )
    granted = request(org, people.ines, "approver", by=people.adam, proved=moment)
    with transaction.atomic():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(REQUEST, granted)


# --- the pages --------------------------------------------------------------------------------------------------------


def test_the_pages_lead_from_the_asking_to_the_role(org, people, anna):
    adam, home = signed_in(people.adam), f"/o/{org.slug}/settings/people"
    page = f"{home}/{people.ines.person_id}/roles"
    assert adam.get(page).status_code == 200
    given = {"role": "approver", "department": "Engineering", "reason": WHY, "password": PASSWORD}
    assert adam.post(page, {**given, "password": "mistyped"}).status_code == 403
    assert adam.post(page, {**given, "reason": ""}).status_code == 422
    assert adam.post(page, given).status_code == 302
    row = RoleRequest.objects.get()
    assert "Approver waits for a second administrator" in adam.get(home).content.decode()
    one = f"{home}/requests/{row.pk}"
    assert "rule S-52" in adam.get(one).content.decode()
    decision = {"verdict": "grant", "reason": "Agreed with her lead.", "password": PASSWORD}
    assert adam.post(f"{one}/decide", decision).status_code == 409
    second = signed_in(anna)
    assert "Your decision" in second.get(one).content.decode()
    assert second.post(f"{one}/decide", {**decision, "password": ""}).status_code == 403
    assert second.post(f"{one}/decide", decision).status_code == 302
    assert Membership.objects.filter(person_id=people.ines.person_id, role="approver").exists()
    assert "Granted" in second.get(f"{home}/requests").content.decode()
    assert signed_in(people.ines).get(one).status_code == 404


def test_an_invitation_is_mailed_when_the_second_administrator_agrees(
    org, people, anna, django_capture_on_commit_callbacks
):
    adam, home = signed_in(people.adam), f"/o/{org.slug}/settings/people"
    given = {"name": "Nora Neu", "email": "nora@x.example", "role": "manager", "reason": WHY, "password": PASSWORD}
    with django_capture_on_commit_callbacks(execute=True):
        assert adam.post(f"{home}/invite", given).status_code == 302
    assert not [one for one in mail.outbox if one.to == ["nora@x.example"]]
    row = RoleRequest.objects.get()
    second = signed_in(anna)
    decision = {"verdict": "grant", "reason": "Agreed with her lead.", "password": PASSWORD}
    with django_capture_on_commit_callbacks(execute=True):
        assert second.post(f"{home}/requests/{row.pk}/decide", decision).status_code == 302
    sent = next(one for one in mail.outbox if one.to == ["nora@x.example"])
    link = re.search(r"http://\S+(/invite/\S+)", sent.body).group(1)
    assert Client().post(link, {"password": "a fine long password"}).status_code == 302
    assert Membership.objects.get(person__name="Nora Neu").role == "manager"


def test_the_other_administrators_are_told(org, people, anna):
    from portal.notifications.models import Delivery

    page = f"/o/{org.slug}/settings/people/{people.ines.person_id}/roles"
    given = {"role": "approver", "reason": WHY, "password": PASSWORD}
    assert signed_in(people.adam).post(page, given).status_code == 302
    assert list(Delivery.objects.values_list("account_id", flat=True)) == [anna.account_id]
