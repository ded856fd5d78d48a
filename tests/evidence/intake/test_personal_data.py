"""The search for personal data finds what a school's records hold, and leaves ordinary evidence alone."""

import io
import json
import zipfile
from email.message import EmailMessage

import openpyxl
import pytest

from evidence.intake.inside import headings, personal
from evidence.intake.inside.found import Inner


def found(data: bytes | str, name: str = "", own: frozenset[str] = frozenset()) -> dict[str, list[tuple[str, int]]]:
    """Kinds with their columns and counts."""
    content = data.encode() if isinstance(data, str) else data
    result = personal.search(Inner(io.BytesIO(content), len(content), name), own)
    kinds: dict[str, list[tuple[str, int]]] = {}
    for place in result["places"]:
        kinds.setdefault(place["kind"], []).append((place["column"], place["count"]))
    return kinds


def book(*rows: list[object]) -> bytes:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("Student ID", "student_id"),
        ("studentId", "student_id"),
        ("SIS_ID", "student_id"),
        ("Learner Number", "student_id"),
        ("FAFSA ID", "student_id"),
        ("SSN", "ssn"),
        ("Social Security Number", "ssn"),
        ("First Name", "name"),
        ("lastName", "name"),
        ("Parent/Guardian Name", "name"),
        ("E-Mail Address", "email"),
        ("user_email", "email"),
        ("Date of Birth", "birth"),
        ("Name", "maybe_name"),
        ("full_name", "maybe_name"),
        ("user_name", ""),
        ("approver", ""),
        ("author", ""),
        ("student_count", ""),
        ("filename", ""),
        ("hostname", ""),
        ("hris_id", ""),
        ("event_id", ""),
        ("session", ""),
    ],
)
def test_headings_say_what_a_column_holds(heading, kind):
    assert headings.kind_of(heading) == kind


def test_a_roster_is_found_column_by_column():
    rows = (
        "Student ID,First Name,Last Name,Email,DOB,grade\nS1,Ada,Byron,ada@gmail.com,2009-12-10,A\nS2,Alan,Turing,,,B\n"
    )
    assert found(rows, "roster.csv") == {
        "student_id": [("Student ID", 2)],
        "name": [("First Name", 2), ("Last Name", 2)],
        "email": [("Email", 1)],
        "birth": [("DOB", 1)],
    }


def test_a_column_called_name_counts_when_its_values_are_names():
    assert found("name,left_on\nMaria Odell,2026-01-02\nKenji Ito,2026-01-03\n", "a.csv") == {"name": [("name", 2)]}
    assert found("name,value\nPassword Policy,strict\nSession Timeout,15\nguest access,off\n", "a.csv") == {}
    assert found("name;size\nAdmissions Help;12\nSIS Sync Service;9\nweb-01;3\n", "a.csv") == {}


def test_a_table_without_headings_shows_no_value_as_its_column():
    rows = "Ada Byron,ada@college.edu,219-09-9999\nAlan Turing,alan@college.edu,219-09-9998\n"
    result = personal.search(Inner(io.BytesIO(rows.encode()), len(rows), "a.csv"), frozenset())
    assert {place["kind"] for place in result["places"]} == {"email", "ssn"}
    assert "ada" not in json.dumps(result).lower() and "219" not in json.dumps(result)
    headed = "jane.email@college.edu,x\nother.email@college.edu,y\n"
    result = personal.search(Inner(io.BytesIO(headed.encode()), len(headed), "a.csv"), frozenset())
    assert "jane" not in json.dumps(result)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("The number 219-09-9999 was shown.", {"ssn"}),
        ("SSN: 219099999", {"ssn"}),
        ("000-12-3456 666-12-3456 987-65-4321 123-00-4567 123-45-0000", set()),
        ("order 219099999, build 2026-11-1234, call 555-123-4567", set()),
        ("id 9f219-09-9999a and 1219-09-99990", set()),
        ("Student ID: A1234567 enrolled", {"student_id"}),
        ("student id is required", set()),
        ("DOB: 10/12/2009", {"birth"}),
        ("write to registrar@college.edu", {"email"}),
        ("write to ada@gmail.com", set()),
        ("a@gmail.com b@gmail.com c@gmail.com d@gmail.com", {"email"}),
        ("a@gmail.com a@gmail.com a@gmail.com a@gmail.com", set()),
        ("noreply@college.edu support@vendor.io git@github.com x@example.com y@host.example", set()),
        ("lodash@4.17.21 icon@2x.png user@host pkg:npm/%40scope/a@1.0.0", set()),
        ("21031067+octo@users.noreply.github.com", set()),
    ],
)
def test_running_text_counts_what_is_plain(text, kinds):
    assert set(found(text, "a.txt")) == kinds


