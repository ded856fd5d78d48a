"""Writes the sample's import files into `files/`; the same bytes every time: `python -m portal.sample.make_files`.

Everything in them is made up: an EdTech vendor with a Salesforce CRM, its learning platform and its AWS account.
"""

import csv
import io
import json
import re
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.styles import Alignment, Font, PatternFill

FILES = Path(__file__).parent / "files"
REPORT = "SOC 2 Type II, October 2025 to September 2026"
_SCANNED_AT = "2026-11-16T04:30:00Z"
_ZIP_TIME = (2026, 11, 16, 4, 30, 0)

COLUMNS = (
    "Exception ID", "Control ref", "Criteria", "Title", "Sample item", "Condition", "Cause", "Effect", "Severity", "Audit rating",
    "Date observed", "Asset", "Recommendation", "Report", "Report page",
)  # fmt: skip

# id, control, criteria, title, sample item, condition, cause, effect, severity, audit rating, observed, asset, recommendation, page
EXCEPTIONS: tuple[tuple[str, ...], ...] = (
    ("EX-01", "AC-06", "CC7.2; CC2.1", "API logs are missing for eleven days of the period", "Days 4 to 14 of February 2026",
     "No daily log file of API calls exists for eleven days, although sign-ins show API use on each of them.",
     "The export job stopped after a password change and nobody was told.",
     "Reads of student records in those days can't be shown to have been authorised.",
     "High", "Deficiency", "2026-11-03", "Salesforce production", "Alert on a missing file and keep logs outside Salesforce.", "38"),
    ("EX-02", "AC-07", "CC7.2; CC6.1", "Reads of student data can't be traced to a person", "Integration user “sync-lms”",
     "Three integrations share one user, so 41 % of the reads of contact records name no responsible system.",
     "One integration user was reused because licences were short.",
     "A misuse of student data could not be attributed.",
     "High", "Deficiency", "2026-11-03", "Salesforce production", "One user per integration, with its own connected app.", "39"),
    ("EX-03", "AC-08", "CC6.7; P6.2; CC7.2", "Exports of student contacts were neither approved nor recorded", "Exports 3, 9 and 17 of 25",
     "Three of 25 sampled report exports with student contacts have no approval and no purpose.",
     "The approval step can be skipped from the report page.",
     "Student data left the platform without a record of disclosure.",
     "Critical", "Deficiency", "2026-11-10", "Salesforce production", "Block report export for profiles without the approval step.", "41"),
    ("EX-04", "AC-09", "CC6.6; CC7.2; A1.1", "The grades API answers unlimited requests for consecutive student numbers", "GET /v1/students/{id}/grades",
     "4,000 consecutive identifiers were asked for in five minutes without a refusal.",
     "The limit covers the login route only.",
     "Anyone with one token can list all students.",
     "High", "Deficiency", "2026-11-05", "Learning platform API", "Limit by client and user, and alert on many misses.", "43"),
    ("EX-05", "AC-05", "CC8.1; CC6.3", "Setup changes in Salesforce without a ticket", "Changes 6, 11, 12 and 20 of 25",
     "Four permission set changes have no approved ticket; one was made through “log in as”.",
     "Administrators may change production directly.",
     "Rights can grow without anyone deciding it.",
     "Medium", "Deviation", "2026-11-04", "Salesforce production", "Deploy setup changes from the repository only.", "44"),
    ("EX-06", "AC-04", "CC6.3; CC5.1", "Two administrators hold both user management and data export", "Population of 9 administrators",
     "Two people can create users and export all data; nobody reviews what they export.",
     "The permission set “Operations” grew over time.",
     "A conflict of duties stays unseen.",
     "Medium", "Deviation", "2026-11-04", "Salesforce production", "Split the permission set and review its use monthly.", "45"),
    ("EX-07", "AC-10", "CC8.1; CC6.8", "Merges to the main branch without a second reviewer", "Merges 2, 15 and 31 of 40",
     "Three of 40 sampled merges were approved by their author's second account or by nobody.",
     "Administrators are exempt from branch protection.",
     "Unreviewed code reached production.",
     "High", "Deviation", "2026-11-06", "Source code platform", "Enforce the rule for administrators as well.", "47"),
    ("EX-08", "AC-11", "CC8.1", "Course releases deployed before their approval", "Releases 5 and 8 of 12",
     "Two releases of course workflows were approved one and three days after the deployment.",
     "The pipeline doesn't ask for the ticket's state.",
     "Changes to grading rules may be unwanted.",
     "Medium", "Deviation", "2026-11-06", "Learning platform", "Let the pipeline check the ticket.", "48"),
    ("EX-09", "AC-12", "CC7.2; PI1.3", "Nobody is alerted when the nightly roster sync loses rows", "Runs of 12 and 13 May 2026",
     "Two runs lost 212 and 96 rows; both were found by a school, not by an alert.",
     "The job reports success as soon as it ends.",
     "Students were missing from courses for up to two days.",
     "Medium", "Deviation", "2026-11-07", "Roster sync", "Compare rows in and out and page the engineer on duty.", "50"),
    ("EX-10", "AC-01", "CC6.1; CC6.2", "Leavers kept their access for nine and fourteen days", "Leavers 7 and 18 of 25",
     "Access of two leavers was removed nine and fourteen days after their last day; policy says one.",
     "The manager's notice isn't linked to the identity provider.",
     "Former staff could read student records.",
     "High", "Deviation", "2026-11-05", "Identity provider", "Feed leavers from the HR system every night.", "35"),
    ("EX-11", "AC-16", "A1.2; A1.3; CC7.5", "Backups are made, but none was restored in the period", "Quarters 1 to 4",
     "All backup jobs succeeded; no restore with a checksum was done in twelve months.",
     "The restore test was planned for a colleague who left.",
     "It isn't known whether grades could be recovered in time.",
     "Medium", "Deficiency", "2026-11-09", "Assessment database", "Restore one critical store each quarter and keep the checksum.", "53"),
    ("EX-12", "AC-17", "CC5.3; CC7.4; CC7.5", "The incident plan was not rehearsed and names a retired system", "Incident plan version 4",
     "No exercise took place in the period, and the plan calls for a paging system that was switched off in January.",
     "The plan has no owner since the reorganisation.",
     "A breach of student data might be reported too late.",
     "Medium", "Observation", "2026-11-11", "Incident response", "Rehearse a student-data scenario and correct the plan.", "55"),
    ("EX-13", "AC-18", "CC9.2; P6.4", "Two vendors with student data have no current assurance report", "Vendors 3 and 8 of 11",
     "The reports of two critical vendors ended fourteen and nineteen months ago, without a bridge letter.",
     "Renewals are tracked in a calendar of one person.",
     "Weaknesses of a vendor could reach the platform unseen.",
     "Medium", "Deviation", "2026-11-12", "Vendor register", "Ask for reports ninety days before they run out.", "57"),
    ("EX-14", "AC-03", "CC6.2; CC6.3", "An access review was done by the person it was about", "Review of the second quarter",
     "One manager confirmed his own rights, and one revocation was carried out 23 days later.",
     "The list is sent to line managers without a check.",
     "Rights that are no longer needed stay.",
     "Low", "Observation", "2026-11-12", "Salesforce production", "Send each line to someone else than its holder.", "58"),
)  # fmt: skip

