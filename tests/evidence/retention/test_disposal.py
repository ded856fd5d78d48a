"""Evidence goes when one person asked and another approved, and what stays says so for good."""

import json
from datetime import timedelta

import pytest
from django.db import connection

from evidence import clock, tenancy
from evidence.artifacts import redaction
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, ReauthenticationRequired, WrongState
from evidence.ledger.models import Event, EventText
from evidence.retention import queries, services
from evidence.retention.models import Certificate, Disposal, DisposalDecision, DisposalItem, Scope
from evidence.retention.services import disposals
from evidence.vault import checking
from evidence.vault import services as vault
from tests.evidence.retention.conftest import POLICY, WHY
from tests.people import People, account_of, actor, give, stale
from tests.portal.evidence_store import stored_files


@pytest.fixture
def asked(kept, people: People) -> Disposal:
    """Maya asks that evidence of 2018 goes."""
    return services.ask(kept().pk, actor=people.maya, reason=WHY, authority=POLICY)


@pytest.fixture
def approved(asked, people: People) -> Disposal:
    return services.approve(asked.pk, actor=people.arun, reason="The period is long over.")


def artifact_of(disposal: Disposal) -> Artifact:
    return Artifact.objects.select_related("latest__blob").get(pk=disposal.artifact_id)


def test_the_whole_way_leaves_a_tombstone_and_a_certificate(asked, kinds, org, people: People):
    assert (asked.ref, asked.is_early, asked.retention_class) == ("D-001", False, "evidence")
    services.approve(asked.pk, actor=people.arun, reason="The period is long over.")
    certificate = services.execute(asked.pk, actor=people.arun)
    artifact = artifact_of(asked)
    assert artifact.state == "disposed"
    assert artifact.latest.blob.erased_at is not None
    assert disposals.remove_bytes(asked.pk) == 0
    assert stored_files() == []
    with pytest.raises(vault.Erased):
        b"".join(vault.open(artifact.latest.blob))
    assert kinds(artifact)[-3:] == ["artifact.disposal_requested", "artifact.disposal_approved", "artifact.disposed"]
    event = Event.objects.get(pk=certificate.event_id)
    told = json.loads(bytes(event.body))["facts"]["data"]
    assert told["files"] == [{"number": 1, "sha256": artifact.latest.sha256, "size": artifact.latest.size}]
    assert told["requested_by"] == str(people.maya.person_id)
    assert told["approved_by"] == str(people.arun.person_id)
    texts = dict(EventText.objects.filter(event_id=event.pk).values_list("field", "text"))
    assert texts == {"reason": WHY, "authority": POLICY}
    assert queries.certificate(org.pk, "D-001").files == 1
    assert queries.state_of(queries.disposal(org.pk, "D-001")) == "disposed"
    report = checking.verify_all(slug=org.slug)
    assert (report.erased, report.exit_code) == (1, 0)
    assert services.execute(asked.pk, actor=people.arun).pk == certificate.pk


def test_who_asks_and_who_decides(kept, asked, people: People):
    other = kept(b"2")
    for someone in (people.ines, people.vera, people.arun, people.edda, people.adam, people.otto):
        with pytest.raises(NotAllowed):
            services.ask(other.pk, actor=someone, reason=WHY, authority=POLICY)
    for someone in (people.maya, people.ines, people.vera, people.adam, people.otto):
        with pytest.raises(NotAllowed):
            services.approve(asked.pk, actor=someone, reason=WHY)
    assert not DisposalDecision.objects.exists()


def also(org, someone, role: str):
    """The same person with one more role, as a new request would see them."""

    give(org, someone.person_id, role, "X")
    return actor(org, account_of(someone))


def test_neither_who_asked_nor_who_brought_the_file_decides(asked, org, people: People):
    for someone, words in ((people.maya, "You asked for it"), (people.ines, "You uploaded version 1")):
        with pytest.raises(DutyConflict, match=words) as refusal:
            services.approve(asked.pk, actor=also(org, someone, "approver"), reason=WHY)
        assert refusal.value.rule == "Z-02"
    assert not DisposalDecision.objects.exists()


