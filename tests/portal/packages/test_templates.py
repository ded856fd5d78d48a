"""Each template tells what it is for and no more: in its pages, in its forms, in every attached file."""

import dataclasses
import io
import json
import re
import subprocess
from datetime import UTC, date, datetime

import pikepdf
import pypdfium2
import pytest
from django.db import DatabaseError, connection, transaction

from evidence.errors import Invalid
from evidence.ledger import sequencer
from evidence.vault import services as vault
from portal.engagements import services as engagements
from portal.packages import book, delivery, masking, narrowing, outlines, planning, sections, services, verification
from portal.packages.edition import Edition
from portal.packages.models import Package
from portal.packages.planning import Wishes
from portal.packages.snapshot import Exhibit, load
from tests.portal.packages import accessible, sample, verapdf
from tests.portal.packages.conftest import set_package
from tests.portal.packages.test_building import built, engagement, inside, still  # noqa: F401

KEYS = [outline.key for outline in outlines.OUTLINES]
LETTER = Wishes(to="Cedar Grove\n12 Alder Road", salutation="Dear Ms. Ortega", signed_by="Edda Brandt")


def edition(key: str, **changes) -> Edition:
    return Edition(sample.templated(key, **changes), "0" * 64, "1" * 64)


def text_of(whole: Edition) -> str:
    return "".join(unit.html for unit in book.units(whole, lambda *_: None))


@pytest.mark.parametrize("key", KEYS)
def test_every_section_of_a_template_is_one_we_have_and_its_fixed_ones_are_its_own(key):
    outline = outlines.BY_KEY[key]
    assert set(outline.sections) <= set(sections.by_subject())
    assert len(set(outline.sections)) == len(outline.sections)
    assert outline.fixed <= set(outline.sections)
    assert "integrity" in outline.fixed and "register.csv" in outline.forms


def test_every_section_is_used_by_a_template():
    assert {subject for outline in outlines.OUTLINES for subject in outline.sections} == set(sections.by_subject())


@pytest.mark.parametrize("key", KEYS)
def test_no_template_judges(key):
    assert not re.search(r"\bcomplian(t|ce)\b|\bcertif|\bopinion", text_of(edition(key)).lower())


