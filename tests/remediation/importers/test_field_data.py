"""Real files: the counts that their curators found, and a refusal for everything that is no list of findings."""

import json
import re

import pytest

from evidence.errors import Invalid, Refused
from remediation.importers.reader.refusals import Refusal
from tests.remediation.importers.reading import read, read_here

KINDS = {"sarif", "prowler", "asff", "trivy", "grype", "generic_findings"}
# OSCAL plans of action are lists of findings; the rest of OSCAL describes a programme.
PLANS = {"ifa_plan-of-action-and-milestones.json"}
# What the file's own marks take away: its suppressed results, its row without any field.
LESS = {
    "sarif/suppression_test.sarif": 3,
    "generic_findings/generic_empty.json": 1,
}


def _counted(file: str, text: str) -> int:
    """The number of results that count, from the curators' words."""

    def number(pattern: str) -> int:
        found = re.search(pattern, text)
        return int(found[1]) if found else 0

    kind = file.split("/")[0]
    if kind == "sarif":
        raw = number(r"results=(\d+)") - number(r"\bpass=(\d+)\]")
    elif kind == "prowler":
        raw = number(r"FAIL=(\d+)")
    elif kind == "asff":
        raw = number(r"findings=(\d+)") - number(r"PASSED=(\d+)") - number(r"ARCHIVED=(\d+)")
    elif kind == "trivy":
        raw = (
            number(r"\bvuln=(\d+)") + number(r"misconf_FAIL=(\d+)") + number(r"license=(\d+)") + number(r"secret=(\d+)")
        )
    elif kind == "grype":
        raw = number(r"matches=(\d+)")
    else:
        raw = number(r"(?:rows|findings)=(\d+)")
    return raw - LESS.get(file, 0)


@pytest.fixture(scope="module")
def expected(field_data):
    return {each["file"]: each["expect"] for each in json.loads((field_data / "expected.json").read_text())}


def test_counts_equal_those_of_the_curators(field_data, expected):
    wrong = []
    files = [file for file in expected if file.split("/")[0] in KINDS]
    for file in files:
        found = read_here(field_data / file)
        if found.rows != _counted(file, expected[file]) or (found.errors and "empty" not in file):
            wrong.append((file, found.rows, expected[file], found.errors[:1]))
    assert len(files) > 50 and not wrong


def test_an_empty_finding_is_an_error_with_its_row(field_data):
    found = read(field_data / "generic_findings" / "generic_empty.json")
    assert found.rows == 0 and found.errors == ["Finding 1 has no title. Give it one, or remove it from the list."]


def test_sarif_levels_of_real_files(field_data):
    found = read(field_data / "sarif" / "DefectDojo_django-DefectDojo__2020-12-11_13 42 10__export.sarif")
    assert found.severities == {"high": 31, "medium": 122, "low": 357}


def test_a_repeated_identifier_makes_no_twin(field_data):
    text = (field_data / "asff" / "config_repeated_findings.json").read_text().replace("PASSED", "FAILED")
    found = read(text.encode())
    assert (found.rows, found.merged) == (2, 1)


def test_every_other_file_is_refused(field_data, expected):
    """Archives, logs, e-mails, pictures, PDFs, Office files, OSCAL, other scanners: a sentence for each."""
    for path in sorted(each for each in field_data.rglob("*") if each.is_file()):
        kind = path.relative_to(field_data).parts[0]
        if kind in KINDS or path.parent == field_data or path.name in PLANS:
            continue
        with pytest.raises(Refusal) as refusal:
            read_here(path)
        assert len(refusal.value.message) > 40, path


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("archives/zipbomb.xlsx", "zip bomb"),
        ("archives/quine.gz", "gzip"),
        ("archives/droste.zip", "not a workbook"),
        ("office/protect.xlsx", "password"),
        ("office/SimpleMacro.xlsm", "macros"),
        ("office/TwoSheetsOneHidden.xlsx", "No importer knows"),
        ("tls_secrets_deps/demo.csv", "testssl"),
        ("tls_secrets_deps/no_findings.json", "No importer knows"),
        ("oscal/ifa_assessment-plan-example.json", "OSCAL"),
        ("cloudtrail/aws.impact.bedrock-invoke-model.json", "CloudTrail"),
        ("email_evidence/testThunderbirdEml.eml", "e-mail"),
    ],
)
def test_a_wrong_file_is_called_by_its_name(field_data, file, words):
    with pytest.raises(Refused, match=words):
        read(field_data / file)


def test_the_wrong_format_is_refused_too(field_data):
    with pytest.raises(Invalid):
        read(field_data / "prowler" / "example_output_aws.csv", format="sarif")
    with pytest.raises(Invalid, match="is no format"):
        read(field_data / "prowler" / "example_output_aws.csv", format="nessus")
