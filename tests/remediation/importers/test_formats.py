"""Each format on small samples of our own: what counts, what is ignored and why, how bad it is."""

import pytest

from remediation.importers.reader.formats import all_formats
from tests.remediation.importers.reading import SAMPLES, read

OWN = {
    "sarif_extensions.sarif": "sarif",
    "asff_lines.json": "asff",
    "ocsf_mixed.json": "ocsf",
    "prowler_ocsf.json": "prowler_ocsf",
    "prowler.csv": "prowler_csv",
    "trivy.json": "trivy",
    "grype.json": "grype",
    "defectdojo.json": "defectdojo_generic",
    "audit_report.csv": "audit_report",
    "generic.csv": "generic_csv",
    "generic.json": "generic_json",
    "poam.json": "oscal_poam",
    "poam.xlsx": "poam_xlsx",
}


def test_formats_are_found_by_file_name():
    assert set(all_formats()) == {
        "asff", "audit_report", "defectdojo_generic", "generic_csv", "generic_json", "generic_xlsx", "grype", "ocsf",
        "oscal_poam", "poam_xlsx", "prowler_csv", "prowler_ocsf", "sarif", "trivy",
    }  # fmt: skip


@pytest.mark.parametrize(("sample", "name"), OWN.items())
def test_every_format_keeps_the_contract(sample, name):
    """Detected whatever the file is called; the same fingerprints on a second reading; nothing unfit to store."""
    first, second = read(sample), read((SAMPLES / sample).read_bytes(), name="upload.bin")
    assert first.format == second.format == name
    assert [each.fingerprint for each in first.readings] == [each.fingerprint for each in second.readings]
    assert not first.errors
    for each in first.readings:
        assert each.title and each.severity in ("critical", "high", "medium", "low")
        assert len(each.fingerprint) == 64 and len(each.title) <= 300 and len(each.tool) <= 80
        assert "\x00" not in repr(each)
    assert first.scanned


def test_sarif_rules_levels_suppressions_and_runs():
    found = read("sarif_extensions.sarif")
    assert found.rows == 7
    assert found.ignored == {
        "kind review": 1,
        "kind notapplicable": 1,
        "suppressed": 1,
        "absent from this run (baseline)": 1,
    }
    first, second, third, *_ = found.readings
    assert first.rule_id == "PK-7" and first.severity == "low"
    assert first.description.startswith("The parameter userId reaches grades unchecked.")
    assert first.location == "src/a b.py:12"
    assert second.severity == "high" and second.location == "src/b.py:4"
    assert third.severity == "low" and "none" in third.severity_note.lower()
    assert [each.severity for each in found.readings if each.rule_id == "LS-2"] == ["critical", "critical"]
    assert [each.severity for each in found.readings if each.rule_id == "LS-3"] == ["medium"]
    assert found.readings[-1].tool == "Second"
    assert {each.scope for each in found.readings[:6]} == {"nightly/lms"}


def test_a_moved_line_is_the_same_finding_and_two_lines_are_two():
    def report(*lines: int) -> bytes:
        results = ",".join(
            '{"ruleId":"R","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.py"},'
            f'"region":{{"startLine":{line}}}}}}}]}}'
            for line in lines
        )
        return f'{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}},"results":[{results}]}}]}}'.encode()

    before, after = read(report(10, 20)), read(report(13, 23))
    assert before.merged == 0
    assert {each.fingerprint for each in before.readings} == {each.fingerprint for each in after.readings}
    assert read(report(10, 10)).merged == 1


def test_asff_json_lines():
    found = read("asff_lines.json")
    assert [(each.title, each.severity) for each in found.readings] == [
        ("Bucket is public", "high"),
        ("Root has keys", "critical"),
    ]
    assert found.ignored == {"archived": 1, "workflow suppressed": 1}


@pytest.mark.parametrize(
    "wrap", ['{{"Findings": [{0}]}}', "[{0}]", "{0}", '{{"detail": {{"findings": [{0}]}}}}', '[{{"Findings": [{0}]}}]']
)
def test_asff_in_every_wrapping(wrap):
    line = (SAMPLES / "asff_lines.json").read_text().splitlines()[0]
    assert read(wrap.format(line).encode()).rows == 1


