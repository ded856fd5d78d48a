"""Two accounts of one person, found and linked: claimed by one administrator, confirmed by somebody else."""

import pytest
from allauth.mfa.models import Authenticator
from django.db import DatabaseError, connections, transaction

from evidence import tenancy
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, WrongState
from evidence.identifiers import uuid7
from evidence.ledger.models import Event
from evidence.organizations.models import Organization
from portal.accounts import likenesses, linking, services
from portal.accounts.models import Account, IdentityClaim, Membership, PersonLink, SamePerson
from portal.notifications import deciding
from portal.notifications.models import Delivery
from remediation.approvals import queries as approvals_queries
from remediation.approvals import services as approvals
from remediation.findings import services as findings
from remediation.sod import services as sod
from tests.people import actor, hire, join
from tests.remediation.story import Story

WHY = "Human resources knows one of them only."


@pytest.fixture
def nina(org, people):
    """Ines again, through another account."""
    return actor(org, join(org, "Duarte, Ines", "approver", "Finance", email="i.n.es+sec@lumenroll.example"))


@pytest.fixture
def anna(org, people):
    return actor(org, join(org, "Anna Second", "administrator", "IT"))


def claim(people, one, other, **more):
    told = {"evidence": ["name"], "reason": WHY, "actor": people.adam, **more}
    return linking.claim(one.person_id, other.person_id, **told)


def linked(people, one, other):
    return linking.confirm(claim(people, one, other).pk, actor=other)


def test_same_names_and_same_mailboxes_are_suggested(people, nina):
    found, more = likenesses.suggestions()
    assert [{one.one.id, one.other.id} for one in found] == [{people.ines.person_id, nina.person_id}]
    assert found[0].evidence == ("mailbox", "name") and more == ""
    assert likenesses.waiting() == 1


def passkey(someone, key, name="Security key", **more):
    data = {"name": name, "credential": {"id": key, "type": "public-key"}, **more}
    return Authenticator.objects.create(user_id=someone.account_id, type=Authenticator.Type.WEBAUTHN, data=data)


def test_two_accounts_that_hold_one_passkey_are_suggested(people):
    passkey(people.ines, "c2FtZSBrZXk")
    passkey(people.vera, "c2FtZSBrZXk=")
    passkey(people.maya, "anotherkey", credential_id="anotherkey", public_key_sha256="a" * 64)
    passkey(people.arun, "a-third-key", credential_id="a-third-key", public_key_sha256="a" * 64)
    # The same model of key, which many people carry, shows nothing.
    passkey(people.alba, "one-more", aaguid="2fc0579f-8113-47ea-b116-bb5a8db9202a")
    passkey(people.edda, "and-one-more", aaguid="2fc0579f-8113-47ea-b116-bb5a8db9202a")
    found, _ = likenesses.suggestions(kind="device")
    pairs = {frozenset((one.one.id, one.other.id)) for one in found}
    assert pairs == {
        frozenset((people.ines.person_id, people.vera.person_id)),
        frozenset((people.maya.person_id, people.arun.person_id)),
    }
    assert all(one.words == ["Same passkey"] for one in found)


def test_administrators_are_told_once_of_two_accounts_with_one_passkey(org, people):
    passkey(people.ines, "c2FtZSBrZXk")
    passkey(people.vera, "c2FtZSBrZXk")
    assert [deciding.tell_about_passkeys(org.pk) for _ in range(2)] == [1, 0]
    assert list(Delivery.objects.values_list("account_id", flat=True)) == [people.adam.account_id]
    linking.tell_apart(people.ines.person_id, people.vera.person_id, reason="One key for two desks.", actor=people.adam)
    assert likenesses.suggestions(kind="device")[0] == []


def test_suggestions_come_in_pages(org, people):
    for number in range(5):
        join(org, "Maya  okafor", "engineer", email=f"m{number}@elsewhere.example")
    seen, after = set(), ""
    while True:
        found, after = likenesses.suggestions(after=after, limit=4)
        seen |= {(one.one.id, one.other.id) for one in found}
        if not after:
            break
    assert len(seen) == 15