# rule, level, security-severity, short description, message, file, line
RESULTS: tuple[tuple[str, str, str, str, str, str, int], ...] = (
    ("LR-101", "error", "9.3", "Query built from user input", "The course search puts the parameter “q” into SQL text.", "services/catalog/search.py", 88),
    ("LR-204", "error", "8.2", "Object reference without an ownership check", "Grades are read by identifier without asking whose they are.", "services/grades/views.py", 141),
    ("LR-204", "error", "8.2", "Object reference without an ownership check", "Submissions are read by identifier without asking whose they are.", "services/grades/views.py", 203),
    ("LR-310", "error", "7.5", "Secret in configuration", "A Salesforce client secret stands in the repository.", "deploy/crm-sync/values.yaml", 27),
    ("LR-118", "warning", "6.1", "Student name in a log line", "The full name of a student is logged with each sync error.", "jobs/roster_sync/report.py", 54),
    ("LR-122", "warning", "5.9", "Token without an end", "The integration token is created without an expiry.", "services/integrations/tokens.py", 33),
    ("LR-140", "warning", "5.3", "No limit on a public route", "The route /v1/enrolments has no rate limit.", "services/api/routes.py", 76),
    ("LR-402", "note", "", "Certificate check switched off in a test client", "verify=False is set; the client is used by the migration job too.", "tools/migrate/client.py", 19),
)  # fmt: skip
SUPPRESSED = (
    "LR-118",
    "warning",
    "6.1",
    "Student name in a log line",
    "The name is of a made-up student in a test.",
    "tests/roster/test_report.py",
    12,
)

