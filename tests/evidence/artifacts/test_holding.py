"""A file that may hold personal data waits for its uploader or a manager; nobody else opens, accepts or gives it on."""

import json

import pytest

from evidence.actors import Actor
from evidence.artifacts import holding, queries, redaction
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact, ArtifactVersion, PersonalCheck, PersonalDecision
from evidence.errors import Invalid, NotAllowed, WrongState
from evidence.intake import looks
from evidence.ledger.models import Event
from evidence.organizations import services as organizations
from tests.evidence.artifacts.test_add_and_review import kinds, refused_by_database
from tests.people import People

STUDENTS = (
    b"student_id,first_name,last_name,email,ssn\n1001,Ada,Byron,ada@college.edu,219-09-9999\n1002,Alan,Turing,,\n"
)


@pytest.fixture
def held(take, people: People):
    artifact = artifacts.add(take(STUDENTS, "students.csv"), title="Enrolment", kind="report", actor=people.ines)
    return ArtifactVersion.objects.select_related("artifact").get(artifact=artifact)


def test_what_is_found_is_kinds_places_and_counts_and_never_a_value(held):
    places = {place.kind: place for place in holding.hold_of(held).places}
    assert set(places) == {"student_id", "name", "email", "ssn"}
    assert (places["student_id"].column, places["student_id"].count, places["student_id"].lines) == (
        "student_id",
        2,
        (2, 3),
    )
    kept = json.dumps(list(PersonalCheck.objects.values("places")))
    body = b"".join(bytes(event.body) for event in Event.objects.filter(object_id=held.artifact_id))
    for value in ("Ada", "Byron", "219-09-9999", "1001", "ada@college.edu"):
        assert value not in kept
        assert value.encode() not in body
    assert kinds(held.artifact) == ["artifact.received", "artifact.searched"]


def test_only_the_uploader_and_managers_open_it(held, people: People):
    for someone in (people.vera, people.ivan, people.arun):
        with pytest.raises(WrongState, match="may hold personal data"):
            artifacts.record_download(held.pk, actor=someone)
        with pytest.raises(WrongState, match="may hold personal data"):
            artifacts.record_view(held.pk, actor=someone)
    assert kinds(held.artifact) == ["artifact.received", "artifact.searched"]
    for someone in (people.ines, people.maya):
        artifacts.record_view(held.pk, actor=someone)
        artifacts.record_download(held.pk, actor=someone)


def test_nobody_else_sees_it_by_making_a_redacted_copy(held, people: People):
    with pytest.raises(WrongState, match="may hold personal data"):
        redaction.require_open(held, actor=people.ivan)
    for someone in (people.ines, people.maya):
        redaction.require_open(held, actor=someone)


def test_it_is_neither_accepted_nor_given_to_packages_and_auditors(held, people: People):
    with pytest.raises(WrongState, match="waits for a decision"):
        artifacts.accept(held.artifact_id, number=1, actor=people.vera)
    assert not holding.showable(Artifact.objects.all()).exists()
    artifacts.give_back(held.artifact_id, number=1, actor=people.vera, reason="Mask the names.")


def test_a_reason_is_needed_and_kept(held, people: People):
    with pytest.raises(Invalid):
        holding.keep(held.pk, actor=people.ines, reason="  ")
    made = holding.keep(held.pk, actor=people.ines, reason="Made-up rows of the test system.")
    assert (made.person_id, made.reason) == (people.ines.person_id, "Made-up rows of the test system.")
    assert kinds(held.artifact)[-1] == "artifact.kept"
    assert holding.showable(Artifact.objects.all()).exists()
    artifacts.record_view(held.pk, actor=people.vera)
    assert artifacts.accept(held.artifact_id, number=1, actor=people.vera).state == "accepted"
    with pytest.raises(WrongState, match="waits for no decision"):
        holding.keep(held.pk, actor=people.maya, reason="Again.")


def test_nobody_else_decides_and_nothing_is_written(held, people: People):
    for someone in (people.ivan, people.vera, people.arun, people.adam, people.otto):
        with pytest.raises(NotAllowed, match="Who uploaded the file decides"):
            holding.keep(held.pk, actor=someone, reason="It is fine.")
    assert not PersonalDecision.objects.exists()
    holding.keep(held.pk, actor=people.maya, reason="Sample data of the vendor.")


def test_the_decision_is_about_one_version(held, take, people: People):
    holding.keep(held.pk, actor=people.maya, reason="Sample data.")
    artifact = Artifact.objects.get(pk=held.artifact_id)
    newer = take(STUDENTS + b"1003,Grace,Hopper,,\n", "students.csv")
    artifact = artifacts.add_version(artifact.pk, newer, version=artifact.version, actor=people.ines)
    assert holding.hold_of(queries.version(artifact.ref)) is not None