def test_what_was_dismissed_is_not_suggested_again(people, nina):
    linking.tell_apart(people.ines.person_id, nina.person_id, reason="Mother and daughter they are.", actor=people.adam)
    assert likenesses.suggestions() == ([], "")
    remembered = IdentityClaim.objects.get()
    assert (remembered.state, remembered.ended_reason) == ("dismissed", "Mother and daughter they are.")
    assert remembered.evidence == ["mailbox", "name"]


def test_a_second_administrator_confirms(people, nina, anna):
    link = linking.confirm(claim(people, people.ines, nina).pk, actor=anna)
    assert (link.confirmed_as, link.confirmed_by_id) == ("administrator", anna.person_id)
    assert IdentityClaim.objects.get().state == "linked"
    kinds = list(Event.objects.filter(kind__startswith="identity.").order_by("id").values_list("kind", flat=True))
    assert kinds == ["identity.claimed", "identity.linked"]


def test_the_person_themselves_confirms(people, nina):
    link = linked(people, people.ines, nina)
    assert link.confirmed_as == "person" and link.evidence == ["name", "confirmed"]


@pytest.mark.rule("I-01", by="python")
def test_a_person_is_not_linked_to_themselves(people):
    with pytest.raises(Invalid) as refusal:
        claim(people, people.ines, people.ines)
    assert refusal.value.rule == "I-01"


@pytest.mark.rule("I-02", by="python")
def test_no_service_takes_a_link_back(people, nina):
    linked(people, people.ines, nina)
    with pytest.raises(WrongState):
        linking.tell_apart(people.ines.person_id, nina.person_id, reason="It was all wrong.", actor=people.adam)
    assert PersonLink.objects.exists()


@pytest.mark.rule("I-03", by="python")
@pytest.mark.parametrize("wrong", [{"reason": "Same."}, {"evidence": []}, {"evidence": ["a hunch"]}])
def test_a_claim_needs_words_and_evidence(people, nina, wrong):
    with pytest.raises(Invalid) as refusal:
        claim(people, people.ines, nina, **wrong)
    assert refusal.value.rule == "I-03"
    assert not IdentityClaim.objects.exists()


@pytest.mark.rule("I-04", by="python")
def test_nobody_else_confirms(people, nina):
    made = claim(people, people.ines, nina)
    for who in (people.adam, people.maya, people.otto):
        with pytest.raises(DutyConflict) as refusal:
            linking.confirm(made.pk, actor=who)
        assert refusal.value.rule == "I-04"
    assert not PersonLink.objects.exists()


def test_only_an_administrator_claims(people, nina):
    for who in (people.maya, nina):
        with pytest.raises(NotAllowed):
            claim(people, people.ines, nina, actor=who)


@pytest.mark.rule("I-05", by="python")
def test_an_account_is_not_merged_into_one_that_approved_its_work(people, nina, anna):
    story = Story(people).until("closure_asked")
    request = story.request("finding.close")
    approvals.decide(request.pk, verdict="approve", reason="The retest shows it.", actor=nina)
    made = claim(people, people.ines, nina)
    with pytest.raises(DutyConflict) as refusal:
        linking.confirm(made.pk, actor=anna)
    ref = story.finding.ref
    assert refusal.value.rule == "I-05"
    assert ref in refusal.value.message and f"Reopen {ref}" in refusal.value.help
    assert any("S-05" in act for act in refusal.value.acts)
    # What was kept: the claim. What was not: any link.
    assert IdentityClaim.objects.get().state == "open" and not SamePerson.objects.exists()


@pytest.mark.rule("I-06", by="python")
def test_once_the_item_is_reopened_an_executive_links_all_the_same(people, nina, anna):
    story = Story(people).until("closure_asked")
    approvals.decide(story.request("finding.close").pk, verdict="approve", reason="The retest shows it.", actor=nina)
    findings.reopen(story.finding.pk, actor=people.vera, reason="Judged by one of those who did it.")
    made = claim(people, people.ines, nina)
    with pytest.raises(DutyConflict) as refusal:
        linking.confirm(made.pk, actor=anna)
    assert refusal.value.rule == "I-06"
    assert linking.confirm(made.pk, actor=people.edda).confirmed_as == "executive"