def test_json_is_searched_by_keys_and_lines():
    data = json.dumps([{"student_id": 10023, "firstName": "Ada", "ssn": "219099999"}, {"student_id": "X"}], indent=1)
    assert found(data, "a.json") == {"ssn": [("ssn", 1)], "student_id": [("student_id", 2)], "name": [("firstName", 1)]}
    assert (
        found('{"full_name": "octo/Hello-World", "name": "Ada Byron", "tool": {"fullName": "Shell Script Analysis"}}')
        == {}
    )
    people = '{"full_name": "Ada Byron"}\n{"full_name": "Alan Turing"}\n'
    assert found(people, "a.jsonl") == {"name": [("full_name", 2)]}


def test_workbooks_archives_mails_and_packed_logs_are_searched_inside():
    data = book(["Student ID", "Score"], [12345, 1.5], [12346, 2])
    assert found(data, "a.xlsx") == {"student_id": [("Student ID", 2)]}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/scores.xlsx", data)
        archive.writestr("readme.txt", "nothing here")
    result = personal.search(Inner(target, len(target.getvalue()), "a.zip"), frozenset())
    assert result["places"][0]["where"] == ["folder/scores.xlsx", "Sheet"]
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@college.edu", "bo@college.edu", "Scores"
    message.set_content("See attached. ada@college.edu")
    assert found(message.as_bytes(), "a.eml") == {}
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename="scores.xlsx")
    assert set(found(message.as_bytes(), "a.eml")) == {"student_id"}


def test_a_pdf_is_searched_by_pages():
    from weasyprint import HTML

    data = HTML(
        string="<p>Nothing</p><p style='break-before: page'>Student ID: 20239901, SSN 219-09-9999</p>"
    ).write_pdf()
    result = personal.search(Inner(io.BytesIO(data), len(data), "a.pdf"), frozenset())
    assert {(place["kind"], place["unit"], tuple(place["lines"])) for place in result["places"]} == {
        ("ssn", "page", (2,)),
        ("student_id", "page", (2,)),
    }


def test_masked_cells_are_no_personal_data():
    rows = "student_id,first_name,ssn\n****1234,[redacted],xxx-xx-1234\n██████,removed,***-**-1234\n"
    assert found(rows, "a.csv") == {}


def test_a_line_without_end_and_a_million_rows_stay_within_their_limits():
    assert found("x" * 3_000_000, "a.csv") == {}
    assert found("a,b\n" + "1,2\n" * 200_000, "a.csv") == {}


FREE = (
    "asff",
    "cloudtrail",
    "oscal",
    "oscal_schemas",
    "prowler",
    "sarif",
    "trivy",
    "tls_secrets_deps",
    "generic_findings",
)


@pytest.mark.slow
def test_ordinary_evidence_of_the_field_is_left_alone(field_data):
    """Of some 150 scans, logs, webhooks and catalogues none is held; what else is, holds addresses of people."""
    held = {}
    for folder in (*FREE, "github", "grype", "salesforce"):
        for path in sorted((field_data / folder).iterdir()):
            if kinds := found(path.read_bytes(), path.name):
                held[f"{folder}/{path.name}"] = kinds
    assert held == {}
