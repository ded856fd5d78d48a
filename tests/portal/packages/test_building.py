"""From an engagement in the database to a sealed package: who may, who may not, and what is left behind."""

import hashlib
import io
import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

import pikepdf
import pytest
from django.db import DatabaseError, connection, transaction

from evidence.artifacts import services as artifacts
from evidence.controls import services as controls
from evidence.errors import DutyConflict, NotAllowed, NotFound, Unavailable, WrongState
from evidence.intake import services as intake
from evidence.ledger import sequencer
from evidence.ledger.models import Event
from evidence.vault import services as vault
from portal.engagements import services as engagements
from portal.packages import collect, delivery, queries, services, verification
from portal.packages.models import Package, State
from remediation.findings.models import Finding
from remediation.findings.services import reporting
from tests.people import stale

pytestmark = pytest.mark.django_db

FACTS = engagements.Facts("Examination", date(2026, 1, 1), date(2026, 12, 31), auditor_firm="Haas & Partner")


@contextmanager
def inside():
    yield


def still(done, total, note):
    pass


@pytest.fixture
def engagement(people, org):
    made = engagements.create(FACTS, actor=people.maya)
    controls.adopt_starter_set(actor=people.maya)
    for title in ("Log gap", "学生 <b>title</b>"):
        reporting.report(
            actor=people.maya,
            title=title,
            source="audit_report",
            detected_at=datetime(2026, 2, 3, tzinfo=UTC),
            asset="CRM",
            description="Seen in the sample.",
            severity="high",
        )
    engagements.scope_everything(made.pk, actor=people.maya)
    return made


def built(engagement, people, **options) -> Package:
    package = services.start(engagement.pk, actor=people.maya, **options)
    sequencer.run_once(engagement.organization_id)
    services.perform_build(package.pk, actor=people.maya, inside=inside, watch=still)
    package.refresh_from_db()
    return package


def under_review(engagement, people) -> Package:
    package = built(engagement, people)
    services.submit_for_review(package.pk, actor=people.maya)
    package.refresh_from_db()
    return package


def sealed(engagement, people) -> Package:
    package = under_review(engagement, people)
    services.seal(package.pk, actor=people.arun, reason="Read and agreed.")
    sequencer.run_once(engagement.organization_id)
    Package.objects.filter(pk=package.pk).update(job=None)
    services.perform_seal(package.pk, actor=people.arun, inside=inside, watch=still)
    package.refresh_from_db()
    return package


def test_a_package_is_built_from_the_database_and_its_hash_is_an_event(engagement, people):
    package = built(engagement, people)
    assert package.ref == "PKG-0001"
    assert package.state == State.DRAFT
    data = b"".join(services.pdf_bytes(package))
    assert hashlib.sha256(data).hexdigest() == package.sha256
    event = Event.objects.get(pk=package.recorded_by_event)
    assert event.kind == "package.built"
    assert json.loads(bytes(event.body))["facts"]["after"]["sha256"] == package.sha256
    assert package.finding_count == 2
    rows = services.load(b"".join(vault.open(package.snapshot)))
    assert [finding.title for finding in rows.findings] == ["Log gap", "学生 <b>title</b>"]
    assert rows.checkpoint.tree_size == package.ledger_size
    assert all(event.number is not None for finding in rows.findings for event in finding.history)
    with pikepdf.open(io.BytesIO(data)) as pdf:
        assert len(pdf.pages) == package.pages


def test_exhibits_are_the_files_that_findings_use_and_stand_in_it_byte_for_byte(engagement, people, org):
    finding = Finding.objects.get(ref="F-001")
    for number, data in enumerate((b"week,result\nW12,OK\n", b"week,result\nW13,OK\n"), 1):
        received = intake.take(
            io.BytesIO(data), filename=f"../leavers {number}.csv", organization_id=org.pk, limit_bytes=10**6
        )
        artifact = artifacts.add(received, title=f"Leavers {number}", kind="report", actor=people.ines)
        link = {"target_type": "findings.finding", "target_id": finding.pk, "target_ref": "F-001"}
        artifacts.link(artifact.pk, actor=people.ines, **link)
    artifacts.accept(artifact.pk, number=1, actor=people.vera)
    package = built(engagement, people)
    rows = services.load(b"".join(vault.open(package.snapshot)))
    assert [(e.number, e.review, e.findings) for e in rows.exhibits] == [
        ("E-001", "received", ("F-001",)),
        ("E-002", "accepted", ("F-001",)),
    ]
    assert rows.findings[0].exhibits == ("E-001", "E-002")
    with pikepdf.open(io.BytesIO(b"".join(services.pdf_bytes(package)))) as pdf:
        attached = pdf.attachments[rows.exhibits[0].path].get_file().read_bytes()
    assert attached == b"week,result\nW12,OK\n"
    assert any("not yet reviewed" in gap for gap in rows.scope.gaps)


def test_an_approver_may_not_build_and_an_engineer_neither(engagement, people):
    for someone in (people.arun, people.ines, people.otto):
        with pytest.raises(NotAllowed):
            services.build(engagement.pk, actor=someone)
    assert not Package.objects.exists()


def test_rows_that_changed_after_the_checkpoint_stop_the_build(engagement, people):
    package = services.build(engagement.pk, actor=people.maya)
    sequencer.run_once(engagement.organization_id)
    reporting.report(
        actor=people.maya, title="Late", source="internal", detected_at=datetime(2026, 2, 3, tzinfo=UTC), asset="x"
    )
    with pytest.raises(Unavailable):
        collect.snapshot(Package.objects.get(pk=package.pk), issues=())


