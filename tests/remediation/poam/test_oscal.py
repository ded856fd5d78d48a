import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediation.poam import oscal
from remediation.poam.items import Acceptance, DateChange, Entry, Evidence, Milestone, Run, Statement
from remediation.poam.risks import STATUS
from tests.remediation.poam.plans import item, plan
from tests.remediation.poam.structure import faults

SHA = "ab" * 32
FULL = item(
    tool="Scanner", rule="CVE-2024-3094", owner="Tamsin Okafor", assignee="Ines Barros", controls=("AC-04", "7 odd/name"),
    criteria=("CC6.1",), plan="Do it.", success_test="Try it.", state="risk_accepted", original_severity="medium",
    severity_rationale="Because.", cvss_vector="CVSS:3.1/AV:N", kev=True,
    milestones=(Milestone("T-001", "Move it", "done", date(2026, 2, 20), date(2026, 2, 19), "Ines Barros", "CHG-1"),),
    changes=(DateChange(date(2026, 3, 1), date(2026, 4, 1), "Late", "Arun", 12),),
    acceptance=Acceptance("Accepted", "Why", "What is left", "Log review", date(2027, 1, 1), "A", "B", date(2026, 5, 1)),
    evidence=(Evidence("E-001", "Log", "log ü.csv", 12, SHA, "text/csv", path="E-001-log ü.csv"),),
    history=(Entry(7, datetime(2026, 2, 9, 9, tzinfo=UTC), "finding.closed", "Arun closed it", "Arun", "Done", SHA),),
)  # fmt: skip
RUN = Run("AC-04", "Reads are logged", "Tamsin", "daily", ("CC7.2",), 3, 4, "gaps", ("F-001",), ("E-001",))


def whole(*items, **facts):
    return plan(
        *(items or (FULL,)), controls=(RUN,), evidence=FULL.evidence, criteria=(("CC6.1", "Access"),),
        statements=(Statement("Known gaps", "None known.", "Larkspur"),), **facts,
    )  # fmt: skip


def both(one) -> list[dict]:
    return [json.loads("".join(oscal.poam(one))), json.loads("".join(oscal.results(one)))]


@pytest.fixture(scope="module")
def schemas(field_data):
    folder = field_data / "oscal_schemas"
    return [
        jsonschema_rs.validator_for(json.loads((folder / name).read_text()), validate_formats=True)
        for name in ("oscal_poam_schema.json", "oscal_assessment-results_schema.json")
    ]


def test_both_documents_fit_the_schemas(schemas):
    for one in (whole(), plan()):
        for schema, document in zip(schemas, both(one), strict=True):
            assert [f"{fault.instance_path} {fault.message}" for fault in schema.iter_errors(document)] == []


def test_every_pointer_resolves_and_every_word_has_its_shape():
    for one in (whole(), plan()):
        for document in both(one):
            assert faults(document) == []


text = st.text(st.characters(blacklist_categories=["Cs"]), max_size=60)


@settings(max_examples=60)
@given(text, text, text, text, text)
def test_no_text_makes_a_document_invalid(title, words, name, ref, control):
    evil = item(
        ref=ref, title=title, description=words, tool=name, owner=name, assignee=words, finder=title, asset=words, rule=title,
        controls=(control,), criteria=(control,), plan=words, success_test=title, severity_rationale=words, cause=words,
        milestones=(Milestone(ref, title, "done", None, None, name, words),), rejection="duplicate", duplicate_of=ref,
        changes=(DateChange(date(2026, 3, 1), date(2026, 4, 1), words, name),),
        evidence=(Evidence(ref, title, words, 1, SHA, name, path=title),),
        history=(Entry(None, datetime(2026, 2, 9, tzinfo=UTC), "finding.closed", words, name, words),),
    )  # fmt: skip
    for document in both(plan(evil, evidence=evil.evidence, assessor=name, title=title, engagement=words)):
        assert faults(document) == []


def test_each_state_has_the_status_that_oscal_knows(schemas):
    for state, status in STATUS.items():
        poam, results = both(plan(item(state=state)))
        assert poam["plan-of-action-and-milestones"]["risks"][0]["status"] == status
        target = results["assessment-results"]["results"][0]["findings"][0]["target"]
        assert target["status"]["state"] == ("satisfied" if status == "closed" else "not-satisfied")


def test_evidence_stands_with_its_hash_and_its_artifact():
    poam = both(whole())[0]["plan-of-action-and-milestones"]
    [relevant] = poam["observations"][0]["relevant-evidence"]
    [resource] = poam["back-matter"]["resources"]
    assert relevant["href"] == f"#{resource['uuid']}"
    assert resource["rlinks"][0]["hashes"] == [{"algorithm": "SHA-256", "value": SHA}]
    assert resource["rlinks"][0]["href"] == "E-001-log%20%C3%BC.csv"
    assert {"artifact-id", "sha-256"} <= {fact["name"] for fact in relevant["props"]}


def test_the_deadline_is_the_end_of_the_day_where_the_organization_is():
    risk = both(plan())[0]["plan-of-action-and-milestones"]["risks"][0]
    assert risk["deadline"] == "2026-03-11T23:59:59-05:00"


def test_the_same_plan_gives_the_same_bytes_in_another_process():
    code = (
        "import hashlib;from tests.remediation.poam.test_oscal import whole;from remediation.poam import oscal;"
        "print(hashlib.sha256(''.join((*oscal.poam(whole()), *oscal.results(whole()))).encode()).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Kathmandu"))
    }  # fmt: skip
    assert len(told) == 1


def test_an_item_keeps_its_identifier_from_issue_to_issue():
    first, second = (both(plan(issue=issue))[0]["plan-of-action-and-milestones"] for issue in (1, 2))
    assert first["poam-items"][0]["uuid"] == second["poam-items"][0]["uuid"]
    assert first["uuid"] != second["uuid"]