@pytest.mark.parametrize("key", KEYS)
def test_every_template_can_be_set_when_nothing_is_in_scope(key):
    nothing = dict.fromkeys(("findings", "controls", "criteria", "exhibits", "acceptances", "deferrals"), ())
    assert text_of(edition(key, **nothing, checkpoint=None))


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_every_template_is_tagged_throughout_and_neither_qpdf_nor_verapdf_finds_a_fault(key, tmp_path):
    target = tmp_path / "package.pdf"
    set_package(sample.templated(key), target, paper="letter" if outlines.BY_KEY[key].is_letter else "A4")
    with pikepdf.open(target) as pdf:
        assert accessible.faults(pdf) == []
    assert verapdf.faults(target) == []
    said = subprocess.run(["qpdf", "--check", target], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


# --- what a template leaves out ---------------------------------------------------------------------------------------

PEOPLE = ("Tamsin", "Okafor", "Aldaz", "Caron", "Heidt", "Barros", "Petrov", "Mehta", "Lindgren", "Reyes", "Maya Stern")
INTERNALS = (
    *PEOPLE,
    "int-sync-02",
    "laptop schedule",
    "11 of 25 sampled days",
    "CHG-2210",
    "event-files",
    "EventLogFile",
)


@pytest.mark.parametrize("key", ["buyer", "status_letter", "bridge_letter"])
def test_what_may_go_outside_names_no_person_host_or_text_in_any_of_its_files(key, tmp_path):
    target = tmp_path / "package.pdf"
    gaps = (
        "Asked by Maya Stern on db-07.corp.internal (10.2.3.4), see https://wiki.corp.internal/x and ops@larkspur.example.",
    )
    scope = dataclasses.replace(sample.snapshot().scope, gaps=gaps)
    printed = set_package(sample.templated(key, scope=scope), target)
    hidden = (*INTERNALS, "db-07", "corp.internal", "10.2.3.4", "ops@larkspur")
    with pikepdf.open(target) as pdf:
        files = {name: pdf.attachments[name].get_file().read_bytes().decode() for name in pdf.attachments}
    with pypdfium2.PdfDocument(target) as pages:
        files["the pages"] = "\n".join(page.get_textpage().get_text_bounded() for page in pages)
    del files["verify.py"]
    assert set(files) == {"manifest.json", "snapshot.json", "register.csv", "checkpoint", "the pages"}
    found = [(name, word) for name, text in files.items() for word in hidden if word in text]
    assert found == []
    assert [file.path for file in printed.files if file.path.startswith("events")] == []


def test_a_buyer_reads_which_findings_there_are_and_the_hash_of_every_file(tmp_path):
    text = text_of(edition("buyer"))
    rows = sample.snapshot()
    assert all(finding.ref in text for finding in rows.findings)
    assert all(exhibit.sha256 in text for exhibit in rows.exhibits)


def test_a_mask_takes_people_and_addresses_and_leaves_references_and_dates():
    mask = masking.of(sample.snapshot())
    plain = "F-001 was closed on 11 Mar 2026 under CC7.2, SOC 2 Type II, rule S-07; SHA-256 as listed."
    assert mask.text(plain) == plain
    told = mask.text(
        "Ivan looked at app-01, fe80::1, C:\\data\\x.csv, /srv/data/x and a.b.example:8443 for Ruben Aldaz"
    )
    assert told == "[removed] looked at [removed], [removed], [removed] [removed] and [removed] for [removed]"


def test_one_finding_tells_of_no_other():
    rows = sample.templated("finding")
    assert [finding.ref for finding in rows.findings] == ["F-001"]
    assert {ref for exhibit in rows.exhibits for ref in exhibit.findings} == {"F-001"}
    assert [control.ref for control in rows.controls] == ["AC-04"]
    assert not rows.acceptances and not rows.deferrals
    assert "F-002" not in text_of(edition("finding"))


def test_exceptions_are_what_the_auditor_reported():
    rows = sample.templated("exceptions")
    assert rows.findings and all(f.source == "audit_report" or f.audit_rating for f in rows.findings)
    text = text_of(edition("exceptions"))
    assert "Management’s response" in text and "has not examined them" in text


def test_a_letter_reads_like_one_and_says_whose_word_it_is():
    for key in ("status_letter", "bridge_letter"):
        text = text_of(edition(key))
        for line in (*sample.LETTER.to, sample.LETTER.salutation, sample.LETTER.signed_by, "14 October 2026"):
            assert line in text
        assert "Statement of management" in text and "gives no assurance" in text
        assert text.index("Cedar Grove") < text.index("Dear Ms. Ortega") < text.index("Sincerely")
    assert "second region" in text and sample.LETTER.report.replace("&", "&amp;") in text
    assert all(f.ref in text for f in sample.snapshot().findings if f.is_open)


def test_a_letter_names_a_part_of_many_open_findings_and_says_of_how_many(monkeypatch):
    monkeypatch.setattr("portal.packages.letters.NAMED", 3)
    assert "3 of 6 open findings; all of them are in the attached register.csv." in text_of(edition("status_letter"))


def test_a_sampling_sheet_shows_the_drawing_and_leaves_room_for_the_auditor():
    text = text_of(edition("sampling"))
    population = sample.templated("sampling").sampling.populations[0]
    drawn = sorted((item for item in population.items if item.rank), key=lambda item: item.rank)
    places = [text.index(f"<td>{item.id}") for item in drawn[: population.size]]
    assert places == sorted(places)
    assert f"20 of {population.count} drawn" in text
    assert "Auditor’s mark" in text
    assert population.sha256[:32] in text


def test_what_was_carried_over_the_end_of_the_period_stands_by_itself():
    text = text_of(edition("board"))
    part = text[text.index("Open at the end of the period, 30 September 2026") :]
    assert part.index("F-009") < part.index("Risk acceptances")


# --- what may be chosen -----------------------------------------------------------------------------------------------

pytestmark_db = pytest.mark.django_db


@pytest.mark.django_db
def test_sections_may_be_left_out_and_moved_but_not_the_fixed_ones(engagement):  # noqa: F811
    told = planning.chosen("full", Wishes(sections=("findings", "summary")), engagement)
    assert told["template"]["sections"] == ["cover", "contents", "scope", "findings", "summary", "integrity"]
    for wrong in (("status_letter",), ("findings", "findings"), ("nothing",)):
        with pytest.raises(Invalid):
            planning.chosen("full", Wishes(sections=wrong), engagement)
    assert planning.chosen("full", Wishes(), engagement)["template"]["sections"] == []


@pytest.mark.django_db
def test_a_template_that_lacks_what_it_asks_for_is_refused_with_what_would_help(engagement):  # noqa: F811
    for template, wishes, field in (
        ("unknown", Wishes(), "template"),
        ("finding", Wishes(), "finding"),
        ("finding", Wishes(finding="F-999"), "finding"),
        ("status_letter", Wishes(), "to"),
        ("status_letter", dataclasses.replace(LETTER, signed_by=" "), "signed_by"),
        ("sampling", Wishes(seed="abc"), "seed_from"),
        ("sampling", Wishes(seed_from="Pell"), "seed"),
        ("sampling", Wishes(risk="none"), "risk"),
        ("full", Wishes(statement="x" * 6001), "statement"),
    ):
        with pytest.raises(Invalid) as refusal:
            planning.chosen(template, wishes, engagement)
        assert field in refusal.value.fields, template


@pytest.mark.django_db
def test_a_bridge_letter_stands_on_a_period_that_ended_at_most_three_months_ago(people, org, monkeypatch):
    facts = engagements.Facts("Examination", date(2025, 10, 1), date(2026, 9, 30))
    made = engagements.create(facts, actor=people.maya)
    bridge = dataclasses.replace(LETTER, changes="None known.", report="SOC 2 Type II of Haas & Partner")
    for today, fits in ((30, False), (31, True), (92 + 30, True), (92 + 31, False)):
        moment = datetime(2026, 9, 1, 12, tzinfo=UTC).timestamp() + (today - 1) * 86400
        monkeypatch.setattr("evidence.clock.now", lambda moment=moment: datetime.fromtimestamp(moment, UTC))
        if fits:
            assert planning.chosen("bridge_letter", bridge, made)["template"]["letter"]["changes"] == "None known."
        else:
            with pytest.raises(Invalid) as refusal:
                planning.chosen("bridge_letter", bridge, made)
            assert "template" in refusal.value.fields
    with pytest.raises(Invalid) as refusal:
        planning.chosen("bridge_letter", dataclasses.replace(bridge, changes=""), made)
    assert "changes" in refusal.value.fields


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["template = 'buyer'", "chosen = '{}'", "paper = 'letter'"])
def test_the_database_keeps_what_a_package_was_planned_as(engagement, people, change):  # noqa: F811
    package = services.start(engagement.pk, actor=people.maya, template="board", wishes=Wishes(statement="We act."))
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        connection.cursor().execute(f"UPDATE packages_package SET {change} WHERE id = %s", [package.pk])
    assert refusal.value.__cause__.sqlstate == "CH001"


