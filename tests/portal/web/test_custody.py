"""The chain of custody as page and PDF: for staff whole, for auditors within their engagement, each report an event."""

import hashlib
import io
from datetime import UTC, date, datetime, timedelta

import pypdfium2
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evidence import clock
from evidence.artifacts import custody
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.models import Artifact
from evidence.controls import services as controls
from evidence.intake import services as intake
from evidence.ledger import queries as ledger
from evidence.ledger import sequencer
from evidence.ledger.models import Event
from portal.engagements import services as engagements
from portal.packages import documents
from tests.people import actor, join
from tests.portal.packages import verapdf
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.story import Story


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.CLEARHOLD_SIGNER_DIR = tmp_path / "signer"
    settings.CLEARHOLD_WORK_DIR = tmp_path / "work"
    return tmp_path


@pytest.fixture
def uploaded(org, people):
    controls.adopt_starter_set(actor=people.maya)
    received = intake.take(
        io.BytesIO(b"week,result\nW12,OK\n"), filename="leavers.csv", organization_id=org.pk, limit_bytes=10**8
    )
    about = VersionFacts(
        source_system="Salesforce <production>",
        query="SELECT Id FROM User WHERE IsActive = true",
        collected_at=datetime(2026, 11, 23, 10, 58, tzinfo=UTC),
        row_count=61,
        method="export",
    )
    found = artifacts.add(received, title="Leavers", kind="report", actor=people.ines, about=about)
    artifacts.link_control(found.pk, "AC-01", actor=people.ines)
    artifacts.record_view(found.latest.pk, actor=people.vera)
    artifacts.accept(found.pk, number=1, actor=people.vera, reason="Totals tie.")
    artifacts.record_download(found.latest.pk, actor=people.arun, reason="closure memo")
    return found


@pytest.fixture
def root(org, uploaded):
    return f"/o/{org.slug}/evidence/{uploaded.ref}"


def text_of(pdf: bytes) -> str:
    """Its words, in one line."""
    with pypdfium2.PdfDocument(pdf) as document:
        return " ".join(" ".join(page.get_textpage().get_text_bounded() for page in document).split())


def test_the_page_tells_who_did_what_with_numbers_and_hashes(org, root, people):
    sequencer.run_once(org.pk)
    page = signed_in(people.maya).get(f"{root}/custody").content.decode()
    for words in (
        "uploaded version 1", "linked it to control AC-01", "viewed version 1", "accepted version 1",
        "downloaded the original of version 1", "Totals tie.", "closure memo", "SELECT Id FROM User",
        "Salesforce &lt;production&gt;", "23 Nov 2026, 10:58 UTC", "61",
    ):  # fmt: skip
        assert words in page, words
    first = Event.objects.get(kind="artifact.received")
    assert f"#{first.entry.index}" in page and bytes(first.leaf).hex()[:4] in page


@pytest.mark.parametrize(
    ("group", "shown"),
    [
        ("collected", "uploaded version 1"),
        ("viewed", "viewed version 1"),
        ("downloaded", "downloaded the original"),
        ("used", "linked it to control"),
        ("handled", "accepted version 1"),
    ],
)
def test_the_chain_is_narrowed_to_one_kind(root, people, group, shown):
    page = signed_in(people.maya).get(f"{root}/custody?show={group}").content.decode()
    assert page.count('class="dot') == 1 and shown in page


def test_a_kind_that_is_none_is_not_found(root, people):
    assert signed_in(people.maya).get(f"{root}/custody?show=rubbish").status_code == 404
    assert signed_in(people.maya).get(f"{root}/custody?after=rubbish").status_code == 404


def test_every_kind_of_event_about_evidence_is_in_one_group():
    from evidence.ledger import events

    kinds = [kind for group in custody.GROUPS.values() for kind in group.kinds]
    assert len(kinds) == len(set(kinds))
    assert {kind for kind in events.kinds() if kind.startswith("artifact.")} >= {"artifact.packaged", "artifact.viewed"}


