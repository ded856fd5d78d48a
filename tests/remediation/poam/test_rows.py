import dataclasses
from datetime import date

from remediation.poam import rows
from remediation.poam.items import Acceptance, DateChange, Milestone, Wait
from tests.remediation.poam.plans import item, plan

COLUMNS = """
POAM ID; Controls; Weakness Name; Weakness Description; Weakness Detector Source; Weakness Source Identifier; Asset
Identifier; Point of Contact; Resources Required; Overall Remediation Plan; Original Detection Date; Scheduled
Completion Date; Planned Milestones; Milestone Changes; Status Date; Vendor Dependency; Last Vendor Check-in Date;
Vendor Dependent Product Name; Original Risk Rating; Adjusted Risk Rating; Risk Adjustment; False Positive; Operational
Requirement; Deviation Rationale; Supporting Documents; Comments; Auto-Approve; BOD 22-01 tracking; BOD 22-01 Due Date;
CVE; Service Name
"""


def under(name: str, one):
    names = [column.name for column in rows.COLUMNS]
    return rows.row(one)[names.index(name)]


def test_the_columns_are_those_of_the_template_in_its_order():
    assert [column.name for column in rows.COLUMNS] == [" ".join(name.split()) for name in COLUMNS.split(";")]
    assert len(rows.COLUMNS) == len(rows.row(item())) == 31


def test_accepted_and_deferred_items_stand_on_the_open_sheet():
    states = ("risk_accepted", "deferred", "deferral_pending", "verified", "closed", "rejected")
    whole = plan(*(item(ref=f"F-{n:03d}", state=state) for n, state in enumerate(states, 1)))
    opened, closed = ([row[0] for row in sheet.rows] for sheet in rows.sheets(whole))
    assert opened == ["F-001", "F-002", "F-003", "F-004"]
    assert closed == ["F-005", "F-006"]


def test_the_scheduled_date_stays_and_its_changes_stand_beside_it():
    moved = (
        DateChange(date(2026, 3, 1), date(2026, 4, 1), "Waits\nfor parts", "Arun"),
        DateChange(date(2026, 3, 20), date(2026, 6, 1)),
    )
    one = item(scheduled_on=date(2026, 3, 11), current_on=date(2026, 6, 1), changes=moved)
    assert under("Scheduled Completion Date", one) == date(2026, 3, 11)
    assert under("Milestone Changes", one).splitlines() == [
        "(1) on 2026-03-01: 2026-03-11 to 2026-04-01. Decided by Arun. Waits for parts",
        "(2) on 2026-03-20: 2026-04-01 to 2026-06-01.",
    ]


def test_a_milestone_is_a_line_with_its_date_and_state():
    one = item(milestones=(Milestone("T-001", "Move\nit", "done", date(2026, 2, 20), change="CHG-1"),))
    assert under("Planned Milestones", one) == "(1) 2026-02-20 T-001 Move it, done, CHG-1"


def test_a_changed_rating_says_so_and_why():
    one = item(original_severity="medium", severity="high", severity_rationale="Reaches more accounts.")
    assert under("Original Risk Rating", one) == "Moderate"
    assert under("Adjusted Risk Rating", one) == "High"
    assert under("Risk Adjustment", one) == "Yes"
    assert under("Deviation Rationale", one) == "Severity: Reaches more accounts."
    same = item()
    assert (under("Adjusted Risk Rating", same), under("Risk Adjustment", same)) == ("N/A", "No")
    assert under("Risk Adjustment", item(severity_asked=True)) == "Pending"


def test_a_false_positive_waits_until_it_is_confirmed():
    asked = item(rejection="false_positive", state="triaged")
    assert under("False Positive", asked) == "Pending"
    assert under("False Positive", dataclasses.replace(asked, state="rejected")) == "Yes"
    assert under("False Positive", item(rejection="duplicate", state="rejected")) == "No"


def test_an_accepted_risk_is_an_operational_requirement_with_its_rationale():
    accepted = Acceptance("Accepted", "Is replaced.", "Seen late.", "Weekly review.", date(2027, 3, 1))
    one = item(state="risk_accepted", acceptance=accepted)
    assert under("Operational Requirement", one) == "Yes"
    assert under("Deviation Rationale", one).startswith("Risk accepted until 2027-03-01: Is replaced.")


def test_a_vendor_that_is_waited_for_is_named_with_the_last_look():
    one = item(state="deferred", wait=Wait("Directory supplier", date(2026, 7, 20)))
    assert under("Vendor Dependency", one) == "Yes"
    assert under("Last Vendor Check-in Date", one) == date(2026, 7, 20)
    assert under("Vendor Dependent Product Name", one) == "Directory supplier"
    assert under("Vendor Dependency", item()) == "No"


def test_a_known_exploited_weakness_carries_its_due_date_and_every_cve():
    one = item(kev=True, rule="cve-2024-3094", description="See CVE-2024-3094 and CVE-2021-44228.")
    assert under("BOD 22-01 tracking", one) == "Yes"
    assert under("BOD 22-01 Due Date", one) == date(2026, 3, 11)
    assert under("CVE", one) == "CVE-2024-3094\nCVE-2021-44228"
    assert under("BOD 22-01 Due Date", item()) is None
