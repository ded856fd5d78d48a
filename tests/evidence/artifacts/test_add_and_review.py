"""Evidence comes in once, is judged by another, and every step leaves its event."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from evidence import clock
from evidence.artifacts import queries
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.models import Artifact, ArtifactReview, ArtifactVersion
from evidence.controls import services as controls
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, Stale, WrongState
from evidence.ledger.models import Event
from evidence.vault.models import Blob
from tests.people import People


def kinds(artifact: Artifact) -> list[str]:
    rows = Event.objects.filter(object_type="artifacts.artifact", object_id=artifact.pk).order_by("object_version")
    return [row.kind for row in rows]


def test_an_engineer_adds_evidence_and_its_event_carries_the_hash(uploaded, people: People):
    artifact = uploaded(b"hello", period_from=date(2026, 9, 1), period_to=date(2026, 9, 30), row_count=61)
    version = artifact.latest
    assert (artifact.ref, artifact.state, version.number, version.size) == ("E-001", "received", 1, 5)
    assert version.sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert version.uploaded_by_id == version.collector_id == people.ines.person_id
    event = Event.objects.get(object_id=artifact.pk)
    assert version.sha256.encode() in bytes(event.body)
    assert b"Leaver" not in bytes(event.body)


def test_numbers_follow_each_other(uploaded):
    assert [uploaded(b"%d" % n).ref for n in range(3)] == ["E-001", "E-002", "E-003"]


def test_somebody_without_the_right_adds_nothing(take, people: People):
    for someone in (people.arun, people.adam, people.otto):
        with pytest.raises(NotAllowed):
            artifacts.add(take(), title="x", kind="report", actor=someone)
    assert not Artifact.objects.exists()
    assert not Blob.objects.exists()
    assert not Event.objects.filter(object_type="artifacts.artifact").exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"kind": "rumour"}, "kind"),
        ({"about": VersionFacts(period_from=date(2026, 2, 1), period_to=date(2026, 1, 1))}, "period_to"),
        ({"about": VersionFacts(period_from=date(2026, 2, 1))}, "period_to"),
        ({"about": VersionFacts(row_count=-1)}, "row_count"),
        ({"about": VersionFacts(row_count=2**63)}, "row_count"),
        ({"about": VersionFacts(as_of=datetime(2026, 1, 1))}, "as_of"),
        ({"about": VersionFacts(ipe={"magic": True})}, "ipe"),
        ({"about": VersionFacts(ipe={"no_gaps": [1]})}, "ipe"),
        ({"about": VersionFacts(method="telepathy")}, "method"),
        ({"about": VersionFacts(query="q" * 20_001)}, "query"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(take, people: People, given, field):
    with pytest.raises(Invalid) as refusal:
        artifacts.add(take(), **{"title": "x", "kind": "report", "actor": people.ines, **given})
    assert field in refusal.value.fields
    assert not Blob.objects.exists()


def test_another_person_accepts_what_was_uploaded(uploaded, people: People):
    artifact = uploaded()
    accepted = artifacts.accept(artifact.pk, number=1, actor=people.vera, reason="Totals tie.")
    assert accepted.state == "accepted"
    assert kinds(artifact) == ["artifact.received", "artifact.accepted"]
    review = ArtifactReview.objects.get()
    assert (review.person_id, review.verdict) == (people.vera.person_id, "accepted")


def test_neither_uploader_nor_collector_judges_evidence(uploaded, people: People):
    by_vera = uploaded(collector_id=people.vera.person_id)
    with pytest.raises(DutyConflict, match="You collected version 1") as refusal:
        artifacts.accept(by_vera.pk, number=1, actor=people.vera)
    assert refusal.value.rule == "E-02"
    assert kinds(by_vera) == ["artifact.received"]
    assert not ArtifactReview.objects.exists()


def test_an_uploader_of_an_earlier_version_judges_no_later_one(take, uploaded, people: People):
    artifact = uploaded(actor=people.maya)
    artifacts.add_version(artifact.pk, take(b"newer"), version=1, actor=people.ines)
    with pytest.raises(DutyConflict, match="You uploaded version 1"):
        artifacts.give_back(artifact.pk, number=2, actor=people.maya, reason="no")


def test_a_reviewer_gives_evidence_back_with_words(uploaded, people: People):
    artifact = uploaded()
    with pytest.raises(Invalid):
        artifacts.give_back(artifact.pk, number=1, actor=people.vera, reason="  ")
    returned = artifacts.give_back(artifact.pk, number=1, actor=people.vera, reason="Week 6 is missing.")
    assert returned.state == "returned"
    with pytest.raises(NotAllowed):
        artifacts.accept(artifact.pk, number=1, actor=people.ivan)


def test_a_new_version_has_to_be_judged_anew(take, uploaded, people: People):
    artifact = uploaded()
    artifact = artifacts.accept(artifact.pk, number=1, actor=people.vera)
    artifact = artifacts.add_version(artifact.pk, take(b"newer"), version=artifact.version, actor=people.ines)
    assert (artifact.state, artifact.latest.number) == ("received", 2)
    with pytest.raises(Stale):
        artifacts.accept(artifact.pk, number=1, actor=people.vera)
    assert [row.number for row in queries.artifact(artifact.ref).versions.all()] == [2, 1]


def test_a_version_on_a_stale_page_is_refused(take, uploaded, people: People):
    artifact = uploaded()
    artifacts.accept(artifact.pk, number=1, actor=people.vera)
    with pytest.raises(Stale):
        artifacts.add_version(artifact.pk, take(b"newer"), version=1, actor=people.ines)
    assert ArtifactVersion.objects.count() == 1


def test_a_program_waits_in_quarantine_until_a_reviewer_releases_it(take, people: People):
    received = take(b"MZ\x90\x00" + bytes(200), filename="tool.exe")
    artifact = artifacts.add(received, title="The tool", kind="config", actor=people.ines)
    assert artifact.state == "quarantined"
    with pytest.raises(WrongState):
        artifacts.record_download(artifact.latest.pk, actor=people.ines)
    with pytest.raises(WrongState):
        artifacts.accept(artifact.pk, number=1, actor=people.vera)
    artifacts.record_download(artifact.latest.pk, actor=people.vera)
    released = artifacts.release(artifact.pk, number=1, actor=people.vera, reason="It is the vendor's signed tool.")
    assert released.state == "received"
    artifacts.record_download(artifact.latest.pk, actor=people.ines)


def test_every_download_and_view_is_an_event(uploaded, people: People):
    artifact = uploaded()
    artifacts.record_download(artifact.latest.pk, actor=people.maya, reason="closure memo")
    artifacts.record_view(artifact.latest.pk, actor=people.maya)
    artifacts.record_view(artifact.latest.pk, actor=people.maya, page=2)
    assert kinds(artifact) == ["artifact.received", "artifact.downloaded", "artifact.viewed", "artifact.viewed"]
    with pytest.raises(NotAllowed):
        artifacts.record_download(artifact.latest.pk, actor=people.adam)
    assert len(kinds(artifact)) == 4


def test_links_are_made_once_and_freshness_follows_the_control(uploaded, people: People):
    control = controls.create(
        controls.ControlFacts(
            title="Leavers", frequency="weekly", criteria=("CC6.2",), owed=(controls.Owed("List", "report", 10),)
        ),
        actor=people.maya,
    )
    artifact = uploaded(period_from=date(2026, 9, 1), period_to=date(2026, 9, 7))
    first = artifacts.link_control(artifact.pk, "ac-01", actor=people.ines)
    again = artifacts.link_control(artifact.pk, "AC-01", actor=people.ines)
    assert first.pk == again.pk
    assert first.target_id == control.pk
    artifact.refresh_from_db()
    assert artifact.fresh_until == date(2026, 9, 17)
    assert kinds(artifact) == ["artifact.received", "artifact.linked"]
    with pytest.raises(Invalid):
        artifacts.link_control(artifact.pk, "AC-99", actor=people.ines)
    assert [link.artifact.ref for link in queries.linked_to("controls.control", control.pk)] == ["E-001"]


def test_the_stored_bytes_are_checked_on_demand(uploaded, people: People, settings):
    artifact = uploaded()
    assert artifacts.verify(artifact.latest.pk, actor=people.maya)
    path = settings.CLEARHOLD_BLOBS_DIR / artifact.latest.blob.location
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert not artifacts.verify(artifact.latest.pk, actor=people.maya)
    assert kinds(artifact)[-2:] == ["artifact.verified", "artifact.verified"]


def test_another_organizations_evidence_does_not_exist(uploaded, other_org, people: People):
    from evidence import tenancy

    artifact = uploaded()
    with tenancy.entered(other_org.pk):
        with pytest.raises(NotFound):
            queries.artifact(artifact.ref)
        with pytest.raises(NotFound):
            artifacts.record_download(artifact.latest.pk, actor=people.maya)
        assert queries.evidence(queries.Filters()).rows == []


def test_the_list_takes_the_same_queries_for_ten_as_for_a_hundred(uploaded, django_assert_num_queries):
    for number in range(10):
        uploaded(b"%d" % number)
    with django_assert_num_queries(4):
        assert len(queries.evidence(queries.Filters()).rows) == 10
    for number in range(90):
        uploaded(b"more %d" % number)
    with django_assert_num_queries(4):
        page = queries.evidence(queries.Filters())
        assert len(page.rows) == 50
    following = queries.evidence(queries.Filters(before=page.next_before))
    assert [row.number for row in following.rows] == list(range(50, 0, -1))
    assert following.next_before is None


def test_the_list_is_narrowed_by_state_kind_period_and_age(uploaded, people: People):
    old = uploaded(b"1", period_from=date(2026, 1, 1), period_to=date(2026, 1, 31), kind="policy")
    new = uploaded(b"2", period_from=date(2026, 6, 1), period_to=date(2026, 6, 30))
    artifacts.accept(new.pk, number=1, actor=people.vera)

    def refs(**given):
        return [row.ref for row in queries.evidence(queries.Filters(**given)).rows]

    assert refs(state="accepted") == [new.ref]
    assert refs(kind="policy") == [old.ref]
    assert refs(covers_from=date(2026, 5, 1)) == [new.ref]
    assert refs(covers_to=date(2026, 2, 1)) == [old.ref]
    assert refs(text="LEAVER") == [new.ref, old.ref]
    with clock.at(datetime(2027, 6, 1, tzinfo=UTC)):
        assert refs(stale=True) == [old.ref]


def refused_by_database(statement: str, *given) -> str:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE clearhold_app")
        cursor.execute(statement, given)
    return str(refusal.value)


def test_raw_sql_cannot_change_versions_links_or_reviews(uploaded, people: People):
    artifact = uploaded()
    artifacts.link(artifact.pk, target_type="tasks.task", target_id=artifact.pk, actor=people.ines)
    artifacts.accept(artifact.pk, number=1, actor=people.vera)
    for table in ("artifacts_artifactversion", "artifacts_artifactlink", "artifacts_artifactreview"):
        assert "permission denied" in refused_by_database(f"DELETE FROM {table}")
        assert "permission denied" in refused_by_database(f"UPDATE {table} SET organization_id = organization_id")
    assert "permission denied" in refused_by_database("DELETE FROM artifacts_artifact")


def test_raw_sql_cannot_accept_without_a_review_nor_review_ones_own(uploaded, people: People):
    artifact = uploaded()
    message = refused_by_database("UPDATE artifacts_artifact SET state = 'accepted' WHERE id = %s", artifact.pk)
    assert "[E-04]" in message
    insert = (
        "INSERT INTO artifacts_artifactreview (id, organization_id, artifact_id, reviewed_id, verdict, reason, person_id, at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, 'accepted', '', %s, now())"
    )
    own = (artifact.organization_id, artifact.pk, artifact.latest.pk, people.ines.person_id)
    assert "[E-02]" in refused_by_database(insert, *own)
    message = refused_by_database("UPDATE artifacts_artifact SET ref = 'E-999' WHERE id = %s", artifact.pk)
    assert "append-only" in message


def test_raw_sql_cannot_insert_what_is_already_accepted(uploaded):
    artifact = uploaded()
    message = refused_by_database(
        "INSERT INTO artifacts_artifact (id, organization_id, version, created_at, ref, number, title, kind, state)"
        " VALUES (gen_random_uuid(), %s, 1, now(), 'E-77', 77, 'x', 'report', 'accepted')",
        artifact.organization_id,
    )
    assert "[E-03]" in message


def test_raw_sql_cannot_leave_quarantine(take, people: People):
    artifact = artifacts.add(take(b"MZ" + bytes(99), filename="a.exe"), title="x", kind="log", actor=people.ines)
    message = refused_by_database("UPDATE artifacts_artifact SET state = 'received' WHERE id = %s", artifact.pk)
    assert "[E-06]" in message


def test_facts_without_a_time_get_the_time_of_upload(uploaded):
    moment = datetime(2027, 11, 24, 9, 0, tzinfo=UTC)
    with clock.at(moment):
        artifact = uploaded()
    assert artifact.latest.collected_at == moment
    assert artifact.latest.received_at - moment < timedelta(hours=1)
