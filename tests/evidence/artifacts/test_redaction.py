"""A redacted copy is a version of its own, decided by another; until then neither it nor its original goes out."""

import pytest
from django.db import DatabaseError, connection, transaction

from evidence import tenancy
from evidence.artifacts import redaction, withholding
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact, ArtifactVersion, Redaction, RedactionDecision
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, WrongState
from evidence.ledger.models import Event
from evidence.vault.models import Blob
from tests.people import People, account_of, actor, give

WHY = "It names students."
MASKED = b"week,result\nW12,[masked]\n"


@pytest.fixture
def proposed(uploaded, take, people: People):
    """Ines's evidence, accepted, of which Maya made a copy."""
    artifact = uploaded()
    artifacts.accept(artifact.pk, number=1, actor=people.vera)
    return redaction.propose(
        artifact.latest.pk, take(MASKED), actor=people.maya, method="mask", reason=WHY, recipe={"email": 1}
    )


def kinds(artifact_id) -> list[str]:
    rows = Event.objects.filter(object_type="artifacts.artifact", object_id=artifact_id).order_by("object_version")
    return [row.kind for row in rows]


def fresh(made: Redaction) -> Artifact:
    return Artifact.objects.select_related("latest").get(pk=made.artifact_id)


def test_a_copy_is_the_newest_version_and_keeps_what_its_original_covers(proposed):
    artifact = fresh(proposed)
    assert (artifact.state, artifact.latest.number) == ("received", 2)
    assert artifact.latest.note == "Redacted copy of version 1"
    assert proposed.original.number == 1
    assert kinds(artifact.pk)[-2:] == ["artifact.version_added", "artifact.redaction_proposed"]
    event = Event.objects.get(kind="artifact.redaction_proposed")
    assert proposed.original.sha256.encode() in bytes(event.body)
    assert WHY.encode() not in bytes(event.body)


def test_who_made_the_copy_does_not_decide_on_it(proposed, people: People):
    with pytest.raises(DutyConflict, match="You made the redacted copy") as refusal:
        redaction.decide(proposed.pk, verdict="approved", actor=people.maya)
    assert refusal.value.rule == "X-03"
    assert not RedactionDecision.objects.exists()
    assert kinds(proposed.artifact_id)[-1] == "artifact.redaction_proposed"


def test_who_brought_the_original_does_not_decide_either(proposed, org, people: People):
    give(org, people.ines.person_id, "reviewer")
    reviewing = actor(org, account_of(people.ines))
    with pytest.raises(DutyConflict, match="You uploaded version 1"):
        redaction.decide(proposed.pk, verdict="approved", actor=reviewing)
    assert not RedactionDecision.objects.exists()


def test_somebody_without_the_right_neither_makes_nor_decides(uploaded, take, proposed, people: People):
    other = uploaded(b"other")
    for someone in (people.vera, people.arun, people.edda, people.adam, people.otto):
        with pytest.raises(NotAllowed):
            redaction.propose(other.latest.pk, take(b"x"), actor=someone, method="upload", reason=WHY)
    for someone in (people.ivan, people.arun, people.edda, people.adam, people.otto):
        with pytest.raises(NotAllowed):
            redaction.decide(proposed.pk, verdict="approved", actor=someone)
    assert Redaction.objects.count() == 1


def test_an_approved_copy_goes_out_and_its_original_does_not(proposed, people: People):
    before = withholding.kept_back_among([proposed.original_id, proposed.redacted_id])
    assert before == {proposed.original_id, proposed.redacted_id}
    redaction.decide(proposed.pk, verdict="approved", actor=people.vera)
    after = withholding.kept_back_among([proposed.original_id, proposed.redacted_id])
    assert after == {proposed.original_id}
    accepted = artifacts.accept(proposed.artifact_id, number=2, actor=people.vera)
    assert (accepted.state, accepted.latest_id) == ("accepted", proposed.redacted_id)


def test_a_copy_nobody_approved_is_not_accepted_as_evidence(proposed, people: People):
    with pytest.raises(WrongState) as refusal:
        artifacts.accept(proposed.artifact_id, number=2, actor=people.vera)
    assert refusal.value.kind == "redaction_undecided"


def test_the_original_is_read_with_a_right_of_its_own_and_an_event(proposed, people: People):
    for open_it in (artifacts.record_download, artifacts.record_view):
        with pytest.raises(NotAllowed) as refusal:
            open_it(proposed.original_id, actor=people.ines)
        assert refusal.value.kind == "original_kept_back"
    artifacts.record_download(proposed.original_id, actor=people.vera)
    artifacts.record_download(proposed.redacted_id, actor=people.ines)
    assert kinds(proposed.artifact_id)[-2:] == ["artifact.downloaded", "artifact.downloaded"]


