"""A sealed package with a real history behind it: evidence, comments, decisions, and a package before it.

It is built once a process; the tests that look at it or alter it need its bytes only.
"""

import io
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pikepdf
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from evidence.artifacts import services as artifacts
from evidence.intake import services as intake
from evidence.ledger import keys, notes, sequencer
from portal.engagements import services as engagements
from portal.packages import delivery, services
from portal.packages.models import Package
from remediation.findings.models import Finding
from remediation.findings.services import conversation, reporting, triage

FACTS = engagements.Facts("Examination", date(2026, 1, 1), date(2026, 12, 31), auditor_firm="Haas & Partner")


@dataclass
class Kept:
    """Two sealed packages in a folder of their own, each with its proof, and the key that signed them."""

    folder: Path
    signer: notes.SigningKey
    package: UUID | None = None

    @property
    def key(self) -> str:
        return str(self.signer.verifier)

    @property
    def first(self) -> Path:
        return self.folder / "PKG-0001-issue-1.pdf"

    @property
    def second(self) -> Path:
        return self.folder / "PKG-0001-issue-2.pdf"


@contextmanager
def inside():
    """One transaction of the test that has entered the organization already."""
    yield


def still(done, total, note):
    """Watches and lets it go on."""


def make(people, org, folder: Path, within=inside) -> Kept:
    """`within` opens a transaction in the organization, where the test has none."""
    with within():
        engagement = engagements.create(FACTS, actor=people.maya)
        _findings(people, org, engagement)
        first = services.start(engagement.pk, actor=people.maya)
    first = _sealed(first, people, people.arun, within)
    with within():
        again = services.supersede(first.pk, actor=people.maya, change="One more finding.")
        Package.objects.filter(pk=again.pk).update(job=None)
        reporting.report(
            actor=people.maya,
            title="Late find",
            source="internal",
            detected_at=datetime(2026, 3, 3, tzinfo=UTC),
            asset="x",
        )
        engagements.scope_everything(engagement.pk, actor=people.maya)
    second = _sealed(again, people, people.alba, within)
    with within():
        for package in (first, second):
            delivery.write(package, folder / package.filename)
        return Kept(folder, _signer(org))


def _signer(org) -> notes.SigningKey:
    return notes.SigningKey(keys.origin(org.pk), load_pem_private_key(keys.ensure_key().read_bytes(), None))


def _findings(people, org, engagement) -> None:
    for number, title in enumerate(("Log gap", "学生 title"), 1):
        reporting.report(
            actor=people.maya, title=title, source="audit_report", detected_at=datetime(2026, 2, 3, tzinfo=UTC),
            asset="CRM", description=f"Seen in sample {number}.", severity="high",
        )  # fmt: skip
    engagements.scope_everything(engagement.pk, actor=people.maya)
    finding = Finding.objects.get(ref="F-001")
    for number in (1, 2):
        received = intake.take(
            io.BytesIO(b"week,result\nW%d,OK\n" % number), filename=f"leavers {number}.csv", organization_id=org.pk,
            limit_bytes=10**6,
        )  # fmt: skip
        artifact = artifacts.add(received, title=f"Leavers {number}", kind="report", actor=people.ines)
        artifacts.link(artifact.pk, actor=people.ines, target_type="findings.finding", target_id=finding.pk, target_ref="F-001")  # fmt: skip
        artifacts.record_download(artifact.latest_id, actor=people.vera)
        artifacts.accept(artifact.pk, number=1, actor=people.vera)
    conversation.comment(finding.pk, actor=people.ines, body="Between us: it was the token.", internal=True)
    triage(
        finding.pk, actor=people.maya, severity="high", rationale="Reads can't be told.", duplicates_searched=True,
        owner_id=people.ines.person_id, criteria=["CC6.1"],
    )  # fmt: skip


def _sealed(package: Package, people, approver, within) -> Package:
    sequencer.run_once(package.organization_id)
    services.perform_build(package.pk, actor=people.maya, inside=within, watch=still)
    with within():
        services.submit_for_review(package.pk, actor=people.maya)
        services.seal(package.pk, actor=approver, reason="Read and agreed.")
        Package.objects.filter(pk=package.pk).update(job=None)
    sequencer.run_once(package.organization_id)
    services.perform_seal(package.pk, actor=approver, inside=within, watch=still)
    sequencer.run_once(package.organization_id)
    with within():
        return Package.objects.get(pk=package.pk)


_made: list[Kept] = []


@pytest.fixture
def kept(request, tmp_path_factory) -> Kept:
    if not _made:
        people, org = request.getfixturevalue("people"), request.getfixturevalue("org")
        _made.append(make(people, org, tmp_path_factory.mktemp("kept")))
    return _made[0]


def unpacked(pdf: Path, folder: Path) -> Path:
    """The attachments of a package as another library reads them, its proof and its volume, in a folder."""
    folder.mkdir()
    with pikepdf.open(pdf) as opened:
        for name in opened.attachments:
            (folder / name).write_bytes(opened.attachments[name].get_file().read_bytes())
    for beside in (f"{pdf.name}.tlog-proof", f"{pdf.stem}-exhibits.pdf"):
        (folder / beside).write_bytes(pdf.with_name(beside).read_bytes())
    return folder
