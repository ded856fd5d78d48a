"""How far each finding of the sample has come, and the words people wrote on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from portal.sample import proofs
from portal.sample.proofs import Proof

# The steps in order; a tale ends with one of them.
STEPS = ("reported", "triaged", "analysed", "planned", "in_remediation", "ready", "verified", "asked", "closed")


@dataclass(frozen=True)
class Tale:
    """One finding's way. `title` finds it among the imported ones."""

    title: str
    end: str
    severity: str = "medium"
    rationale: str = ""
    worker: str = "marcus"
    criteria: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    cause_class: str = "process"
    cause: str = ""
    scope_check: str = ""
    plan: str = ""
    success_test: str = ""
    task: str = ""
    change: tuple[str, str, str] | None = None
    proof: Callable[[date], Proof] | None = None
    test_result: str = ""
    turn: str = ""


TALES: tuple[Tale, ...] = (
    Tale("Leavers kept active Salesforce production logins", "closed", "critical",
         "Four former staff could read student records, two of them as administrators.", "marcus",
         ("CC6.2", "CC6.3"), ("AC-01",), "process",
         "Leaver notices go to a shared mailbox, contractors are in no HR system, and nothing compares the two lists.",
         "All 61 leavers since January and all 23 active contractors were looked at; four logins were still open.",
         "Remove leavers from Salesforce through the identity provider within 24 hours; record contractors with an end "
         "date; reconcile leavers with active users every week.",
         "For twelve weeks no leaver of the HR system has an active Salesforce user a day after the last working day.",
         "Remove leavers through the identity provider", ("CHG-1187", "platform/identity#412", "deploy 2231"),
         proofs.leavers, "Twelve weeks reconciled, 57 leavers, none open after 24 hours."),
    Tale("Deployments approved by the engineer who wrote the change", "asked", "high",
         "Seven changes reached production on one person's word.", "aisha", ("CC8.1",), ("AC-11",), "technology",
         "The deployment tool takes any team member as approver, its author included.",
         "All 118 deployments of the half-year were looked at: 12 had the same author and approver.",
         "Make the pipeline refuse an approver who wrote any commit of the change.",
         "A deployment approved by its author is refused in production's pipeline.",
         "Refuse the author as approver in the pipeline", ("CHG-1190", "platform/deploy#98", "deploy 2240"),
         proofs.deploys, "Two tries to approve one's own change were refused; forty deployments show two people."),
    Tale("No restore of student records was tested in the period", "verified", "high",
         "Recovery of student records is promised to schools and unproven.", "marcus", ("A1.2", "A1.3"), ("AC-16",), "people",
         "The test belonged to somebody who left, and the register of duties names people instead of roles.",
         "Three other yearly duties had the same owner; two were already handed over.",
         "Restore the latest backup into an isolated account each quarter and compare counts and checksums.",
         "A restore ends within four hours with every row and checksum equal.",
         "Restore and compare the latest backup", None, proofs.restore,
         "Restored in 49 minutes, 212 of 212 tables and checksums equal."),
    Tale("Salesforce API logs are missing for 19 days", "ready", "high",
         "Reads of student data on those days can't be told.", "aisha", ("CC7.2",), ("AC-06",), "technology",
         "The export job ends without an error when the daily file is late.",
         "Sign-in logs are whole; API and bulk logs lack the same 19 days.",
         "Fetch each day's files again for three days and raise an alert when one is missing.",
         "Each day with API sign-ins has its file, and a removed file raises an alert within a day.",
         "Fetch late files again and alert on gaps", ("CHG-1195", "platform/logs#55", "deploy 2244"),
         lambda day: proofs.settings_of("Log archive export", {"retry_days": 3, "alert_on_gap": True, "channel": "oncall"})),
    Tale("Reports with student names were exported without a recorded purpose", "in_remediation", "medium",
         "Purpose is recorded for most exports; eleven lack it.", "aisha", ("CC6.7", "P6.2"), ("AC-08",), "process",
         "The export dialog doesn't ask for a purpose.", "Exports through the interface and through the API were compared.",
         "Ask for purpose and approver before a report with student fields can be exported.",
         "An export without a purpose is refused, and each export is in the log with both.",
         "Ask for purpose and approver on export", ("CHG-1201", "", ""), None),
    Tale("The second quarter's access review was skipped", "closed", "medium",
         "Rights of movers stayed in place for a quarter.", "marcus", ("CC6.2", "CC6.3"), ("AC-03",), "people",
         "The review stood in one person's calendar.", "The other reviews of the year took place.",
         "Make the review a run of the control with an owner and a deadline; do the missed one now.",
         "Each system's owner has decided on every right, and what was revoked is gone.",
         "Do the missed review and record it", None,
         lambda day: proofs.table("access-review-q2.csv", "Access review, second quarter", "Access review register",
                                  "system,rights,kept,revoked,reviewer",
                                  ["Salesforce,212,198,14,d.whitfield", "AWS,61,55,6,d.whitfield", "Code host,48,47,1,w.lindqvist"]),
         "All 321 rights decided, the 21 revoked ones are gone."),
    Tale("Two people hold deployment and log administration together", "planned", "high",
         "Whoever deploys could remove traces; raised because logs are the only witness.", "marcus",
         ("CC6.3", "CC5.1"), ("AC-04",), "design", "Rights are given by team.",
         "All rights of the platform team were listed; no other pair was found.",
         "Split the platform team's rights by duty and keep log retention with security.",
         "Nobody holds both rights in the nightly comparison.", "Split rights by duty", ("CHG-1204", "", ""), None,
         turn="plan_refused"),
    Tale("The incident plan was not rehearsed with a student-data scenario", "analysed", "medium",
         "The plan exists; its student-data part is unproven.", "aisha", ("CC7.4",), ("AC-17",), "process",
         "The exercise is planned by infrastructure alone.", "The last three exercises were read."),
    Tale("The message-sending vendor's report is older than a year", "triaged", "low",
         "One vendor of fourteen, with names and telephone numbers only.", "aisha", ("CC9.2", "P6.4"), ("AC-18",),
         turn="deferred"),
    Tale("The enrolment API answers unlimited lookups by student number", "triaged", "high",
         "Student numbers could be enumerated from outside.", "marcus", ("CC6.6", "CC7.2"), ("AC-09",)),
    Tale("The reporting replica is not encrypted with a managed key", "triaged", "medium",
         "One copy of student records is outside key management.", "marcus", ("CC6.1", "C1.1"), ("AC-14",),
         turn="deferral_asked"),
    Tale("Permission sets were changed without an approved ticket", "triaged", "medium",
         "Three of 25 changes; none widened access to student data.", "aisha", ("CC8.1", "CC6.3"), ("AC-05",)),
    Tale("The nightly roster sync has no alert when counts differ", "in_remediation", "medium",
         "Six nights with fewer rows.", "marcus", ("PI1.3", "CC7.2"), ("AC-12",), "technology",
         "The job reports success when it ends, whatever it wrote.", "All four syncs were looked at; one more lacks an alert.",
         "Compare counts after each sync and alert on a difference.", "A sync that drops a row raises an alert.",
         "Compare counts and alert", ("CHG-1208", "platform/sync#31", ""), None, turn="task_returned"),
    Tale("The legacy import host accepts TLS 1.0", "triaged", "low",
         "One host for one district, with an allow-list of addresses.", "marcus", ("CC6.7",), ("AC-13",),
         turn="risk_accepted"),
    Tale("The password policy's minimum differs from production", "triaged", "low",
         "Two characters less than written.", "aisha", ("CC5.3",), ("AC-17",), turn="risk_asked"),
    Tale("Integration token in a configuration file", "closed", "high",
         "The token opened the roster integration until it was revoked.", "aisha", ("CC6.1",), ("AC-15",), "technology",
         "Configuration was copied from a laptop.", "All repositories were searched; one more key was an example.",
         "Revoke the token, keep tokens in the vault, scan each push.",
         "The token is refused and the scan of each push finds a planted key.",
         "Revoke the token and scan each push", ("CHG-1178", "platform/roster#77", "deploy 2219"),
         lambda day: proofs.screen("Vault of tokens", ["roster-integration   rotated today   in vault", "scan of pushes      on"], day),
         "The old token is refused; a planted key was found at push.", turn="reopened"),
    Tale("SQL built from a request parameter", "triaged", "high", "Reachable by signed-in staff only.", "aisha",
         ("CC6.8", "CC8.1"), ("AC-10",)),
    Tale("Example key in a test fixture", "reported", turn="rejected"),
    Tale("Debug mode can be switched on by a variable", "reported", turn="rejection_asked"),
)  # fmt: skip

#: After the first package: which tale goes on, by which steps, and the words that it lacked until then.
AFTERWARDS: tuple[tuple[str, tuple[str, ...], dict[str, str]], ...] = (
    ("No restore of student records was tested in the period", ("asked", "closed"), {}),
    ("Salesforce API logs are missing for 19 days", ("verified",), {
        "test_result": "Each of the last 14 days has its file; a removed file raised an alert after two hours."}),
    ("The incident plan was not rehearsed with a student-data scenario", ("planned",), {
        "plan": "Rehearse the plan with a lost roster file, with support and the schools’ contact at the table.",
        "success_test": "Everybody named in the plan acts within their time, and each gap has an owner.",
        "task": "Rehearse the incident plan with student data"}),
)  # fmt: skip