@pytest.mark.rule("I-07", by="python")
def test_roles_that_may_not_meet_do_not_meet_through_a_link(org, people, nina, anna):
    with pytest.raises(DutyConflict) as refusal:
        linking.confirm(claim(people, people.ines, people.otto).pk, actor=anna)
    assert refusal.value.rule == "I-07"
    linked(people, people.ines, nina)
    Membership.objects.filter(person_id=nina.person_id).update(ended_at="2026-01-01T00:00Z")
    with pytest.raises(DutyConflict) as refusal:
        services.grant_role(person_id=nina.person_id, role="administrator", actor=people.adam)
    assert refusal.value.rule == "I-07"


@pytest.mark.rule("I-08", by="python")
def test_both_are_people_of_this_organization(people):
    with pytest.raises(NotFound) as refusal:
        linking.claim(people.ines.person_id, uuid7(), evidence=["name"], reason=WHY, actor=people.adam)
    assert refusal.value.rule == "I-08"


@pytest.mark.rule("I-09", by="python")
def test_one_person_has_one_voice(people, nina, thing):
    thing.severity = "high"
    request = thing.ask(people.maya)
    linked(people, people.arun, nina)
    approvals.decide(request.pk, verdict="approve", reason="Looked at it myself.", actor=people.arun)
    with pytest.raises(DutyConflict) as refusal:
        approvals.decide(request.pk, verdict="approve", reason="Looked at it again.", actor=nina)
    assert refusal.value.rule == "I-09"
    position = approvals_queries.position(request, nina)
    assert position.sentences == ["You have decided on this already."] and position.still_needed == 1


@pytest.mark.rule("I-10", by="python")
def test_who_is_linked_is_not_claimed_again(people, nina):
    linked(people, people.ines, nina)
    with pytest.raises(WrongState) as refusal:
        claim(people, nina, people.ines)
    assert refusal.value.rule == "I-10"


@pytest.mark.rule("I-11", by="python")
def test_a_claim_ends_once(people, nina, anna):
    made = claim(people, people.ines, nina)
    linking.tell_apart(people.ines.person_id, nina.person_id, reason="Mother and daughter they are.", actor=anna)
    with pytest.raises(WrongState) as refusal:
        linking.confirm(made.pk, actor=anna)
    assert refusal.value.rule == "I-11"


@pytest.mark.rule("I-12", by="python")
def test_no_role_for_oneself_through_another_account(org, people, anna):
    third = actor(org, join(org, "Third Admin", "administrator"))
    linking.confirm(claim(people, third, anna).pk, actor=anna)
    with pytest.raises(DutyConflict) as refusal:
        services.grant_role(person_id=anna.person_id, role="administrator", actor=third)
    assert refusal.value.rule == "I-12"


def test_hands_of_one_are_the_other_ones_in_services_and_on_pages(people, nina, thing):
    request = thing.ask(people.maya)
    linked(people, people.ines, nina)
    sod.take_duty("implementer", actor=people.ines, **thing.on())
    with pytest.raises(DutyConflict) as refusal:
        approvals.decide(request.pk, verdict="approve", reason="Looked at it myself.", actor=nina)
    assert refusal.value.rule == "S-05"
    blocked = {one.person_id: one.rule for one in approvals_queries.position(request, people.maya).blocked}
    assert blocked[nina.person_id] == "S-05"
    queue = approvals_queries.queue(nina)
    assert [row.rule for row in queue.cannot] == ["S-05"]


@pytest.mark.rule("I-02", by="database")
def test_not_even_the_owner_of_the_tables_takes_a_link_back(own_database):
    with transaction.atomic():
        organization = Organization.objects.create(slug="linked", name="Linked")
        with tenancy.entered(organization.pk):
            people = hire(organization)
            linked(people, people.ines, people.ivan)
    for table in ("accounts_personlink", "accounts_sameperson"):
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with (
                pytest.raises(DatabaseError, match=r"\[I-02\]"),
                transaction.atomic(using="owner"),
                connections["owner"].cursor() as cursor,
            ):
                cursor.execute("SELECT set_config('app.organization', %s, true)", [str(organization.pk)])
                cursor.execute(statement)


def test_a_second_account_of_the_same_person_needs_no_link(people, thing):
    request = thing.ask(people.arun)
    second = Account.objects.create_account("arun2@lumenroll.example", None, person=people.arun.rights.person)
    assert second.person_id == people.arun.person_id
    assert approvals_queries.position(request, people.arun).rule == "S-01"
