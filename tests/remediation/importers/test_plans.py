"""Plans of action come back: ours without loss, others as far as they tell, and broken ones with a reason."""

import io
import json
from datetime import date

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.errors import Invalid, Refused, TooLarge
from portal.packages import forms, plan
from remediation.importers.reader.text import clean, clean_line
from remediation.poam import oscal, rows, workbook
from tests.portal.packages import sample
from tests.remediation.importers.reading import read, read_here
from tests.remediation.poam.plans import item
from tests.remediation.poam.plans import plan as plan_of

POAM = "plan-of-action-and-milestones"


def as_oscal(whole) -> bytes:
    return "".join(oscal.poam(whole)).encode()


def as_workbook(whole) -> bytes:
    out = io.BytesIO()
    workbook.write(out, rows.about(whole), rows.sheets(whole))
    return out.getvalue()


WAYS = {"oscal_poam": as_oscal, "poam_xlsx": as_workbook}
ways = pytest.mark.parametrize("name", WAYS)


def told(one) -> dict:
    """What both forms tell of an item, as the import keeps it."""
    return {
        "own": one.ref,
        "title": one.title,
        "description": one.description,
        "severity": one.severity,
        "first": one.original_severity,
        "detected": (one.detected_on or one.reported_on).isoformat(),
        "due": one.scheduled_on.isoformat(),
        "current": one.current_on.isoformat(),
        "state": one.state,
        "source": one.source,
        "tool": one.tool,
        "asset": one.asset,
        "controls": one.controls,
        "criteria": one.criteria,
        "milestones": [m.title for m in one.milestones],
    }


def kept(one) -> dict:
    return {
        "own": one.tool_fingerprint,
        "title": one.title,
        "description": one.description,
        "severity": one.severity,
        "first": one.first_severity,
        "detected": one.detected_at,
        "due": one.due_on,
        "current": one.current_due_on,
        "state": one.state,
        "source": one.source,
        "tool": one.tool,
        "asset": one.asset,
        "controls": one.controls,
        "criteria": one.criteria,
        "milestones": [next(m.title for m in SAMPLE_MILESTONES if m.title in line) for line in one.milestones],
    }


SAMPLE = plan.plan(sample.snapshot())
SAMPLE_MILESTONES = [milestone for one in SAMPLE.items for milestone in one.milestones]


@ways
def test_a_plan_of_ours_is_recognised_and_comes_back_whole(name):
    found = read(WAYS[name](SAMPLE), f"export.{name}")
    assert found.format == name
    assert found.errors == []
    by_own = {one.tool_fingerprint: one for one in found.readings}
    for one in SAMPLE.items:
        assert kept(by_own[one.ref]) == told(one)


def test_both_forms_of_one_plan_are_the_same_findings():
    prints = [{one.fingerprint for one in read(way(SAMPLE)).readings} for way in WAYS.values()]
    assert prints[0] == prints[1]
    assert len(prints[0]) == len(SAMPLE.items)


@ways
def test_what_was_decided_elsewhere_is_told_and_not_taken_over(name):
    notes = {one.tool_fingerprint: one.state_note for one in read(WAYS[name](SAMPLE)).readings}
    assert notes["F-001"] == (
        "In the file it is “Closed” since 2026-03-11. Nobody here has verified that, so it begins at triage, "
        "proposed as fixed."
    )
    assert notes["F-009"].endswith("Nobody here has decided that, so it begins at triage.")


HOSTILE = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=80),
    st.sampled_from(
        ["=1+1", "'=1", "@SUM(A1)", "+1", "-1\n=2", "学生信息导出", "مراجعة", "a\r\nb\rc", "_x0041_", "_x005F_x0041_",
         "\x00\x01\x1b[31m", "\u202eevil", "x" * 32_767, "N/A", "State: Closed.", "<b>&amp;</b>", "\ufeffmark"]
    ),
)  # fmt: skip


@ways
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words=HOSTILE, title=HOSTILE, asset=HOSTILE)
def test_hostile_words_come_back_as_they_went(name, tmp_path_factory, words, title, asset):
    title = clean_line(title, 300) or "Title"
    one = item(title=title, description=clean(words, 40_000), asset=clean_line(asset, 500), state="triaged")
    path = tmp_path_factory.mktemp("plan") / "export"
    path.write_bytes(WAYS[name](plan_of(one)))
    found = read_here(path)
    [back] = found.readings
    assert found.errors == []
    for came, went in ((back.title, one.title), (back.description, one.description), (back.asset, one.asset)):
        assert _both(came) == _both(went)
    assert (back.state, back.severity, back.due_on) == ("triaged", "high", "2026-03-11")


