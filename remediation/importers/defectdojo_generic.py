"""DefectDojo's generic findings, as JSON (`findings` with its keys) and as CSV.

Findings that aren't marked active count too: their tools write that for what nobody has confirmed yet. Marked as false
positive, duplicate, out of scope or mitigated they don't.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .reader import columns, fingerprints, limits, rows
from .reader.formats import Format, Options, Sample
from .reader.json_stream import items, kind_of, outline, word
from .reader.records import Ignored, Record, RowError, Scanned
from .reader.refusals import NotReadable
from .reader.source import Source
from .reader.text import clean_line

_TOOL = "DefectDojo generic"
# Its CSV is documented with the month first.
_RULES = rows.Rules(
    tool=_TOOL,
    source="scanner",
    default_order="month",
    strict_severity=False,
    drop=frozenset({"cause", "controls", "criteria", "sample_item", "condition", "report", "status"}),
)
_OWN_COLUMNS = {
    "cweid",
    "url",
    "mitigation",
    "impact",
    "active",
    "verified",
    "falsepositive",
    "duplicate",
    "vulnerabilityid",
    "epssscore",
    "cvssv3",
    "fixversion",
}
_OWN_KEYS = {
    "active",
    "verified",
    "cwe",
    "cve",
    "cvssv3",
    "mitigation",
    "impact",
    "file_path",
    "line",
    "unique_id_from_tool",
    "vuln_id_from_tool",
    "endpoints",
    "vulnerability_ids",
    "component_name",
    "component_version",
    "static_finding",
    "dynamic_finding",
    "date",
    "epss_score",
    "nb_occurences",
}
_KEYS = {
    "title": "title",
    "description": "description",
    "severity": "severity",
    "date": "detected_at",
    "mitigation": "recommendation",
    "impact": "effect",
    "references": "references",
    "cve": "rule_id",
    "cvssv3": "cvss_vector",
    "cvssv4": "cvss_vector",
    "cvssv3_score": "cvss_score",
    "file_path": "location",
    "unique_id_from_tool": "own_id",
    "component_name": "asset",
    "service": "asset",
    "cwe": "cwe",
    "false_p": "false_positive",
    "duplicate": "duplicate",
    "known_exploited": "known_exploited",
    "tags": "tags",
    "vulnerability_ids": "weaknesses",
    "line": "line",
}


def _sniff(sample: Sample) -> int:
    if sample.kind == "csv":
        named = set(sample.header)
        return 75 if {"title", "severity", "description"} <= named and len(named & _OWN_COLUMNS) >= 2 else 0
    look = sample.outline
    if look is None or look.start != "{" or not look.has("findings"):
        return 0
    keys = {
        path.rpartition(".")[2] for path in look.paths if path.startswith("findings.item.") and path.count(".") == 2
    }
    if {"title", "severity"} <= keys:
        return 70 if keys & _OWN_KEYS else 62
    # Rows without fields: still this shape, and each row is then refused by its number.
    return 40 if not keys and look.paths.get("findings") is None else 20 if "title" in keys else 0


def _read(source: Source, options: Options) -> Iterator[Record]:
    if not source.looks_like_json:
        yield Scanned(_TOOL)
        yield from rows.from_table(source, options, _RULES, (("title",),))
        return
    look = outline(source.head)
    if look.start != "{" or not look.has("findings"):
        raise NotReadable(
            "DefectDojo's generic JSON is an object with a list “findings”; this file has none.", code="format_mismatch"
        )
    tool = clean_line(look.text("type") or look.text("name"), limits.TOOL_CHARS) or _TOOL
    yield Scanned(tool)
    report = rows.Rows(rows.Rules(tool=tool, source="scanner", strict_severity=False), "")
    chosen = {columns.plain(name): field for name, field in options.mapping.items()}
    for number, each in enumerate(items(source, "findings.item"), 1):
        if isinstance(each, dict):
            yield _record(report, number, each, chosen)
        else:
            yield RowError(number, f"Finding {number} is {kind_of(each)}, where an object belongs.")


def _record(report: rows.Rows, number: int, finding: Mapping[str, Any], chosen: Mapping[str, str]) -> Record:
    if not word(finding.get("title")).strip():
        return RowError(number, f"Finding {number} has no title. Give it one, or remove it from the list.")
    for flag, reason in (("out_of_scope", "marked as out of scope"), ("is_mitigated", "marked as mitigated")):
        if finding.get(flag) is True:
            return Ignored(number, reason, clean_line(finding["title"], limits.TITLE_CHARS))
    fields: dict[str, Any] = {}
    for key, value in finding.items():
        field = chosen.get(columns.plain(key)) or _KEYS.get(key)
        if field and value not in (None, "", [], "N/A") and not isinstance(value, dict):
            fields.setdefault(field, value)
    places = [_endpoint(each) for each in finding.get("endpoints") or [] if isinstance(each, (str, dict))]
    if places and "location" not in fields:
        fields["location"] = sorted(places)
    identifiers = finding.get("vulnerability_ids")
    if "rule_id" not in fields and isinstance(identifiers, list) and identifiers:
        fields["rule_id"] = word(identifiers[0])
    if "rule_id" not in fields and word(finding.get("vuln_id_from_tool")):
        fields["rule_id"] = word(finding["vuln_id_from_tool"])
    if word(finding.get("component_version")) and "asset" in fields:
        fields["asset"] = f"{fields['asset']} {word(finding['component_version'])}"
    return report.record(number, fields)


def _endpoint(value: str | dict[str, Any]) -> str:
    if isinstance(value, str):
        return fingerprints.path(value)
    port = word(value.get("port"))
    return f"{word(value.get('protocol')) + '://' if value.get('protocol') else ''}{word(value.get('host'))}{':' + port if port else ''}/{word(value.get('path')).lstrip('/')}"


FORMAT = Format(
    name="defectdojo_generic",
    title="DefectDojo generic findings",
    kinds=("json", "csv"),
    sniff=_sniff,
    read=_read,
    fields=tuple(columns.FIELDS),
)