def test_ocsf_classes():
    found = read("ocsf_mixed.json")
    assert [(each.rule_id, each.severity) for each in found.readings] == [("S3.1", "high"), ("CVE-2026-0001", "medium")]
    assert found.readings[0].criteria == ("CC6.1",)
    assert "medium until triage" in found.readings[1].severity_note
    assert found.ignored == {"pass": 1, "resolved": 1, "class Authentication": 1}


@pytest.mark.parametrize("sample", ["prowler.csv", "prowler_ocsf.json"])
def test_prowler_manual_pass_and_muted_are_no_findings(sample):
    found = read(sample)
    assert found.rows == 1
    assert found.ignored == {"muted": 1, "manual check: a person decides": 1, "pass": 1}
    assert found.readings[0].criteria == ("CC6.1", "CC6.7")


def test_trivy_kinds():
    found = read("trivy.json")
    assert [each.rule_id for each in found.readings] == [
        "CVE-2026-1",
        "CVE-2026-2",
        "DS002",
        "aws-access-key-id",
        "aws-access-key-id",
        "license:Zlib",
    ]
    assert found.ignored == {"pass": 1, "exception": 1}
    assert found.merged == 0
    assert found.readings[1].severity == "medium"
    assert found.readings[2].location == "Dockerfile:3"
    assert found.readings[0].scope == "registry/lms:2.4"


def test_grype_matches_ignored_and_exploited():
    found = read("grype.json")
    assert (found.rows, found.merged) == (3, 1)
    assert found.readings[0].severity == "critical" and found.readings[0].kev
    assert found.readings[1].severity == "low"
    assert found.ignored == {"ignored by a rule of Grype": 1}
    assert found.readings[0].detected_at == "2026-10-05T08:00:00+02:00"


def test_defectdojo_json():
    found = read("defectdojo.json")
    assert [each.title for each in found.readings] == ["Cookie without flag", "Odd word"]
    assert found.readings[0].tool == "HouseScan"
    assert found.readings[1].severity == "medium"
    assert found.ignored == {"marked as false positive": 1, "marked as duplicate": 1}


def test_audit_report_exceptions():
    found = read("audit_report.csv")
    first, second, third = found.readings
    assert first.title.startswith("Two leavers kept access")
    assert first.criteria == ("CC6.2", "CC6.3") and first.controls == ("AC-07",)
    assert (first.severity, first.audit_rating, first.detected_at) == ("medium", "deviation", "2026-03-31")
    assert second.controls == ("CM-02", "CM-03") and second.severity == "high"
    assert third.row == 6 and third.source == "audit_report"
    assert first.cause == "No feed"


def test_generic_csv_severities_status_and_twins():
    found = read("generic.csv")
    assert [each.severity for each in found.readings] == ["high", "high", "low", "low"]
    assert found.merged == 1 and found.ignored == {"status closed": 1}


def test_generic_json_lines():
    found = read("generic.json")
    assert [each.severity for each in found.readings] == ["high", "low", "critical"]
    assert "informational" in found.readings[1].severity_note


def test_own_columns_are_read_through_a_mapping():
    table = b"Was;Wie schlimm;Wo\nTLS alt;hoch;lms\n"
    mapping = {"Was": "title", "Wie schlimm": "rule_id", "Wo": "asset"}
    found = read(table, format="generic_csv", mapping=mapping)
    assert [(each.title, each.asset, each.severity) for each in found.readings] == [("TLS alt", "lms", "medium")]


def test_excel_dates_and_numbers():
    import datetime as dt

    import openpyxl

    from remediation.importers.reader.workbooks import bytes_of

    book = openpyxl.Workbook()
    book.active.append(["Our list of weaknesses"])
    book.active.append(["Title", "Severity", "Date", "Asset"])
    book.active.append(["Old TLS", 9.8, dt.datetime(2026, 3, 31), "lms"])
    book.active.append(["=1+1", "low", "2026-04-01", "lms"])
    hidden = book.create_sheet("Hidden", 0)
    hidden.append(["Title", "Severity"])
    hidden.append(["Hidden one", "high"])
    hidden.sheet_state = "hidden"
    found = read(bytes_of(book))
    assert found.format == "generic_xlsx"
    assert [(each.row, each.title, each.severity, each.detected_at) for each in found.readings] == [
        (3, "Old TLS", "critical", "2026-03-31")
    ]
    assert found.errors == ["Row 4 has no title (nor a condition or description). Give it one, or delete the row."]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_in_other_encodings(encoding):
    table = "Title;Severity\nGröße ungeprüft – 学生;hoch\n".replace("hoch", "high").encode(encoding)
    assert read(table).readings[0].title == "Größe ungeprüft – 学生"
    lines = (SAMPLES / "generic.json").read_text().encode(encoding)
    assert read(lines).rows == 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_quoted_newlines(delimiter):
    table = (
        delimiter.join(["Title", "Severity", "Description"])
        + "\r\n"
        + delimiter.join(["A", "high", f'"one\ntwo{delimiter} ""x"""'])
        + "\r\n"
    )
    assert read(table.encode()).readings[0].description == f'one\ntwo{delimiter} "x"'