def test_a_decision_needs_words_a_fresh_proof_and_comes_once(asked, people: People):
    with pytest.raises(Invalid):
        services.approve(asked.pk, actor=people.arun, reason=" ")
    with pytest.raises(ReauthenticationRequired):
        services.approve(asked.pk, actor=stale(people.arun), reason=WHY)
    services.refuse(asked.pk, actor=people.arun, reason="The auditor may ask for it.")
    with pytest.raises(WrongState):
        services.approve(asked.pk, actor=people.alba, reason=WHY)
    with pytest.raises(WrongState, match="Z-05"):
        services.execute(asked.pk, actor=people.alba)
    assert artifact_of(asked).state == "accepted"


def test_a_request_is_taken_back_by_its_maker_alone(asked, people: People):
    with pytest.raises(DutyConflict, match="Z-04"):
        services.withdraw(asked.pk, actor=people.arun, reason="No.")
    services.withdraw(asked.pk, actor=people.maya, reason="Too early.")
    assert queries.state_of(Disposal.objects.get(pk=asked.pk)) == "withdrawn"


def test_before_the_date_it_says_so_and_one_request_is_open_at_a_time(kept, people: People):
    made = kept(year=2025)
    early = services.ask(made.pk, actor=people.maya, reason="The contract ends.", authority="Contract, 9.2")
    assert early.is_early
    with pytest.raises(WrongState, match="D-001"):
        services.ask(made.pk, actor=people.maya, reason=WHY, authority=POLICY)
    with pytest.raises(Invalid):
        services.ask(kept(b"2").pk, actor=people.maya, reason=WHY, authority=" ")


def test_an_original_goes_and_its_redacted_copy_stays(kept, take, people: People):
    made = kept()
    copy = redaction.propose(made.latest.pk, take(b"masked"), actor=people.maya, method="mask", reason="Names.")
    redaction.decide(copy.pk, verdict="approved", actor=people.vera)
    asked = services.ask(made.pk, actor=people.maya, reason=WHY, authority=POLICY, numbers=[1])
    services.approve(asked.pk, actor=people.arun, reason=WHY)
    services.execute(asked.pk, actor=people.arun)
    disposals.remove_bytes(asked.pk)
    assert Artifact.objects.get(pk=made.pk).state == "received"
    assert b"".join(vault.open(copy.redacted.blob)) == b"masked"
    with pytest.raises(Invalid):
        services.ask(made.pk, actor=people.maya, reason=WHY, authority=POLICY, numbers=[1])
    rest = services.ask(made.pk, actor=people.maya, reason=WHY, authority=POLICY)
    assert [item.file.number for item in rest.items.all()] == [2]


def test_what_was_disposed_of_takes_no_new_file_and_no_class(approved, take, people: People):
    services.execute(approved.pk, actor=people.arun)
    gone = artifact_of(approved)
    with pytest.raises(WrongState, match="was disposed of"):
        artifacts.add_version(gone.pk, take(b"new"), version=gone.version, actor=people.ines)
    with pytest.raises(WrongState):
        services.classify(gone.pk, retention_class="draft", actor=people.maya, reason="So.")
    assert queries.due(gone.organization_id, today=clock.today()).rows == []


def test_another_organization_finds_no_disposal(asked, other_org, people: People):
    with tenancy.entered(other_org.pk):
        with pytest.raises(NotFound):
            queries.disposal(other_org.pk, asked.ref)
        with pytest.raises(NotFound):
            services.approve(asked.pk, actor=people.arun, reason=WHY)


def test_lists_take_the_same_queries_for_any_number(kept, org, people: People, django_assert_num_queries):
    def read() -> int:
        return sum(len(queries.state_of(row)) > 0 and bool(row.artifact.ref) for row in queries.disposals(org.pk))

    services.ask(kept(b"first").pk, actor=people.maya, reason=WHY, authority=POLICY)
    with django_assert_num_queries(1):
        assert read() == 1
    for number in range(6):
        services.ask(kept(b"%d" % number).pk, actor=people.maya, reason=WHY, authority=POLICY)
    with django_assert_num_queries(1):
        assert read() == 7


DECIDE = (
    "INSERT INTO retention_disposaldecision (id, organization_id, disposal_id, verdict, reason, person_id, at,"
    " authenticated_at) VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, now(), %s)"
)
ERASE = "UPDATE vault_blob SET erased_at = now(), wrapped_key = '' WHERE id = %s"


def told_history(blob) -> None:
    """As if the erasure stood in the history: the vault's own guard wants it there first."""
    from evidence.actors import Actor
    from evidence.ledger import services as ledger
    from evidence.vault.events import VAULT_ERASED

    ledger.record(VAULT_ERASED, subject=blob, actor=Actor.system(blob.organization_id, "test"))