def _both(text: str) -> str:
    """Without what one of the forms cannot say: two characters that XML forbids, a mark at the ends of OSCAL's lines."""
    return text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd").strip("\ufeff \n\t")


@ways
def test_a_plan_of_thousands_is_read(name):
    whole = plan_of(
        *(
            item(ref=f"F-{n:04d}", title=f"Weakness {n}", state="closed" if n % 3 == 0 else "triaged")
            for n in range(1, 1201)
        )
    )
    found = read(WAYS[name](whole))
    assert (found.rows, len({one.fingerprint for one in found.readings})) == (1200, 1200)
    assert sum(one.state == "closed" for one in found.readings) == 400


# --- others' plans ----------------------------------------------------------------------------------------------------


def test_a_foreign_oscal_plan_is_read_as_far_as_it_tells(field_data):
    found = read(field_data / "oscal" / "ifa_plan-of-action-and-milestones.json")
    assert (found.format, found.rows, found.errors) == ("oscal_poam", 2, [])
    first, second = found.readings
    assert first.title == "Update Django Framework Configuration to Disable Default Admin Panel"
    assert first.tool_fingerprint == "e174dfb9-0ae3-4a8f-8e7c-081527b84337"
    assert (first.severity, first.due_on, first.detected_at) == ("medium", "2024-01-01", "2023-05-19")
    # Its item names a mitigating factor instead of its risk; the observation leads to the right one.
    assert first.state_note.startswith("In the file it is “deviation-approved”.")
    assert first.milestones[0].startswith("2024-01-01 End of Year Project Management Report")
    assert (second.state, second.state_note) == ("", "")


def template(*lines, sheets=("Open POA&M Items", "Closed POA&M Items"), heads=None, above=4) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    heads = heads or [column.name for column in rows.COLUMNS]
    for title in sheets:
        page = book.create_sheet(title)
        for n in range(above):
            page.append(["FedRAMP Plan of Action and Milestones (POA&M)" if n == 0 else "CSP", "System Name"][: n + 1])
        page.append(heads)
        for sheet, values in lines:
            if sheet == title:
                page.append([values.get(head) for head in heads])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


LINE = {
    "POAM ID": "V-1",
    "Weakness Name": "Old OpenSSL",
    "Weakness Description": "Version 1.0.2",
    "Weakness Detector Source": "Nessus",
    "Weakness Source Identifier": "12345",
    "Controls": "SI-2, RA-5",
    "Original Detection Date": date(2026, 1, 5),
    "Scheduled Completion Date": "03/31/2026",
    "Original Risk Rating": "High",
    "Adjusted Risk Rating": "Moderate",
    "Deviation Rationale": "Not reachable.",
    "Planned Milestones": "(1) 3/1/2026 patch",
}
OPEN, CLOSED = "Open POA&M Items", "Closed POA&M Items"


def test_the_template_is_read_below_its_title_block_with_both_sheets():
    found = read(template((OPEN, LINE), (CLOSED, LINE | {"POAM ID": "V-2", "Status Date": date(2026, 2, 1)})))
    assert (found.format, found.rows, found.errors) == ("poam_xlsx", 2, [])
    first, second = found.readings
    assert (first.tool, first.rule_id, first.controls) == ("Nessus", "12345", ("SI-2", "RA-5"))
    assert (first.severity, first.first_severity, first.severity_note) == ("medium", "high", "Not reachable.")
    assert (first.detected_at, first.due_on) == ("2026-01-05", "2026-03-31")
    assert first.milestones == ("3/1/2026 patch",)
    assert (first.state, second.state) == ("", "closed")
    assert "since 2026-02-01" in second.state_note


def test_older_headings_and_fewer_columns_are_understood():
    heads = ["POA&M ID".replace("&", ""), "Weakness Name", "Weakness Source", "Risk Rating", "Planned Completion Date",
             "Milestones", "Operational Requirement"]  # fmt: skip
    line = {heads[0]: "7", heads[1]: "Late review", heads[3]: "low", heads[4]: date(2026, 3, 1), heads[6]: "Yes"}
    found = read(template((OPEN, line), heads=heads))
    [one] = found.readings
    assert (one.severity, one.due_on, one.state) == ("low", "2026-03-01", "risk_accepted")


