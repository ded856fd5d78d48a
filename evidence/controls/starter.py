"""A starter set of 18 controls for an EdTech vendor whose students' data lives in Salesforce and AWS.

Together they answer every failure pattern M1 to M20 of the monitoring checks. Words are our own; an organization
changes them as it likes after adopting the set.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class StarterControl:
    title: str
    description: str
    frequency: str
    owner_role: str
    criteria: tuple[str, ...]
    failure_patterns: tuple[str, ...]
    owed: tuple[tuple[str, str, int], ...]


STARTER: tuple[StarterControl, ...] = (
    StarterControl(
        title="Leavers lose every access within 24 hours",
        description=(
            "People operations' list of leavers is compared with accounts in the identity provider, Salesforce and AWS. "
            "An account still open a day after the last working day is an exception."
        ),
        frequency="weekly",
        owner_role="Identity lead",
        criteria=("CC6.1", "CC6.2"),
        failure_patterns=("M16",),
        owed=(("Reconciliation of leavers with accounts", "report", 10),),
    ),
    StarterControl(
        title="Sign-in needs single sign-on and a second factor",
        description=(
            "Staff sign in to Salesforce, AWS and the code host through the identity provider with a second factor. "
            "Password sign-ins of such users and console sign-ins without a second factor are followed up."
        ),
        frequency="daily",
        owner_role="Identity lead",
        criteria=("CC6.1", "CC6.6"),
        failure_patterns=("M16",),
        owed=(("Sign-in log with method of authentication", "log", 2), ("Sign-in policy as configured", "config", 100)),
    ),
    StarterControl(
        title="Access is reviewed by someone other than its holder",
        description=(
            "Each quarter the owner of a system decides on every account and right in it. Nobody reviews their own "
            "access, and what is revoked is gone within five business days."
        ),
        frequency="quarterly",
        owner_role="Compliance manager",
        criteria=("CC6.2", "CC6.3"),
        failure_patterns=("M20",),
        owed=(("Decisions of the access review", "report", 100), ("Proof that revoked access is gone", "log", 100)),
    ),
    StarterControl(
        title="No one holds conflicting administrator rights",
        description=(
            "Profiles, permission sets and groups in Salesforce are combined per person and compared with the list of "
            "pairs that exclude each other. Integration users hold no administrator rights."
        ),
        frequency="weekly",
        owner_role="Salesforce lead",
        criteria=("CC5.1", "CC6.3"),
        failure_patterns=("M7",),
        owed=(("Rights per person with conflicts marked", "report", 10),),
    ),
    StarterControl(
        title="Setup changes in Salesforce follow an approved ticket",
        description=(
            "Every sensitive entry of the setup audit trail is matched with a ticket that someone else approved before "
            "the change. Log-in-as sessions are explained."
        ),
        frequency="weekly",
        owner_role="Salesforce lead",
        criteria=("CC6.3", "CC8.1"),
        failure_patterns=("M6",),
        owed=(("Setup audit trail matched with tickets", "log", 10),),
    ),
    StarterControl(
        title="API and sign-in logs are kept whole outside Salesforce",
        description=(
            "Event log files are exported on a schedule to storage that can't be changed, before Salesforce drops them. "
            "Rows taken in equal rows in the file; a day without a file is explained."
        ),
        frequency="daily",
        owner_role="Platform lead",
        criteria=("CC2.1", "CC7.2"),
        failure_patterns=("M1", "M17"),
        owed=(("Inventory of log files with row counts", "log", 2), ("Gaps and their explanation", "report", 10)),
    ),
    StarterControl(
        title="Reads of student data can be traced to a person or system",
        description=(
            "Reads of objects that hold student data carry a named user and a registered application. Shared users "
            "and unknown applications are exceptions; what the log can't show is reported as unknown, never as good."
        ),
        frequency="daily",
        owner_role="Data protection lead",
        criteria=("CC6.1", "CC7.2", "P4.1"),
        failure_patterns=("M2",),
        owed=(("Reads of student data by user and application", "log", 2),),
    ),
    StarterControl(
        title="Exports of student data are approved and recorded",
        description=(
            "Every export of a report with student data has a purpose and an approver who is not the exporter. The "
            "count of exports in the log equals the count in the register."
        ),
        frequency="weekly",
        owner_role="Data protection lead",
        criteria=("CC6.7", "CC7.2", "P6.2"),
        failure_patterns=("M3", "M4"),
        owed=(
            ("Register of exports matched with the log", "report", 10),
            ("Unusual volumes and their tickets", "log", 10),
        ),
    ),
    StarterControl(
        title="Student records can't be enumerated through the API",
        description=(
            "Each route that gives student data has a limit per client and user. Runs of not-found answers raise an "
            "alarm, and a test proves each quarter that the limit answers."
        ),
        frequency="continuous",
        owner_role="Platform lead",
        criteria=("A1.1", "CC6.6", "CC7.2"),
        failure_patterns=("M5",),
        owed=(("Limits as configured per route", "config", 40), ("Test that the limit answers", "report", 100)),
    ),
    StarterControl(
        title="Code is reviewed by someone who didn't write it",
        description=(
            "Protected branches take no change without an approving review by another person on the last commit. "
            "Overrides and force pushes are listed and explained."
        ),
        frequency="event",
        owner_role="Engineering manager",
        criteria=("CC6.8", "CC8.1"),
        failure_patterns=("M8", "M9"),
        owed=(("Merged changes with their reviews", "log", 10), ("Branch protection as configured", "config", 2)),
    ),
    StarterControl(
        title="Only approved changes reach production",
        description=(
            "Every deployment is matched with a merged change and a ticket approved before it. Requester, approver and "
            "deployer are not one person; emergencies are reviewed within two days."
        ),
        frequency="event",
        owner_role="Engineering manager",
        criteria=("CC8.1",),
        failure_patterns=("M10",),
        owed=(("Deployments matched with changes and tickets", "log", 10),),
    ),
    StarterControl(
        title="Data syncs are watched and their counts agree",
        description=(
            "Each sync between Salesforce, the learning platform and the warehouse has an alarm that was tested in the "
            "last quarter. Rows in equal rows out, under the expected user and address."
        ),
        frequency="daily",
        owner_role="Platform lead",
        criteria=("CC7.2", "PI1.2", "PI1.3"),
        failure_patterns=("M11",),
        owed=(("Sync runs with row counts", "log", 2), ("Test of the alarms", "report", 100)),
    ),
    StarterControl(
        title="Traffic is encrypted with current protocols",
        description=(
            "Every public address is scanned for protocol versions and certificates, and sign-in logs are read for old "
            "protocols. An address that couldn't be scanned counts as unknown."
        ),
        frequency="monthly",
        owner_role="Platform lead",
        criteria=("CC6.7",),
        failure_patterns=("M12",),
        owed=(("Scan of protocols and certificates", "report", 40),),
    ),
    StarterControl(
        title="Stores with student data are encrypted with managed keys",
        description=(
            "Databases, buckets, snapshots, caches and copies that hold student data are encrypted with keys of our "
            "own, turned once a year."
        ),
        frequency="monthly",
        owner_role="Platform lead",
        criteria=("C1.1", "CC6.1"),
        failure_patterns=("M13",),
        owed=(("Stores with encryption and key", "config", 40),),
    ),
    StarterControl(
        title="Secrets and connected applications are kept in order",
        description=(
            "Code and configuration are searched for secrets. Connected applications stand in a register with owner "
            "and scopes; unused or ownerless tokens are revoked."
        ),
        frequency="weekly",
        owner_role="Salesforce lead",
        criteria=("CC6.1", "CC6.2", "CC6.6", "CC9.2"),
        failure_patterns=("M14", "M15"),
        owed=(
            ("Search for secrets, values removed", "report", 10),
            ("Connected applications compared with the register", "report", 10),
        ),
    ),
    StarterControl(
        title="Backups are proven by restoring them",
        description=(
            "Each quarter every critical store is restored into an empty place, checked against known sums and timed "
            "against its objectives."
        ),
        frequency="quarterly",
        owner_role="Platform lead",
        criteria=("A1.2", "A1.3", "CC7.5", "PI1.5"),
        failure_patterns=("M18",),
        owed=(("Restore with checksums and times", "report", 100),),
    ),
    StarterControl(
        title="Policies match production and incidents are rehearsed",
        description=(
            "Documented settings are compared with those observed. Policies are reviewed yearly, and an incident that "
            "touches student data is rehearsed yearly with its lessons followed up."
        ),
        frequency="monthly",
        owner_role="Compliance manager",
        criteria=("CC5.3", "CC7.1", "CC7.3", "CC7.4", "CC7.5"),
        failure_patterns=("M19",),
        owed=(
            ("Documented against observed settings", "report", 40),
            ("Rehearsal with findings and lessons", "report", 380),
            ("Approved policies", "policy", 365),
        ),
    ),
    StarterControl(
        title="Vendors with student data are assessed each year",
        description=(
            "Each critical vendor has a current report, its exceptions were read, what it expects of us is mapped to "
            "controls, and the contract covers notice of breaches."
        ),
        frequency="annual",
        owner_role="Compliance manager",
        criteria=("CC3.2", "CC9.2", "P6.4", "P6.5"),
        failure_patterns=("M20",),
        owed=(
            ("Register of vendors with reports and reviews", "report", 380),
            ("Vendor's current report", "report", 380),
        ),
    ),
)
