"""A hold beats every disposal; two persons stand behind its end, and neither wants what it keeps to go."""

from datetime import timedelta

import pytest

from evidence import clock, tenancy
from evidence.artifacts import services as artifacts
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, ReauthenticationRequired, WrongState
from evidence.identifiers import uuid7
from evidence.ledger.services import Subject
from evidence.retention import queries, services
from evidence.retention.models import Disposal, Hold, HoldKind, HoldRelease, Scope
from evidence.retention.services.disposals import Held
from evidence.vault import services as vault
from tests.evidence.retention.conftest import POLICY, WHY
from tests.people import People, stale

MATTER = {"matter": "Doe v. Lumenroll", "reason": "Counsel asked for it."}


@pytest.fixture
def held(kept, people: People):
    """Evidence that one hold keeps."""
    made = kept()
    target = Subject("artifacts.artifact", made.pk, made.ref)
    return made, services.set_hold(actor=people.edda, scope=Scope.ARTIFACT, target=target, **MATTER)


def test_a_hold_stands_from_the_moment_it_is_set(held, kinds):
    made, hold = held
    assert hold.ref == "H-001"
    assert kinds(hold) == ["hold.set"]
    assert [one.ref for one in queries.holds_on(made.pk)] == ["H-001"]
    assert queries.standing(made.pk).is_held


def test_who_may_set_and_release(kept, held, people: People):
    _, hold = held
    for someone in (people.ines, people.vera, people.arun, people.adam, people.otto):
        with pytest.raises(NotAllowed):
            services.set_hold(actor=someone, scope=Scope.ORGANIZATION, **MATTER)
    for someone in (people.ines, people.vera, people.adam, people.otto):
        with pytest.raises(NotAllowed):
            services.release(hold.pk, actor=someone, reason="Settled.")


@pytest.mark.parametrize(
    "given",
    [
        {"matter": " "},
        {"reason": " "},
        {"scope": "planet"},
        {"kind": "wish"},
        {"scope": Scope.FINDING},
        {"target": Subject("artifacts.artifact", uuid7())},
    ],
    ids=["matter", "reason", "scope", "kind", "no target", "target without scope"],
)
def test_a_hold_says_what_it_covers_and_why(people: People, given):
    with pytest.raises(Invalid):
        services.set_hold(actor=people.maya, **{"scope": Scope.ORGANIZATION, **MATTER, **given})
    assert not Hold.objects.exists()


def test_a_held_file_is_neither_asked_for_nor_approved_nor_erased(kept, kinds, people: People):
    made = kept()
    asked = services.ask(made.pk, actor=people.maya, reason=WHY, authority=POLICY)
    hold = services.set_hold(actor=people.edda, scope=Scope.ORGANIZATION, **MATTER)
    before = kinds(made)
    with pytest.raises(Held, match=r"H-001 \(Doe v\. Lumenroll\) keeps E-001") as refusal:
        services.approve(asked.pk, actor=people.arun, reason=WHY)
    assert refusal.value.details["rule"] == "H-01"
    with pytest.raises(Held):
        services.ask(kept(b"2").pk, actor=people.maya, reason=WHY, authority=POLICY)
    assert kinds(made) == before
    services.release(hold.pk, actor=people.arun, reason="Settled.")
    services.approve(asked.pk, actor=people.arun, reason=WHY)
    services.set_hold(actor=people.edda, scope=Scope.ORGANIZATION, **MATTER)
    with pytest.raises(Held):
        services.execute(asked.pk, actor=people.arun)
    assert b"".join(vault.open(made.latest.blob))


def test_an_open_access_request_has_its_own_sentence(kept, people: People):
    made = kept()
    target = Subject("artifacts.artifact", made.pk, made.ref)
    services.set_hold(
        actor=people.maya, kind=HoldKind.ACCESS_REQUEST, scope=Scope.ARTIFACT, target=target,
        matter="AR-2026-7", reason="A student asked to see it.",
    )  # fmt: skip
    with pytest.raises(Held, match=r"An access request is open .*34 CFR 99\.10"):
        services.ask(made.pk, actor=people.maya, reason=WHY, authority=POLICY)


def test_who_set_a_hold_does_not_release_it(held, kinds, people: People):
    _, hold = held
    with pytest.raises(DutyConflict, match="rule H-02") as refusal:
        services.release(hold.pk, actor=people.edda, reason="Settled.")
    assert refusal.value.rule == "H-02"
    assert not HoldRelease.objects.exists()
    assert kinds(hold) == ["hold.set"]


