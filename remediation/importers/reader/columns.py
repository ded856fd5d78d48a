"""Columns of tables and keys of generic objects: which field each name means, in the words that people use."""

import re
from collections.abc import Mapping, Sequence

from .refusals import NotReadable

_NOT_WORD = re.compile(r"[\W_]+")

FIELDS: dict[str, tuple[str, ...]] = {
    "title": (
        "title",
        "name",
        "findingtitle",
        "findingname",
        "summary",
        "issue",
        "vulnerability",
        "vulnerabilityname",
        "exceptiontitle",
        "shortdescription",
        "weaknessname",
        "headline",
        "subject",
        "exceptionsummary",
    ),
    "description": (
        "description",
        "details",
        "detail",
        "longdescription",
        "weaknessdescription",
        "findingdescription",
        "observation",
    ),
    "severity": (
        "severity",
        "risk",
        "riskrating",
        "rating",
        "severityrating",
        "originalriskrating",
        "priority",
        "risklevel",
        "severitylevel",
        "criticality",
        "impactrating",
    ),
    "audit_rating": (
        "auditrating",
        "deficiencylevel",
        "deviationlevel",
        "exceptiontype",
        "exceptionrating",
        "classification",
    ),
    "rule_id": (
        "ruleid",
        "rule",
        "checkid",
        "check",
        "cve",
        "cveid",
        "vulnerabilityid",
        "weaknesssourceidentifier",
        "testid",
        "vulnid",
        "pluginid",
    ),
    "location": (
        "location",
        "url",
        "uri",
        "path",
        "file",
        "filepath",
        "endpoint",
        "resource",
        "resourceid",
        "component",
        "componentname",
    ),
    "asset": (
        "asset",
        "system",
        "host",
        "hostname",
        "assetidentifier",
        "affectedasset",
        "affectedsystem",
        "application",
        "service",
        "assetname",
        "environment",
    ),
    "tool": ("tool", "scanner", "detector", "weaknessdetectorsource", "scantool", "sourcetool"),
    "detected_at": (
        "date",
        "detectedat",
        "detected",
        "dateidentified",
        "identifiedon",
        "founddate",
        "dateofdetection",
        "originaldetectiondate",
        "observedon",
        "observed",
        "testdate",
        "discovered",
        "discoveredon",
        "datedetected",
        "exceptiondate",
        "dateofexception",
        "detectedon",
        "dateobserved",
        "reporteddate",
        "datereported",
    ),
    "own_id": (
        "id",
        "findingid",
        "uniqueid",
        "uniqueidfromtool",
        "poamid",
        "exceptionid",
        "exceptionno",
        "exceptionnumber",
        "exceptionref",
        "reference",
        "ref",
        "refno",
        "issueid",
        "key",
        "no",
        "number",
        "externalid",
        "itemid",
    ),
    "criteria": (
        "criteria",
        "criterion",
        "tsc",
        "tsccriteria",
        "trustservicescriteria",
        "trustservicescriterion",
        "criteriaref",
        "criteriareference",
        "tscref",
        "tscreference",
    ),
    "controls": (
        "control",
        "controls",
        "controlref",
        "controlid",
        "controlreference",
        "controlnumber",
        "controlno",
        "controlactivity",
    ),
    "sample_item": (
        "sampleitem",
        "sample",
        "sampleid",
        "samplereference",
        "item",
        "itemtested",
        "sampleselected",
        "population",
    ),
    "condition": (
        "condition",
        "exception",
        "exceptionnoted",
        "deviation",
        "deviationnoted",
        "exceptiondescription",
        "finding",
        "testresult",
        "resultoftest",
        "resultsoftest",
        "resultsoftests",
    ),
    "cause": ("cause", "rootcause", "reason", "causeofexception"),
    "effect": ("effect", "consequence", "impact", "riskdescription", "implication"),
    "recommendation": (
        "recommendation",
        "mitigation",
        "remediation",
        "solution",
        "fix",
        "correctiveaction",
        "recommendations",
    ),
    "response": ("managementresponse", "response", "managementsresponse"),
    "report_page": ("reportpage", "page", "pageno", "pagenumber", "reportsection", "pageref"),
    "report": ("report", "reportname", "reporttitle", "auditreport", "engagement", "audit"),
    "references": ("references", "link", "links", "referenceurl", "seealso"),
    "cvss_vector": ("cvss", "cvssvector", "cvssv3", "cvssv4", "cvssv3vector", "vector"),
    "cvss_score": ("cvssscore", "cvssv3score", "basescore", "score"),
    "cwe": ("cwe", "cweid"),
    "known_exploited": ("knownexploited", "kev", "exploited", "bod2201tracking"),
    "status": ("status", "state", "resolution"),
    "false_positive": ("falsepositive", "falsep", "isfalsepositive"),
    "duplicate": ("duplicate", "isduplicate"),
}
AUDIT_ONLY = frozenset(
    {
        "sample_item",
        "condition",
        "effect",
        "audit_rating",
        "report_page",
        "criteria",
        "controls",
        "cause",
        "response",
        "report",
    }
)
_BY_NAME = {name: field for field, synonyms in FIELDS.items() for name in synonyms}


def plain(name: object) -> str:
    """`Control Ref.` and `control_ref` are the same name."""
    return _NOT_WORD.sub("", str(name or "").strip().casefold())


def meant(name: object) -> str:
    """The field that a column's name means, or ""."""
    return _BY_NAME.get(plain(name), "")


class Columns:
    """Which field each column holds: the person's mapping first, then the known names; the first column wins."""

    def __init__(self, header: Sequence[str], mapping: Mapping[str, str], drop: frozenset[str] = frozenset()) -> None:
        chosen = {plain(column): field.strip() for column, field in mapping.items()}
        known = {plain(name) for name in header}
        for column, field in mapping.items():
            if plain(column) not in known:
                raise NotReadable(
                    f"The mapping names the column “{column}”, which the file doesn't have. It has: {', '.join(header[:30])}.",
                    code="mapping_column_unknown",
                )
            if field and field not in FIELDS:
                raise NotReadable(
                    f"The mapping names the field “{field}”. Known: {', '.join(FIELDS)}.", code="mapping_field_unknown"
                )
        self.header = list(header)
        self.place: dict[str, int] = {}
        for index, name in enumerate(header):
            if plain(name) in chosen and chosen[plain(name)]:
                self.place.setdefault(chosen[plain(name)], index)
        taken = set(self.place.values())
        for index, name in enumerate(header):
            field = meant(name)
            if field and field not in drop and plain(name) not in chosen and index not in taken:
                self.place.setdefault(field, index)

    def has(self, *fields: str) -> bool:
        return all(field in self.place for field in fields)

    def of(self, row: Sequence[object]) -> dict[str, object]:
        """Field → value of one row, without empty ones."""
        found: dict[str, object] = {}
        for field, index in self.place.items():
            value = row[index] if index < len(row) else None
            if value is not None and value != "" and not (isinstance(value, str) and not value.strip()):
                found[field] = value
        return found