# check, title, severity, status, resource, status text, criteria
POSTURE: tuple[tuple[str, str, str, str, str, str, tuple[str, ...]], ...] = (
    ("rds_instance_storage_encrypted", "Databases are encrypted at rest", "High", "FAIL", "arn:aws:rds:eu-central-1:111122223333:db:assessment-replica", "The replica assessment-replica is not encrypted.", ("cc_6_1",)),
    ("s3_bucket_secure_transport_policy", "Buckets refuse plain HTTP", "Medium", "FAIL", "arn:aws:s3:::lumen-exports", "The bucket lumen-exports accepts requests without TLS.", ("cc_6_7",)),
    ("elbv2_ssl_listeners", "Load balancers offer current TLS only", "Medium", "FAIL", "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/lms/1a2b", "The listener of lms offers TLS 1.0.", ("cc_6_7",)),
    ("iam_user_console_access_mfa", "Console users have a second factor", "High", "FAIL", "arn:aws:iam::111122223333:user/ops-oncall", "ops-oncall signs in to the console without a second factor.", ("cc_6_1", "cc_6_2")),
    ("iam_rotate_access_key_90_days", "Access keys are younger than 90 days", "Medium", "FAIL", "arn:aws:iam::111122223333:user/crm-sync", "The key of crm-sync is 231 days old.", ("cc_6_1",)),
    ("cloudtrail_log_file_validation_enabled", "Audit trails are validated", "Medium", "FAIL", "arn:aws:cloudtrail:eu-central-1:111122223333:trail/main", "The trail main has no log file validation.", ("cc_7_2",)),
    ("backup_recovery_point_encrypted", "Recovery points are encrypted", "Low", "FAIL", "arn:aws:backup:eu-central-1:111122223333:recovery-point:7f3a", "The recovery point of the assessment store is encrypted with the default key.", ("a_1_2", "c_1_1")),
    ("apigateway_restapi_waf_acl_attached", "Public APIs stand behind a firewall", "High", "FAIL", "arn:aws:apigateway:eu-central-1::/restapis/grades", "The API grades has no firewall and no rate rule.", ("cc_6_6",)),
    ("account_maintain_current_contact_details", "Contact details are current", "Medium", "MANUAL", "arn:aws:iam::111122223333:root", "Look at the contact details of the account.", ()),
    ("iam_root_hardware_mfa_enabled", "The root account has a hardware key", "Critical", "PASS", "arn:aws:iam::111122223333:root", "The root account has a hardware key.", ("cc_6_1",)),
    ("s3_bucket_public_access", "No bucket is public", "Critical", "PASS", "arn:aws:s3:::lumen-exports", "The bucket is not public.", ("cc_6_1",)),
    ("guardduty_is_enabled", "Threat detection is on", "Medium", "PASS", "arn:aws:guardduty:eu-central-1:111122223333:detector/1", "The detector is on.", ("cc_7_2",)),
)  # fmt: skip


def exceptions() -> list[list[str]]:
    """The rows of the audit report, in the order of COLUMNS."""
    return [[*row[:13], REPORT, row[13]] for row in EXCEPTIONS]


def audit_csv() -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([COLUMNS, *exceptions()])
    return out.getvalue().encode("utf-8-sig")