def test_who_wants_it_gone_does_not_release_it(kept, people: People):
    made = kept()
    asked = services.ask(made.pk, actor=people.maya, reason=WHY, authority=POLICY)
    hold = services.set_hold(actor=people.edda, scope=Scope.ORGANIZATION, **MATTER)
    with pytest.raises(DutyConflict, match=f"You asked for {asked.ref}"):
        services.release(hold.pk, actor=people.maya, reason="Settled.")
    services.release(hold.pk, actor=people.arun, reason="Settled.")


def test_who_released_it_does_not_ask_for_its_disposal(held, people: People):
    made, hold = held
    services.release(hold.pk, actor=people.maya, reason="Settled.")
    with pytest.raises(DutyConflict, match="rule Z-03"):
        services.ask(made.pk, actor=people.maya, reason=WHY, authority=POLICY)
    assert not Disposal.objects.exists()


def test_a_release_needs_a_fresh_proof_and_happens_once(held, people: People):
    _, hold = held
    with pytest.raises(ReauthenticationRequired):
        services.release(hold.pk, actor=stale(people.arun), reason="Settled.")
    with pytest.raises(Invalid):
        services.release(hold.pk, actor=people.arun, reason=" ")
    services.release(hold.pk, actor=people.arun, reason="Settled.")
    with pytest.raises(WrongState):
        services.release(hold.pk, actor=people.maya, reason="Settled.")


def test_a_hold_on_a_finding_keeps_what_is_linked_to_it_also_later(kept, people: People):
    before, after, other = kept(b"1"), kept(b"2"), kept(b"3")
    finding = uuid7()
    artifacts.link(before.pk, target_type="findings.finding", target_id=finding, actor=people.ines)
    services.set_hold(
        actor=people.maya, scope=Scope.FINDING, target=Subject("findings.finding", finding, "F-001"), **MATTER
    )
    artifacts.link(after.pk, target_type="findings.finding", target_id=finding, actor=people.ines)
    assert [bool(queries.holds_on(one.pk)) for one in (before, after, other)] == [True, True, False]


def test_another_organizations_hold_holds_nothing_here(held, other_org):
    made, hold = held
    with tenancy.entered(other_org.pk):
        assert not Hold.objects.exists()
        assert queries.holds_on(made.pk) == []
        with pytest.raises(NotFound):
            queries.hold(other_org.pk, hold.ref)


RELEASE = (
    "INSERT INTO retention_holdrelease (id, organization_id, hold_id, reason, person_id, at, authenticated_at)"
    " VALUES (gen_random_uuid(), %s, %s, %s, %s, now(), %s)"
)


def test_raw_sql_cannot_release_ones_own_hold_nor_one_that_keeps_what_one_wants_gone(
    kept, people: People, refused_by_database
):
    made = kept()
    services.ask(made.pk, actor=people.maya, reason=WHY, authority=POLICY)
    hold = services.set_hold(actor=people.edda, scope=Scope.ORGANIZATION, **MATTER)
    now = clock.now()

    def release(person, reason="Settled.", proved=now):
        return refused_by_database(RELEASE, hold.organization_id, hold.pk, reason, person.person_id, proved)

    assert "[H-02]" in release(people.edda)
    assert "[H-03]" in release(people.maya)
    assert "[H-06]" in release(people.arun, " ")
    assert "[Z-08]" in release(people.arun, proved=now - timedelta(minutes=6))


def test_raw_sql_changes_no_hold_and_sets_none_without_a_matter(held, refused_by_database, people: People):
    _, hold = held
    for table in ("retention_hold", "retention_holdrelease"):
        assert "permission denied" in refused_by_database(f"DELETE FROM {table}")
        assert "permission denied" in refused_by_database(f"UPDATE {table} SET organization_id = organization_id")
    message = refused_by_database(
        "INSERT INTO retention_hold (id, organization_id, ref, number, kind, scope, target_type, target_ref, matter,"
        " reason, set_by_id, set_at) VALUES (gen_random_uuid(), %s, 'H-9', 9, 'legal', 'organization', '', '', ' ', 'x',"
        " %s, now())",
        hold.organization_id,
        people.maya.person_id,
    )
    assert "[H-05]" in message