def test_who_prepared_it_may_not_seal_it(engagement, people):
    package = under_review(engagement, people)
    with pytest.raises((DutyConflict, NotAllowed)):
        services.seal(package.pk, actor=people.maya, reason="It is mine.")
    package.refresh_from_db()
    assert package.approved_by_id is None


def test_sealing_needs_a_fresh_proof_of_identity(engagement, people):
    package = under_review(engagement, people)
    with pytest.raises(NotAllowed):
        services.seal(package.pk, actor=stale(people.arun), reason="Read and agreed.")


def test_a_sealed_package_carries_the_approver_and_never_changes(engagement, people):
    package = sealed(engagement, people)
    assert package.state == State.SEALED
    assert package.approved_by_id == people.arun.person_id
    rows = services.load(b"".join(vault.open(package.snapshot)))
    assert rows.identity.state == "sealed"
    assert rows.identity.approved_by == people.arun.name
    for change in ("sha256 = 'f'", "state = 'draft'", "title = 'other'", "approved_by_id = prepared_by_id"):
        with pytest.raises(DatabaseError) as refusal, transaction.atomic():
            connection.cursor().execute(f"UPDATE packages_package SET {change}")
        assert refusal.value.__cause__.sqlstate in ("CH001", "CH002", "CH003")


def test_the_database_refuses_a_seal_without_an_approval(engagement, people):
    package = under_review(engagement, people)
    for change in (
        "state = 'sealed'",
        f"approved_by_id = '{people.arun.person_id}'",
        "approved_by_id = prepared_by_id",
        f"state = 'sealed', approved_by_id = '{people.arun.person_id}', approved_at = now()",
    ):
        with pytest.raises(DatabaseError) as refusal, transaction.atomic():
            connection.cursor().execute(f"UPDATE packages_package SET {change} WHERE id = %s", [package.pk])
        assert refusal.value.__cause__.sqlstate.startswith("CH")


def test_a_rejection_makes_it_a_draft_again(engagement, people):
    package = under_review(engagement, people)
    services.send_back(package.pk, actor=people.arun, reason="Scope is incomplete.")
    package.refresh_from_db()
    assert package.state == State.DRAFT
    assert queries.sealing(package, people.arun) is None


def test_a_new_issue_supersedes_the_old_one_when_it_is_sealed(engagement, people):
    first = sealed(engagement, people)
    with pytest.raises(WrongState):
        services.submit_for_review(first.pk, actor=people.maya)
    second = services.supersede(first.pk, actor=people.maya, change="F-001 retested")
    assert (second.ref, second.issue) == (first.ref, 2)
    first.refresh_from_db()
    assert first.state == State.SEALED
    Package.objects.filter(pk=second.pk).update(job=None)
    sequencer.run_once(engagement.organization_id)
    services.perform_build(second.pk, actor=people.maya, inside=inside, watch=still)
    services.submit_for_review(second.pk, actor=people.maya)
    services.seal(second.pk, actor=people.alba, reason="Read and agreed.")
    sequencer.run_once(engagement.organization_id)
    Package.objects.filter(pk=second.pk).update(job=None)
    services.perform_seal(second.pk, actor=people.alba, inside=inside, watch=still)
    first.refresh_from_db()
    assert first.state == State.SUPERSEDED


def test_another_organizations_package_is_not_found(engagement, people, other_org):
    package = services.build(engagement.pk, actor=people.maya)
    with pytest.raises(NotFound):
        services.submit_for_review(package.pk, actor=replace(people.maya, organization_id=other_org.pk))


def test_an_auditor_sees_sealed_packages_only(engagement, people):
    under_review(engagement, people)
    assert not queries.released(engagement).exists()


def test_reading_takes_a_bounded_number_of_queries(engagement, people, django_assert_max_num_queries):
    package = services.build(engagement.pk, actor=people.maya)
    sequencer.run_once(engagement.organization_id)
    package = Package.objects.select_related("organization", "engagement", "prepared_by").get(pk=package.pk)
    with django_assert_max_num_queries(60):
        collect.snapshot(package, issues=())


def test_the_command_writes_a_package_that_verifies_and_a_flipped_byte_does_not(engagement, people, tmp_path):
    package = built(engagement, people)
    sequencer.run_once(engagement.organization_id)
    target = tmp_path / "package.pdf"
    delivery.write(package, target)
    report = verification.verify(target)
    assert [check.words for check in report.checks if check.verdict] == []
    data = target.read_bytes()
    for place in (40, len(data) // 3, len(data) // 2, len(data) - 40):
        changed = bytearray(data)
        changed[place] ^= 1
        target.write_bytes(changed)
        assert verification.verify(target).verdict == verification.ALTERED
    target.write_bytes(data)
    verification.proof_path(target).unlink()
    assert verification.verify(target).verdict == verification.UNREADABLE
    assert verification.verify(target, partial=True).verdict == verification.HOLDS


def test_a_file_that_is_no_package_cannot_be_read(tmp_path):
    for name, data in (("empty.pdf", b""), ("text.pdf", b"hello"), ("half.pdf", b"%PDF-1.7 and no more")):
        (tmp_path / name).write_bytes(data)
        assert verification.verify(tmp_path / name).verdict != verification.HOLDS
    assert verification.verify(tmp_path / "none.pdf").verdict == verification.UNREADABLE