def test_an_ambiguous_date_is_asked_for():
    table = b"Title,Severity,Date\nA,high,03/04/2026\n"
    assert "can be two dates" in read(table).errors[0]
    assert read(table, date_order="day").readings[0].detected_at == "2026-04-03"
    settled = b"Title,Severity,Date\nA,high,03/04/2026\nB,high,28/02/2026\n"
    assert [each.detected_at for each in read(settled).readings] == ["2026-04-03", "2026-02-28"]


def test_a_row_in_error_names_the_row():
    found = read(b"Title,Severity\nA,high\nB,terrible\n,\nC,low\n")
    assert found.errors == [
        "Row 3: \u201cterrible\u201d is no severity. Write critical, high, medium, low or informational, or a CVSS score."
    ]


def test_a_quoted_secret_is_masked():
    found = read(f"Title,Severity\nKey {'AK' + 'IA'}IOSFODNN7EXAMPLE in code,high\n".encode())
    assert found.readings[0].title == "Key [secret …MPLE] in code"


SARIF = b'{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}},"results":[%b]}]}'


@pytest.mark.parametrize(
    ("data", "rows", "errors"),
    [
        (SARIF % b'{"ruleId":"R","message":{"text":"m"},"rank":123456789012345678901234567890,"properties":{"x":1e999}}', 1, 0),
        (b'{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}},"results":null}]}', 0, 0),
        (b'{"version":"2.1.0","runs":[{"tool":null,"results":[{"message":{"text":"x"}}]}]}', 1, 0),
        (SARIF % b'{"ruleId":5,"message":"text","locations":{},"level":7,"suppressions":"x"}', 1, 0),
        (SARIF % b'{"locations":[null,5,{"physicalLocation":{"artifactLocation":{"uri":5,"index":"a"},"region":[]}}],"fingerprints":[]}', 1, 0),
        (SARIF % b'[1],{"message":{"text":"x"}}', 1, 1),
        (b'{"findings": []}', 0, 0),
        (b'{"Findings": []}', 0, 0),
        (b"[]", 0, 0),
        (b'{"SchemaVersion":2,"ArtifactName":"x","Results":null}', 0, 0),
        (b'{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"a","Vulnerabilities":[null,5,{"VulnerabilityID":"C","CVSS":[]}],"Secrets":{}}]}', 1, 2),
        (b'{"matches":null,"descriptor":{"name":"grype"}}', 0, 0),
        (b'{"matches":[{"vulnerability":{"id":"C","severity":5,"fix":[],"cvss":{}},"artifact":null}],"descriptor":{"name":"grype"}}', 1, 0),
        (b'{"Findings":[{"SchemaVersion":"2018-10-08","Id":5,"GeneratorId":null,"Title":"x","Severity":"HIGH","Resources":{},"Vulnerabilities":[null]}]}', 1, 0),
        (b'[{"class_uid":"2004","metadata":[],"finding_info":"x","message":"m"},{"class_uid":2003,"finding_info":{"title":"t"},"cloud":"a"}]', 2, 0),
        (b"Title,Severity\n", 0, 0),
        (b"Title,Severity\rA,high\rB,low\r", 2, 0),
        (b"sep=;\r\nTitle;Severity\r\nA;high\r\n", 1, 0),
        (b"Title,Severity,Date\nA\nB,low\n", 2, 0),
        (b'Title,Severity,Description\nA 5" pipe,high,x\nB,low,"multi\nline"\n', 2, 0),
        (b"Plugin ID,CVE,CVSS,Risk,Host,Port,Name\n1,CVE-1,9.8,Critical,h1,1,N1\n2,,,None,h1,1,N2\n", 2, 0),
    ],
)  # fmt: skip
def test_odd_files_are_read_as_far_as_they_make_sense(data, rows, errors):
    found = read(data)
    assert (found.rows, len(found.errors)) == (rows, errors)