def test_raw_sql_cannot_approve_what_one_asked_for_or_brought(asked, people: People, refused_by_database):
    now = clock.now()

    def decide(person, verdict="approved", reason="So.", proved=now):
        return refused_by_database(DECIDE, asked.organization_id, asked.pk, verdict, reason, person.person_id, proved)

    assert "[Z-02]" in decide(people.maya)
    assert "[Z-02]" in decide(people.ines)
    assert "[Z-04]" in decide(people.arun, "withdrawn")
    assert "[Z-10]" in decide(people.arun, reason=" ")
    assert "[Z-10]" in decide(people.arun, "maybe")
    assert "[Z-08]" in decide(people.arun, proved=now - timedelta(minutes=6))
    assert "[Z-08]" in decide(people.arun, proved=None)


def test_raw_sql_cannot_erase_evidence_without_an_approved_disposal(asked, refused_by_database):
    blob = artifact_of(asked).latest.blob
    told_history(blob)
    assert "[Z-05]" in refused_by_database(ERASE, blob.pk)


def test_raw_sql_cannot_erase_or_approve_what_a_hold_keeps(approved, kept, people: People, refused_by_database):
    other = services.ask(kept(b"2").pk, actor=people.maya, reason=WHY, authority=POLICY)
    services.set_hold(actor=people.edda, scope=Scope.ORGANIZATION, matter="Case 7", reason="A lawsuit.")
    blob = artifact_of(approved).latest.blob
    told_history(blob)
    assert "[H-01]" in refused_by_database(ERASE, blob.pk)
    given = (other.organization_id, other.pk, "approved", "So.", people.arun.person_id, clock.now())
    assert "[H-01]" in refused_by_database(DECIDE, *given)


def test_raw_sql_cannot_add_a_file_after_the_decision_nor_one_of_another(approved, kept, refused_by_database):
    insert = (
        "INSERT INTO retention_disposalitem (id, organization_id, disposal_id, file_id, sha256, size)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s)"
    )
    other = kept(b"2").latest
    given = (approved.organization_id, approved.pk, other.pk, other.sha256, other.size)
    assert "[Z-01]" in refused_by_database(insert, *given)


def test_raw_sql_cannot_certify_what_is_still_there_nor_bring_back_what_is_gone(
    approved, people: People, refused_by_database
):
    insert = (
        "INSERT INTO retention_certificate (id, organization_id, disposal_id, at, event_id, files, size)"
        " VALUES (gen_random_uuid(), %s, %s, now(), gen_random_uuid(), 1, 1)"
    )
    assert "[Z-07]" in refused_by_database(insert, approved.organization_id, approved.pk)
    dispose = "UPDATE artifacts_artifact SET state = %s WHERE id = %s"
    assert "[Z-06]" in refused_by_database(dispose, "disposed", approved.artifact_id)
    services.execute(approved.pk, actor=people.arun)
    assert "[Z-06]" in refused_by_database(dispose, "received", approved.artifact_id)


def test_raw_sql_cannot_ask_after_releasing_the_hold_nor_without_authority(kept, people: People, refused_by_database):
    made = kept()
    hold = services.set_hold(actor=people.edda, scope=Scope.ORGANIZATION, matter="Case 7", reason="A lawsuit.")
    services.release(hold.pk, actor=people.maya, reason="Settled.")
    insert = (
        "INSERT INTO retention_disposal (id, organization_id, ref, number, artifact_id, reason, authority,"
        " retention_class, policy_version, is_early, requested_by_id, requested_at)"
        " VALUES (gen_random_uuid(), %s, 'D-9', 9, %s, 'x', %s, 'evidence', 0, false, %s, now())"
    )
    assert "[Z-03]" in refused_by_database(insert, made.organization_id, made.pk, "Law", people.maya.person_id)
    assert "[Z-09]" in refused_by_database(insert, made.organization_id, made.pk, " ", people.arun.person_id)


@pytest.mark.parametrize(
    "model", [Disposal, DisposalItem, DisposalDecision, Certificate], ids=lambda model: model.__name__
)
def test_raw_sql_changes_nothing_of_a_disposal(approved, people: People, refused_by_database, model):
    services.execute(approved.pk, actor=people.arun)
    table = model._meta.db_table
    assert "permission denied" in refused_by_database(f"DELETE FROM {table}")
    assert "permission denied" in refused_by_database(f"UPDATE {table} SET organization_id = organization_id")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone()[0] == 1
