"""The 61 criteria of the Trust Services Criteria by identifier. The titles are our own; the criteria's text is not here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CriterionEntry:
    identifier: str
    category: str
    title: str


_TITLES: dict[str, dict[str, str]] = {
    "CC": {
        "CC1.1": "Integrity and ethics",
        "CC1.2": "Oversight by the board",
        "CC1.3": "Structure and authority",
        "CC1.4": "Competent people",
        "CC1.5": "Accountability",
        "CC2.1": "Information of good quality",
        "CC2.2": "Communication inside",
        "CC2.3": "Communication outside",
        "CC3.1": "Clear objectives",
        "CC3.2": "Finding and weighing risks",
        "CC3.3": "Risk of fraud",
        "CC3.4": "Significant change",
        "CC4.1": "Ongoing and separate evaluations",
        "CC4.2": "Deficiencies reported and corrected",
        "CC5.1": "Choosing controls and separating duties",
        "CC5.2": "General controls over technology",
        "CC5.3": "Policies put to work",
        "CC6.1": "Protection of logical access",
        "CC6.2": "Registering and removing users",
        "CC6.3": "Roles, least privilege and separated duties",
        "CC6.4": "Physical access",
        "CC6.5": "Disposal of media and data",
        "CC6.6": "Boundary against outsiders",
        "CC6.7": "Data moved or removed",
        "CC6.8": "Harmful or unauthorised software",
        "CC7.1": "Detecting changed configuration and new weaknesses",
        "CC7.2": "Watching for anomalies",
        "CC7.3": "Judging security events",
        "CC7.4": "Responding to incidents",
        "CC7.5": "Recovering from incidents",
        "CC8.1": "Change management",
        "CC9.1": "Disruption of business",
        "CC9.2": "Vendors and partners",
    },
    "A": {
        "A1.1": "Capacity",
        "A1.2": "Backup, environment and recovery infrastructure",
        "A1.3": "Tests of recovery",
    },
    "C": {
        "C1.1": "Identifying and protecting confidential information",
        "C1.2": "Disposing of confidential information",
    },
    "PI": {
        "PI1.1": "Specifications of processing",
        "PI1.2": "Inputs",
        "PI1.3": "Processing",
        "PI1.4": "Outputs",
        "PI1.5": "Storage",
    },
    "P": {
        "P1.1": "Notice to people",
        "P2.1": "Choice and consent",
        "P3.1": "Limits of collection",
        "P3.2": "Explicit consent",
        "P4.1": "Limits of use",
        "P4.2": "Retention",
        "P4.3": "Disposal of personal data",
        "P5.1": "Access of the person concerned",
        "P5.2": "Correction",
        "P6.1": "Disclosure with consent",
        "P6.2": "Record of authorised disclosures",
        "P6.3": "Record of unauthorised disclosures",
        "P6.4": "Commitments of vendors",
        "P6.5": "Breach notice by vendors",
        "P6.6": "Breach notice to people",
        "P6.7": "Account of data held and disclosed",
        "P7.1": "Quality of personal data",
        "P8.1": "Complaints and enforcement",
    },
}

CRITERIA: tuple[CriterionEntry, ...] = tuple(
    CriterionEntry(identifier, category, title)
    for category, titles in _TITLES.items()
    for identifier, title in titles.items()
)