def audit_xlsx() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Exceptions"
    sheet.append(COLUMNS)
    for row in exceptions():
        sheet.append(row)
    for cell, width in zip(sheet[1], (13, 12, 20, 44, 28, 52, 40, 40, 11, 14, 15, 24, 44, 30, 12), strict=True):
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="FFE8ECF1")
        sheet.column_dimensions[cell.column_letter].width = width
    for cells in sheet.iter_rows(min_row=2):
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        observed = cells[COLUMNS.index("Date observed")]
        observed.value = date.fromisoformat(str(observed.value))
        observed.number_format = "yyyy-mm-dd"
        page = cells[COLUMNS.index("Report page")]
        page.value = int(str(page.value))
    sheet.freeze_panes = "E2"
    out = io.BytesIO()
    book.save(out)
    return _timeless(out.getvalue())


def _timeless(data: bytes) -> bytes:
    """The same workbook without the moment of its making."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist(), key=lambda each: (each != "[Content_Types].xml", each)):
            part = old.read(name)
            if name == "docProps/core.xml":
                part = re.sub(rb"(W3CDTF\">)[^<]+", rb"\g<1>" + _SCANNED_AT.encode(), part)
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
            new.writestr(info, part)
    return out.getvalue()


def code_sarif() -> bytes:
    rules: dict[str, dict[str, Any]] = {}
    results = []
    for row in (*RESULTS, SUPPRESSED):
        rule, level, score, short, message, file, line = row
        rules.setdefault(rule, {
            "id": rule,
            "shortDescription": {"text": short},
            "defaultConfiguration": {"level": level},
            "helpUri": f"https://rules.example/{rule.lower()}",
            "properties": {"security-severity": score, "tags": ["security"]} if score else {"tags": ["security"]},
        })  # fmt: skip
        result: dict[str, Any] = {
            "ruleId": rule,
            "message": {"text": message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": file, "uriBaseId": "%SRCROOT%"},
                        "region": {"startLine": line},
                    }
                }
            ],
        }
        if row is SUPPRESSED:
            result["suppressions"] = [{"kind": "inSource", "status": "accepted", "justification": "Test data."}]
        results.append(result)
    run = {
        "tool": {
            "driver": {
                "name": "LumenScan",
                "semanticVersion": "3.2.0",
                "informationUri": "https://lumenscan.example/",
                "rules": list(rules.values()),
            }
        },
        "automationDetails": {"id": "learning-platform/main/2026-11-16"},
        "invocations": [{"executionSuccessful": True, "endTimeUtc": _SCANNED_AT}],
        "results": results,
    }
    return _json({"version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "runs": [run]})


def cloud_ocsf() -> bytes:
    severities = {"Low": 2, "Medium": 3, "High": 4, "Critical": 5}
    events = []
    for check, title, severity, status, resource, text, criteria in POSTURE:
        events.append({
            "category_name": "Findings", "category_uid": 2, "class_name": "Compliance Finding", "class_uid": 2003, "type_uid": 200301,
            "activity_id": 1, "activity_name": "Create",
            "metadata": {"event_code": check, "version": "1.4.0", "product": {"name": "PostureWatch", "vendor_name": "Made up", "version": "5.1"}},
            "severity": severity, "severity_id": severities[severity],
            "status": "New", "status_id": 1, "status_code": status, "status_detail": text,
            "time_dt": _SCANNED_AT,
            "finding_info": {"uid": f"posturewatch-{check}-{resource.rpartition(':')[2]}", "title": text.rstrip(".") if status == "FAIL" else title, "created_time_dt": _SCANNED_AT, "desc": title},
            "cloud": {"provider": "aws", "region": "eu-central-1", "account": {"uid": "111122223333", "name": "production"}},
            "resources": [{"uid": resource, "name": resource.rpartition("/")[2].rpartition(":")[2], "region": "eu-central-1"}],
            "unmapped": {"compliance": {"SOC2": list(criteria)}},
        })  # fmt: skip
    return _json(events)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


MADE = {
    "audit-report-exceptions.csv": audit_csv,
    "audit-report-exceptions.xlsx": audit_xlsx,
    "code-scan.sarif": code_sarif,
    "cloud-posture.ocsf.json": cloud_ocsf,
}


def main() -> None:
    FILES.mkdir(exist_ok=True)
    for name, make in MADE.items():
        (FILES / name).write_bytes(make())


if __name__ == "__main__":
    main()