@pytest.mark.django_db
def test_the_database_knows_no_other_template(engagement, people):  # noqa: F811
    package = services.start(engagement.pk, actor=people.maya)
    with pytest.raises(DatabaseError, match="package_template_known"), transaction.atomic():
        Package.objects.create(
            organization_id=package.organization_id, ref="PKG-9", number=9, engagement=engagement, title="x",
            template="other", prepared_by_id=people.maya.person_id,
        )  # fmt: skip


# --- built from the database ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("key", [key for key in KEYS if key != "bridge_letter"])
def test_every_template_verifies_and_holds_the_events_of_what_it_tells_only(key, engagement, people, tmp_path):  # noqa: F811
    wishes = dataclasses.replace(LETTER, finding="F-001")
    package = built(engagement, people, template=key, wishes=wishes)
    sequencer.run_once(engagement.organization_id)
    target = tmp_path / "package.pdf"
    delivery.write(package, target)
    report = verification.verify(target)
    assert [check.words for check in report.checks if check.verdict] == []
    rows = load(b"".join(vault.open(package.snapshot)))
    with pikepdf.open(io.BytesIO(target.read_bytes())) as pdf:
        listed = set(pdf.attachments)
    assert ("events.ndjson" in listed) == any(finding.history for finding in rows.findings)
    told = [finding.ref for finding in rows.findings]
    assert told == (["F-001"] if key == "finding" else ["F-001", "F-002"])
    assert package.title.startswith(str(outlines.BY_KEY[key].title) if key != "full" else "Package for")


@pytest.mark.slow
@pytest.mark.django_db
def test_a_buyer_is_not_told_who_approved_and_the_next_issue_keeps_its_template(engagement, people, tmp_path):  # noqa: F811
    package = built(engagement, people, template="buyer", wishes=Wishes(sections=("buyer_register",)))
    services.submit_for_review(package.pk, actor=people.maya)
    services.seal(package.pk, actor=people.arun, reason="Read and agreed.")
    sequencer.run_once(engagement.organization_id)
    Package.objects.filter(pk=package.pk).update(job=None)
    services.perform_seal(package.pk, actor=people.arun, inside=inside, watch=still)
    package.refresh_from_db()
    sequencer.run_once(engagement.organization_id)
    delivery.write(package, tmp_path / "package.pdf")
    assert not [check for check in verification.verify(tmp_path / "package.pdf").checks if check.verdict]
    rows = load(b"".join(vault.open(package.snapshot)))
    assert rows.identity.approved_by == narrowing.SECOND_PERSON
    with pypdfium2.PdfDocument(tmp_path / "package.pdf") as pages:
        text = "\n".join(page.get_textpage().get_text_bounded() for page in pages)
    assert not [name for name in ("Maya", "Okafor", "Arun", "Mehta") if name in text]
    again = services.supersede(package.pk, actor=people.maya, change="Newer rows.")
    assert (again.template, again.chosen) == (package.template, package.chosen)


def test_only_attached_exhibits_are_asked_for():
    rows = sample.templated("board")
    assert rows.exhibits == () and len(rows.fingerprints) == len(sample.FILES)
    assert isinstance(sample.snapshot().exhibits[0], Exhibit)
    assert json.loads(json.dumps([f.sha256 for f in rows.fingerprints])) == [
        e.sha256 for e in sample.snapshot().exhibits
    ]