def test_a_long_chain_is_paged_at_constant_cost(root, uploaded, people):
    client = signed_in(people.maya)
    client.get(f"{root}/custody")

    def cost(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    short = cost(f"{root}/custody")
    for _ in range(120):
        artifacts.record_view(uploaded.latest.pk, actor=people.vera)
    assert cost(f"{root}/custody") == short
    first = client.get(f"{root}/custody").content.decode()
    assert first.count('class="dot') == 50 and "after=" in first
    seen, mark = 0, ""
    while True:
        page = custody.chain(uploaded.pk, after=mark)
        seen, mark = seen + len(page.facts), page.next
        if not mark:
            break
    assert seen == custody.summary(uploaded.pk).total == Event.objects.filter(object_id=uploaded.pk).count()
    assert client.get(root).content.decode().count('class="dot') == 8


def test_the_pdf_holds_the_chain_its_facts_and_the_checkpoint(org, root, uploaded, people):
    sequencer.run_once(org.pk)
    answer = signed_in(people.maya).get(f"{root}/custody.pdf")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="{uploaded.ref}-custody.pdf"'
    said = text_of(answer.content)
    for words in (
        uploaded.ref, uploaded.latest.sha256, "Ines Duarte", "Vera Lindholm", "Totals tie.", "SELECT Id FROM User",
        "Salesforce <production>", "Linked it to control AC-01", "clearhold/", "How to check this without trusting us",
    ):  # fmt: skip
        assert words in said, words
    for event in Event.objects.filter(object_id=uploaded.pk, entry__isnull=False).exclude(kind__contains="report"):
        assert f"#{event.entry.index}" in said and bytes(event.leaf).hex()[:16] in said


@pytest.mark.slow
def test_the_pdf_keeps_every_rule_of_the_standards_it_claims(root, people, tmp_path):
    target = tmp_path / "custody.pdf"
    target.write_bytes(signed_in(people.maya).get(f"{root}/custody.pdf").content)
    assert verapdf.faults(target) == []


def test_the_report_is_an_event_that_carries_its_hash(root, uploaded, people):
    answer = signed_in(people.maya).get(f"{root}/custody.pdf")
    (fact,) = custody.chain(uploaded.pk, group="downloaded", limit=1).facts
    assert fact.kind == "artifact.custody_reported"
    assert fact.data["report_sha256"] == hashlib.sha256(answer.content).hexdigest() == answer["X-SHA256"]


def test_a_report_that_could_not_be_printed_leaves_no_event(root, people, monkeypatch):
    monkeypatch.setattr(documents, "MEMORY_BYTES", 1 << 26)
    answer = signed_in(people.maya).get(f"{root}/custody.pdf")
    assert answer.status_code == 503 and b"could not be printed" in answer.content
    assert not Event.objects.filter(kind="artifact.custody_reported").exists()


def test_who_may_not_see_evidence_sees_no_chain(root, people):
    for someone in (people.adam, people.edda):
        for page in ("custody", "custody.pdf"):
            assert signed_in(someone).get(f"{root}/{page}").status_code == 404


def test_words_that_look_like_markup_stay_words(org, people):
    received = intake.take(io.BytesIO(b"x"), filename="<b>.csv", organization_id=org.pk, limit_bytes=100)
    about = VersionFacts(source_system="<img src=x onerror=alert(1)>", query="</pre><script>alert(1)</script>")
    found = artifacts.add(received, title="<h1>Title</h1> עברית 漢字", kind="log", actor=people.ines, about=about)
    client = signed_in(people.maya)
    page = client.get(f"/o/{org.slug}/evidence/{found.ref}/custody").content.decode()
    assert "<script>alert" not in page and "<img src=x" not in page
    said = text_of(client.get(f"/o/{org.slug}/evidence/{found.ref}/custody.pdf").content)
    assert "<script>alert(1)</script>" in said and "<h1>Title</h1>" in said


# --- auditors ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def audit(org, people):
    story = Story(people).until("closed")
    found = Artifact.objects.get()
    artifacts.accept(found.pk, number=1, actor=people.vera, reason="Source and totals are named.")
    made = []
    for title in ("Re-audit", "Other audit"):
        facts = engagements.Facts(title=title, period_start=date(2026, 9, 1), period_end=date(2027, 2, 28))
        engagement = engagements.create(facts, actor=people.maya)
        engagements.scope(engagement.pk, actor=people.maya, findings=[story.finding.pk])
        engagements.release(engagement.pk, actor=people.maya)
        made.append(engagement)
    until = clock.now() + timedelta(days=30)
    engagements.grant(made[0].pk, account_id=people.otto.account_id, valid_until=until, actor=people.maya)
    return story, found, *made


def test_an_auditor_sees_who_handled_what_was_released(org, people, audit):
    _, found, here, _ = audit
    client = signed_in(people.otto)
    page = client.get(f"/o/{org.slug}/audit/{here.ref}/evidence/{found.ref}/custody").content.decode()
    assert "Ines Duarte" in page and "Vera Lindholm" in page and "Source and totals are named." in page
    assert "/ledger/" not in page
    assert client.get(f"/o/{org.slug}/audit/{here.ref}/evidence/E-999/custody").status_code == 404


def test_an_auditor_does_not_learn_of_uses_outside_the_engagement(org, people, audit):
    _, found, here, _ = audit
    controls.adopt_starter_set(actor=people.maya)
    artifacts.link_control(found.pk, "AC-02", actor=people.ines)
    client = signed_in(people.otto)
    page = client.get(f"/o/{org.slug}/audit/{here.ref}/evidence/{found.ref}/custody").content.decode()
    assert "a record outside this engagement" in page and "AC-02" not in page
    said = text_of(client.get(f"/o/{org.slug}/audit/{here.ref}/evidence/{found.ref}/custody.pdf").content)
    assert "record outside this" in said and "AC-02" not in said
    assert "AC-02" in signed_in(people.maya).get(f"/o/{org.slug}/evidence/{found.ref}/custody").content.decode()


def test_another_engagements_auditor_is_named_by_role_alone(org, people, audit):
    _, found, here, other = audit
    olga = actor(org, join(org, "Olga Rival", "auditor", "Rival & Co"))
    until = clock.now() + timedelta(days=30)
    engagements.grant(other.pk, account_id=olga.account_id, valid_until=until, actor=people.maya)
    artifacts.record_view(found.latest.pk, actor=olga, engagement=other)
    page = signed_in(people.otto).get(f"/o/{org.slug}/audit/{here.ref}/evidence/{found.ref}/custody").content.decode()
    assert "An auditor of another engagement" in page and "Olga" not in page
    assert "Olga Rival" in signed_in(people.maya).get(f"/o/{org.slug}/evidence/{found.ref}/custody").content.decode()


def test_an_auditors_report_is_an_event_of_theirs(org, people, audit):
    _, found, here, _ = audit
    answer = signed_in(people.otto).get(f"/o/{org.slug}/audit/{here.ref}/evidence/{found.ref}/custody.pdf")
    assert answer.status_code == 200
    (fact,) = custody.chain(found.pk, group="downloaded", limit=1).facts
    assert fact.person_id == people.otto.person_id and fact.data["engagement"] == str(here.pk)
    assert fact.data["report_sha256"] == hashlib.sha256(answer.content).hexdigest()


def test_after_the_grant_has_ended_there_is_no_chain(org, people, audit):
    _, found, _, other = audit
    client = signed_in(people.otto)
    for page in ("custody", "custody.pdf"):
        assert client.get(f"/o/{org.slug}/audit/{other.ref}/evidence/{found.ref}/{page}").status_code == 404


# --- packages ---------------------------------------------------------------------------------------------------------


def test_a_sealed_package_is_a_use_that_the_chain_names(org, people, uploaded, root):
    told = {"type": "packages.package", "id": "0193c1d2-0000-7000-8000-000000000000", "ref": "PKG-0007", "issue": 2}
    assert artifacts.record_packaged({uploaded.ref: 1}, package=told, actor=people.maya) == 1
    page = signed_in(people.maya).get(f"{root}/custody?show=used").content.decode()
    assert "sealed version 1 into package PKG-0007, issue 2" in page
    assert "PKG-0007" in signed_in(people.maya).get(root).content.decode()


def test_raw_sql_of_the_app_cannot_take_an_event_out_of_the_chain(uploaded):
    from django.db import DatabaseError, transaction

    for statement in ("DELETE FROM ledger_event", "UPDATE ledger_event SET actor_person_id = NULL"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{statement} WHERE object_id = %s", [uploaded.pk])
    assert len(ledger.history(custody.ARTIFACT, uploaded.pk)) == 5
