"""What went wrong at the invented vendor, in our own words: the auditor's exceptions and two scans.

`days` counts back from the day the sample is made. `pattern` names the failure pattern of PRACTICE.md section 7.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Observed:
    key: str
    control: str
    criteria: str
    title: str
    sample: str
    condition: str
    cause: str
    effect: str
    severity: str
    rating: str
    days: int
    asset: str
    page: int
    pattern: str


E = Observed
REPORT: tuple[Observed, ...] = (
    E(
        "EX-01",
        "AC-01",
        "CC6.2; CC6.3",
        "Leavers kept active Salesforce production logins",
        "4 of 25 leavers",
        "For 4 of 25 sampled leavers the Salesforce user stayed active after the last working day, for up to 41 days. "
        "Two held a system administrator profile.",
        "Leaver notices go to a shared mailbox by e-mail, and contractors are in no HR system.",
        "People who had left could read and export student records.",
        "critical",
        "deficiency",
        6,
        "Salesforce production",
        41,
        "M16",
    ),
    E(
        "EX-02",
        "AC-11",
        "CC8.1",
        "Deployments approved by the engineer who wrote the change",
        "7 of 40 deployments",
        "In 7 of 40 sampled deployments the author of the change also approved its release.",
        "The deployment tool accepts any member of the team as approver.",
        "A wrong or harmful change could reach production unseen.",
        "high",
        "deficiency",
        24,
        "Deployment pipeline",
        47,
        "M10",
    ),
    E(
        "EX-03",
        "AC-16",
        "A1.2; A1.3",
        "No restore of student records was tested in the period",
        "2 of 2 quarters",
        "Backups ran every night, but no restore was performed or compared in either quarter.",
        "The restore test was owned by somebody who left, and nobody took it over.",
        "Recovery of student records within the promised time is unproven.",
        "high",
        "deviation",
        22,
        "Primary database",
        52,
        "M18",
    ),
    E(
        "EX-04",
        "AC-06",
        "CC7.2; CC2.1",
        "Salesforce API logs are missing for 19 days",
        "181 days",
        "Event log files of type API are absent from the archive for 19 days on which sign-ins by API took place.",
        "The export job fails silently when the daily file is late.",
        "Reads of student data on those days can't be reconstructed.",
        "high",
        "deviation",
        20,
        "Log archive",
        44,
        "M1",
    ),
    E(
        "EX-05",
        "AC-08",
        "CC6.7; P6.2",
        "Reports with student names were exported without a recorded purpose",
        "11 of 60 exports",
        "11 of 60 sampled report exports carry neither a purpose nor an approver.",
        "The export dialog doesn't ask, and the policy isn't known outside support.",
        "Disclosures can't be told apart from misuse.",
        "medium",
        "deviation",
        25,
        "Salesforce reports",
        49,
        "M3",
    ),
    E(
        "EX-06",
        "AC-03",
        "CC6.2; CC6.3",
        "The second quarter's access review was skipped",
        "1 of 2 reviews",
        "No access review took place in the second quarter for Salesforce, AWS and the code host.",
        "The reviewer changed teams and the calendar entry went with them.",
        "Rights that nobody needs any more stayed in place.",
        "medium",
        "deviation",
        26,
        "All production systems",
        43,
        "M20",
    ),
    E(
        "EX-07",
        "AC-04",
        "CC6.3; CC5.1",
        "Two people hold deployment and log administration together",
        "1 population",
        "Two engineers can deploy to production and also change the retention of its logs.",
        "Rights are given by team, not by duty.",
        "Whoever causes an incident could remove its traces.",
        "medium",
        "deviation",
        27,
        "AWS production",
        45,
        "M7",
    ),
    E(
        "EX-08",
        "AC-17",
        "CC7.4; CC7.5",
        "The incident plan was not rehearsed with a student-data scenario",
        "1 of 1",
        "The yearly exercise was about an outage; disclosure of student data has not been rehearsed.",
        "The exercise is planned by infrastructure alone.",
        "Schools may be told too late.",
        "medium",
        "observation",
        30,
        "Incident response",
        55,
        "M19",
    ),
    E(
        "EX-09",
        "AC-18",
        "CC9.2; P6.4",
        "The message-sending vendor's report is older than a year",
        "1 of 14 vendors",
        "The vendor that sends text messages to parents gave a report whose period ended 15 months ago, without a bridge letter.",
        "The vendor register has no reminder.",
        "Weaknesses at that vendor would not be known.",
        "low",
        "deviation",
        31,
        "Vendor register",
        57,
        "M20",
    ),
    E(
        "EX-10",
        "AC-09",
        "CC6.6; CC7.2",
        "The enrolment API answers unlimited lookups by student number",
        "1 of 1 route",
        "10,000 consecutive lookups from one client were answered without a limit or an alert.",
        "Rate limits are set for sign-in only.",
        "Student numbers could be enumerated.",
        "high",
        "deficiency",
        40,
        "Enrolment API",
        46,
        "M5",
    ),
    E(
        "EX-11",
        "AC-14",
        "CC6.1; C1.1",
        "The reporting replica is not encrypted with a managed key",
        "1 of 3 stores",
        "The read replica used for reports keeps student records under a default key that can't be rotated or revoked.",
        "The replica was made by hand before the policy.",
        "A copy of student records is outside key management.",
        "medium",
        "deviation",
        33,
        "Reporting replica",
        50,
        "M13",
    ),
    E(
        "EX-12",
        "AC-05",
        "CC8.1; CC6.3",
        "Permission sets were changed without an approved ticket",
        "3 of 25 changes",
        "3 of 25 sampled setup changes in Salesforce have no approved ticket.",
        "Changes made during support calls are not recorded afterwards.",
        "Rights may widen unseen.",
        "medium",
        "deviation",
        35,
        "Salesforce production",
        42,
        "M6",
    ),
)

# The addendum that came as a workbook some days later.
ADDENDUM: tuple[Observed, ...] = (
    E(
        "EX-13",
        "AC-12",
        "PI1.3; CC7.2",
        "The nightly roster sync has no alert when counts differ",
        "1 of 4 syncs",
        "On 6 nights the roster sync wrote fewer rows than it read, and nobody was told.",
        "The job reports success when it ends.",
        "Students may be missing from courses without notice.",
        "medium",
        "deviation",
        18,
        "Roster sync",
        3,
        "M11",
    ),
    E(
        "EX-14",
        "AC-13",
        "CC6.7",
        "The legacy import host accepts TLS 1.0",
        "1 of 9 hosts",
        "One host for file imports still negotiates TLS 1.0.",
        "It serves one school district whose client is old.",
        "Files with student data could be read in transit.",
        "low",
        "deviation",
        18,
        "import.lumenroll.example",
        4,
        "M12",
    ),
    E(
        "EX-15",
        "AC-17",
        "CC5.3",
        "The password policy's minimum differs from production",
        "1 of 6 parameters",
        "The policy says 14 characters, the identity provider enforces 12.",
        "The policy was changed without a ticket to IT.",
        "What is promised isn't what runs.",
        "low",
        "observation",
        18,
        "Identity provider",
        5,
        "M19",
    ),
)


@dataclass(frozen=True)
class Scan:
    rule: str
    title: str
    where: str
    line: int
    level: str
    words: str


CODE: tuple[Scan, ...] = (
    Scan(
        "secret-in-source",
        "Integration token in a configuration file",
        "services/roster/config.py",
        14,
        "error",
        "A token for the roster integration stands in the source.",
    ),
    Scan(
        "sql-built-from-input",
        "SQL built from a request parameter",
        "services/reports/query.py",
        88,
        "error",
        "The sort column comes from the request unchecked.",
    ),
    Scan(
        "missing-authorization",
        "Route without an authorization check",
        "services/enrolment/routes.py",
        131,
        "error",
        "The export route asks who is there, but not whether they may.",
    ),
    Scan(
        "weak-hash",
        "MD5 used for file integrity",
        "services/imports/files.py",
        42,
        "warning",
        "Uploaded files are compared by MD5.",
    ),
    Scan(
        "log-of-personal-data",
        "Student e-mail address written to the log",
        "services/messages/send.py",
        57,
        "warning",
        "The recipient is logged with every message.",
    ),
    Scan(
        "debug-enabled",
        "Debug mode can be switched on by a variable",
        "services/enrolment/settings.py",
        9,
        "note",
        "A variable in production would show stack traces.",
    ),
    Scan(
        "example-key",
        "Example key in a test fixture",
        "services/roster/tests/fixtures.py",
        3,
        "note",
        "The key is a published example and opens nothing.",
    ),
)


@dataclass(frozen=True)
class Cloud:
    check: str
    title: str
    resource: str
    severity: str
    status: str
    words: str


CLOUD: tuple[Cloud, ...] = (
    Cloud(
        "s3_public_access",
        "Bucket allows public reads",
        "exports-archive",
        "High",
        "FAIL",
        "The bucket policy grants reads to everybody.",
    ),
    Cloud(
        "rds_backup_retention",
        "Database keeps backups for 3 days only",
        "reporting-replica",
        "Medium",
        "FAIL",
        "The policy asks for 35 days.",
    ),
    Cloud(
        "cloudtrail_validation",
        "Trail without log file validation",
        "trail-eu",
        "Medium",
        "FAIL",
        "Changed log files would not be noticed.",
    ),
    Cloud(
        "iam_console_mfa",
        "Console user without a second factor",
        "deploy-legacy",
        "High",
        "FAIL",
        "The user can sign in with a password alone.",
    ),
    Cloud(
        "ebs_default_encryption",
        "New volumes are not encrypted by default",
        "eu-west-1",
        "Medium",
        "FAIL",
        "The account's default is off in one region.",
    ),
    Cloud(
        "sg_open_ssh", "SSH open to the internet", "sg-import-host", "High", "FAIL", "Port 22 is open to every address."
    ),
    Cloud("kms_rotation", "Key without yearly rotation", "key-reporting", "Low", "FAIL", "Rotation is off."),
    Cloud(
        "lambda_runtime",
        "Function on a runtime that gets no updates",
        "roster-diff",
        "Low",
        "FAIL",
        "The runtime's support ended this year.",
    ),
    Cloud("root_mfa", "Root user has a second factor", "account", "Critical", "PASS", "A hardware key is in place."),
    Cloud("flow_logs", "Flow logs are on", "vpc-main", "Medium", "PASS", "All subnets are covered."),
    Cloud("contact_details", "Security contact is current", "account", "Low", "MANUAL", "Somebody has to look."),
)