def test_a_deviation_that_is_only_asked_says_so():
    [one] = read(template((OPEN, LINE | {"Operational Requirement": "Pending"}))).readings
    assert one.state == "risk_acceptance_pending"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Original Risk Rating": "Purple"}, "Row 6 of sheet “Open POA&M Items”: “Purple” is no risk rating."),
        ({"Scheduled Completion Date": "soon"}, "Row 6 of sheet “Open POA&M Items”: the date “soon” is no date"),
        ({"Weakness Name": None, "Weakness Description": None}, "has no weakness name"),
    ],
    ids=["rating", "date", "name"],
)
def test_a_row_that_cannot_be_read_is_named_with_its_place(change, words):
    [error] = read(template((OPEN, LINE | change))).errors
    assert words in error


def test_an_id_that_is_given_twice_is_an_error():
    [error] = read(template((OPEN, LINE), (CLOSED, LINE))).errors
    assert error.startswith(
        "Row 6 of sheet “Closed POA&M Items” has the id of row 6 of sheet “Open POA&M Items” (V-1)."
    )


# --- broken plans -----------------------------------------------------------------------------------------------------


def document(**changes) -> dict:
    whole = json.loads(as_oscal(plan_of()))
    whole[POAM] |= changes
    return whole


def written(value) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("version", ["2.0.0", "0.9", "", "latest", None, 12])
def test_another_version_is_refused_and_named(version):
    whole = document()
    whole[POAM]["metadata"]["oscal-version"] = version
    with pytest.raises(Invalid, match=r"versions 1\.0 to 1\.2 are read"):
        read(written(whole))


def test_an_identifier_that_is_given_twice_is_an_error_in_oscal_too():
    whole = document()
    whole[POAM]["poam-items"] *= 2
    found = read(written(whole))
    assert found.rows == 1
    assert found.errors[0].startswith("Item 2 has the identifier of item 1 (")


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([3], "Item 1 is a number"),
        ([{"description": "x"}], "Item 1 has no title"),
        ([{"title": "x", "description": "y"}], "gives a severity that we know"),
        ([{"title": "x", "description": "y", "uuid": "not-one"}], "is no UUID"),
    ],
    ids=["number", "title", "severity", "uuid"],
)
def test_an_item_that_cannot_be_read_is_named(items, words):
    whole = document(**{"poam-items": items})
    assert words in read(written(whole)).errors[0]


def test_a_plan_without_items_is_refused():
    with pytest.raises(Invalid, match="no items"):
        read(written(document(**{"poam-items": []})))


def test_shapes_that_nobody_writes_are_borne():
    whole = document(risks="none", observations=[None, 3, {"collected": {}}])
    item = whole[POAM]["poam-items"][0]
    item["related-risks"] = {"risk-uuid": 4}
    item["props"].append("text")
    found = read(written(whole))
    assert (found.rows, found.errors) == (1, [])


def test_deep_nesting_is_refused():
    deep = b'{"plan-of-action-and-milestones":{"metadata":{"oscal-version":"1.2.1"},"poam-items":' + b"[" * 5000
    with pytest.raises(Refused):
        read(deep + b"]" * 5000 + b"}}")


def test_more_items_than_the_limit_are_refused_with_the_limit(monkeypatch, tmp_path):
    monkeypatch.setattr("remediation.importers.reader.limits.PLAN_ITEMS", 3)
    from remediation.importers.reader.refusals import Oversized

    path = tmp_path / "many.json"
    path.write_bytes(as_oscal(plan_of(*(item(ref=f"F-{n}") for n in range(5)))))
    with pytest.raises(Oversized, match="more than 3 risks"):
        read_here(path)


@pytest.mark.slow
def test_a_hundred_thousand_items_end_with_the_limit_not_with_the_memory():
    one = json.dumps({"title": "x", "description": "y" * 200, "props": [{"name": "severity", "value": "high"}]})
    head = '{"plan-of-action-and-milestones":{"metadata":{"oscal-version":"1.2.1"},"poam-items":['
    with pytest.raises(TooLarge, match="more than 50,000 items"):
        read((head + ",".join([one] * 100_000) + "]}}").encode())


def test_forms_of_the_sample_are_what_is_read():
    files = {file.path: file.data for file in forms.made(sample.snapshot())}
    assert read(files["poam.json"]).rows == read(files["poam.xlsx"]).rows == len(SAMPLE.items)