def test_a_masked_version_is_free(held, take, people: People):
    masked = b"student_id,first_name,last_name,email,ssn\n****,[masked],[masked],***@***,***-**-****\n"
    artifact = Artifact.objects.get(pk=held.artifact_id)
    artifact = artifacts.add_version(
        artifact.pk, take(masked, "masked.csv"), version=artifact.version, actor=people.ines
    )
    assert holding.hold_of(queries.version(artifact.ref)) is None
    assert artifacts.accept(artifact.pk, number=2, actor=people.vera).state == "accepted"
    with pytest.raises(WrongState):
        artifacts.record_download(held.pk, actor=people.vera)


def test_addresses_of_ones_own_people_hold_nothing(take, people: People):
    rows = b"login,email\nines,ines@lumenroll.com\nvera,vera@eu.lumenroll.com\n"
    before = artifacts.add(take(rows, "a.csv"), title="x", kind="report", actor=people.ines)
    assert queries.artifact(before.ref).latest.is_held
    organizations.set_policy("personal_data", {"own_domains": ["lumenroll.com"]}, actor=people.adam)
    after = artifacts.add(take(rows, "a.csv"), title="x", kind="report", actor=people.ines)
    assert not queries.artifact(after.ref).latest.is_held


def test_a_large_file_waits_until_a_job_has_searched_it(take, people: People, monkeypatch):
    monkeypatch.setattr(looks, "AT_ONCE_BYTES", 10)
    product = Actor.system(people.ines.organization_id, "search")
    versions = []
    for data in (STUDENTS, b"week,result\nW12,OK\n"):
        artifact = artifacts.add(take(data, "a.csv"), title="x", kind="report", actor=people.ines)
        versions.append(ArtifactVersion.objects.get(artifact=artifact))
    assert {row.pk for row in holding.due()} == {row.pk for row in versions}
    for version in versions:
        assert holding.hold_of(version).is_pending
        with pytest.raises(WrongState):
            artifacts.accept(version.artifact_id, number=1, actor=people.vera)
        with pytest.raises(WrongState):
            holding.keep(version.pk, actor=people.ines, reason="Too early.")
    assert [holding.search(version.pk, actor=product) for version in versions] == ["found", "clear"]
    assert not holding.due().exists()
    held, free = (ArtifactVersion.objects.get(pk=version.pk) for version in versions)
    assert held.is_held and not free.is_held
    assert holding.search(free.pk, actor=product) == "clear"
    assert PersonalCheck.objects.filter(checked=free).count() == 2


def test_a_picture_is_said_to_be_unsearchable_not_clear(take, people: People):
    import io

    from PIL import Image

    target = io.BytesIO()
    Image.new("RGB", (20, 20)).save(target, "PNG")
    artifact = artifacts.add(take(target.getvalue(), "a.png"), title="x", kind="screenshot", actor=people.ines)
    assert queries.artifact(artifact.ref).latest.personal.outcome == "unreadable"


def test_raw_sql_cannot_accept_what_is_held_nor_decide_what_was_not_found(held, take, people: People):
    accept = (
        "INSERT INTO artifacts_artifactreview (id, organization_id, artifact_id, reviewed_id, verdict, reason, person_id, at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, 'accepted', 'x', %s, now());"
        "UPDATE artifacts_artifact SET state = 'accepted' WHERE id = %s"
    )
    values = (held.organization_id, held.artifact_id, held.pk, people.vera.person_id, held.artifact_id)
    assert "[E-10]" in refused_by_database(accept, *values)
    free = artifacts.add(take(b"week,result\n", "a.csv"), title="x", kind="report", actor=people.ines)
    check = PersonalCheck.objects.get(checked__artifact=free)
    decide = (
        "INSERT INTO artifacts_personaldecision (id, organization_id, check_of_id, reason, person_id, at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, now())"
    )
    assert "[E-12]" in refused_by_database(decide, held.organization_id, check.pk, "x", people.ines.person_id)
    found = PersonalCheck.objects.get(checked=held)
    assert "reason" in refused_by_database(decide, held.organization_id, found.pk, "", people.ines.person_id)
    for table in ("artifacts_personalcheck", "artifacts_personaldecision"):
        assert "permission denied" in refused_by_database(f"UPDATE {table} SET organization_id = organization_id")
        assert "permission denied" in refused_by_database(f"DELETE FROM {table}")