def test_a_refused_copy_is_returned_and_the_original_stays_back(proposed, take, people: People):
    with pytest.raises(Invalid):
        redaction.decide(proposed.pk, verdict="refused", actor=people.vera, reason=" ")
    redaction.decide(proposed.pk, verdict="refused", actor=people.vera, reason="A name is left in row 7.")
    assert (fresh(proposed).state, fresh(proposed).latest_id) == ("returned", proposed.redacted_id)
    kept = withholding.kept_back_among([proposed.original_id, proposed.redacted_id])
    assert kept == {proposed.original_id, proposed.redacted_id}
    again = redaction.propose(proposed.original_id, take(b"better"), actor=people.maya, method="upload", reason=WHY)
    assert again.redacted.number == 3
    redaction.decide(again.pk, verdict="approved", actor=people.vera)
    assert withholding.kept_back_among([again.redacted_id]) == set()


def test_an_original_that_needs_no_redaction_is_what_it_was(proposed, people: People):
    redaction.decide(proposed.pk, verdict="unneeded", actor=people.vera, reason="These are staff ids.")
    assert (fresh(proposed).state, fresh(proposed).latest_id) == ("accepted", proposed.original_id)
    assert withholding.kept_back_among([proposed.original_id, proposed.redacted_id]) == {proposed.redacted_id}


def test_one_copy_at_a_time_with_a_reason_and_never_the_same_bytes(proposed, uploaded, take, people: People):
    with pytest.raises(WrongState):
        redaction.propose(proposed.original_id, take(b"x"), actor=people.maya, method="mask", reason=WHY)
    other = uploaded(b"other")
    with pytest.raises(Invalid) as refusal:
        redaction.propose(other.latest.pk, take(b"other"), actor=people.maya, method="mask", reason=WHY)
    assert refusal.value.kind == "nothing_masked"
    with pytest.raises(Invalid):
        redaction.propose(other.latest.pk, take(b"x"), actor=people.maya, method="mask", reason="  ")
    assert ArtifactVersion.objects.filter(artifact=other).count() == 1


def test_a_decision_is_made_once(proposed, people: People):
    redaction.decide(proposed.pk, verdict="approved", actor=people.vera)
    with pytest.raises(WrongState):
        redaction.decide(proposed.pk, verdict="refused", actor=people.vera, reason="On second thought.")


def test_another_organizations_redaction_does_not_exist(proposed, other_org, people: People):
    with tenancy.entered(other_org.pk):
        with pytest.raises(NotFound):
            redaction.decide(proposed.pk, verdict="approved", actor=people.vera)
        assert not Redaction.objects.exists()


def refused_by_database(statement: str, *given, role: str = "clearhold_app") -> str:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute(statement, given)
    return str(refusal.value)


DECIDE = (
    "INSERT INTO artifacts_redactiondecision (id, organization_id, redaction_id, verdict, reason, person_id, at)"
    " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, now())"
)


def test_raw_sql_cannot_approve_ones_own_redaction_or_change_one(proposed, people: People):
    for someone in (people.maya, people.ines):
        given = (proposed.organization_id, proposed.pk, "approved", "", someone.person_id)
        assert "[X-03]" in refused_by_database(DECIDE, *given)
    silent = (proposed.organization_id, proposed.pk, "refused", " ", people.vera.person_id)
    assert "[X-04]" in refused_by_database(DECIDE, *silent)
    for table in ("artifacts_redaction", "artifacts_redactiondecision"):
        assert "permission denied" in refused_by_database(f"DELETE FROM {table}")
        assert "permission denied" in refused_by_database(f"UPDATE {table} SET organization_id = organization_id")


def test_raw_sql_cannot_call_any_two_versions_a_redaction(proposed, uploaded, people: People):
    other = uploaded(b"other")
    insert = (
        "INSERT INTO artifacts_redaction (id, organization_id, artifact_id, original_id, redacted_id, method, recipe,"
        " reason, state_before, redacted_by_id, at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, 'mask', '{}', 'x', 'received', %s, now())"
    )
    given = (proposed.organization_id, other.pk, proposed.original_id, other.latest.pk, people.ines.person_id)
    assert "[X-01]" in refused_by_database(insert, *given)


def test_raw_sql_cannot_accept_an_undecided_copy_nor_bring_the_original_back(proposed, people: People):
    insert = (
        "INSERT INTO artifacts_artifactreview (id, organization_id, artifact_id, reviewed_id, verdict, reason, person_id, at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, 'accepted', '', %s, now())"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            insert, [proposed.organization_id, proposed.artifact_id, proposed.redacted_id, people.vera.person_id]
        )
    accept = "UPDATE artifacts_artifact SET state = 'accepted' WHERE id = %s"
    assert "[X-05]" in refused_by_database(accept, proposed.artifact_id)
    back = "UPDATE artifacts_artifact SET latest_id = %s WHERE id = %s"
    assert "[X-06]" in refused_by_database(back, proposed.original_id, proposed.artifact_id)


def test_the_auditors_role_reads_no_key_of_what_is_kept_back(proposed, people: People):
    def seen() -> set:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE clearhold_auditor")
            found = set(Blob.objects.values_list("pk", flat=True))
            cursor.execute("RESET ROLE")
        return found

    assert not seen()
    redaction.decide(proposed.pk, verdict="approved", actor=people.vera)
    assert seen() == {proposed.redacted.blob_id}
