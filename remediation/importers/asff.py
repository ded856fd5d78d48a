"""AWS Security Finding Format: an object with Findings, a list, one finding, JSON Lines, or an EventBridge event."""

from collections.abc import Iterator
from typing import Any

from .reader import dates, fingerprints, limits
from .reader.formats import Format, Options, Sample
from .reader.json_stream import events, items, kind_of, mapping, number, sequence, word
from .reader.records import Ignored, Reading, Record, RowError, Scanned, names, small
from .reader.refusals import NotReadable
from .reader.severities import Rated, exploited, rated
from .reader.source import Source
from .reader.text import clean, clean_line

_PREFIXES = ("Findings.item", "findings.item", "detail.findings.item", "item", "item.Findings.item", "")
_CLOSED_WORKFLOW = {"RESOLVED": "workflow resolved", "SUPPRESSED": "workflow suppressed"}


def _sniff(sample: Sample) -> int:
    look = sample.outline
    if look is None:
        return 0
    for prefix in _PREFIXES:
        dot = f"{prefix}." if prefix else ""
        if look.text(f"{dot}SchemaVersion") == "2018-10-08":
            return 97
        if look.has(f"{dot}GeneratorId") and (look.has(f"{dot}ProductArn") or look.has(f"{dot}AwsAccountId")):
            return 95
    if look.has("Findings") and not any(path.startswith("Findings.item.") for path in look.paths):
        return 60
    return 0


def _read(source: Source, options: Options) -> Iterator[Record]:
    scanned: set[tuple[str, str]] = set()
    row = 0
    for finding in _findings(source):
        row += 1
        if not isinstance(finding, dict):
            yield RowError(row, f"Finding {row} is {kind_of(finding)}, where an object belongs.")
            continue
        tool = _tool(finding)
        scope = clean_line(finding.get("AwsAccountId"), 60)
        if (tool, scope) not in scanned:
            scanned.add((tool, scope))
            yield Scanned(tool, scope)
        yield _record(row, finding, tool, scope)
    if not row and not scanned:
        yield Scanned("AWS Security Hub")


def _findings(source: Source) -> Iterator[Any]:
    start = source.head.lstrip()[:1]
    if start == b"[":
        for each in items(source, "item"):
            batch = _batch(each)
            yield from batch if batch is not None else [each]
        return
    shape = _shape(source)
    if shape in ("Findings", "findings"):
        yield from items(source, f"{shape}.item")
    elif shape == "detail":
        yield from items(source, "detail.findings.item")
    else:
        for each in items(source, ""):
            batch = _batch(each)
            yield from batch if batch is not None else [each]


def _batch(value: Any) -> list[Any] | None:
    if isinstance(value, dict) and "GeneratorId" not in value:
        for holder in (value, mapping(value.get("detail"))):
            for key in ("Findings", "findings"):
                if isinstance(holder.get(key), list):
                    return list(holder[key])
    return None


def _shape(source: Source) -> str:
    """Where the findings stand in a document that is an object; "" when each document is a finding itself."""
    depth = documents = 0
    keys: set[str] = set()
    kinds: dict[str, str] = {}
    key = ""
    for kind, value in events(source):
        if kind == "map_key":
            if depth == 1:
                key = value
                keys.add(value)
            continue
        if depth == 1 and key:
            kinds.setdefault(key, kind)
        if kind in ("start_map", "start_array"):
            documents += depth == 0
            depth += 1
        elif kind in ("end_map", "end_array"):
            depth -= 1
    if documents == 1 and "GeneratorId" not in keys:
        for found in ("Findings", "findings", "detail"):
            if found in keys:
                if found != "detail" and kinds.get(found) != "start_array":
                    raise NotReadable(
                        f"“{found}” is not a list in this file, so it is no AWS finding report.", code="asff_findings"
                    )
                return found
    return ""


def _tool(finding: dict[str, Any]) -> str:
    fields = mapping(finding.get("ProductFields"))
    name = word(finding.get("ProductName")) or word(fields.get("aws/securityhub/ProductName"))
    if not name:
        product = word(finding.get("ProductArn")).rpartition("/")[2]
        name = {"securityhub": "Security Hub", "": "AWS"}.get(product, product)
    return clean_line(name, limits.TOOL_CHARS)


def _record(row: int, finding: dict[str, Any], tool: str, scope: str) -> Record:
    title = clean_line(finding.get("Title"), limits.TITLE_CHARS)
    reason = _no_finding(finding)
    if reason:
        return Ignored(row, reason, title)
    generator, identifier = word(finding.get("GeneratorId")), word(finding.get("Id"))
    if not title and not generator and not identifier:
        return RowError(row, f"Finding {row} has no Title, GeneratorId or Id, so it can't be told from others.")
    resources = [mapping(each) for each in sequence(finding.get("Resources"))]
    ids = [word(each.get("Id")) for each in resources if word(each.get("Id"))]
    rating, kev = _severity(finding, tool), False
    flaws = [mapping(each) for each in sequence(finding.get("Vulnerabilities"))]
    if any(
        word(each.get("ExploitAvailable")).upper() == "YES" and word(each.get("KnownExploited")).upper() == "YES"
        for each in flaws
    ):
        rating, kev = exploited(rating), True
    compliance = mapping(finding.get("Compliance"))
    recommendation = mapping(mapping(finding.get("Remediation")).get("Recommendation"))
    control = word(compliance.get("SecurityControlId"))
    return Reading(
        row=row,
        fingerprint=fingerprints.fingerprint(tool, generator, "|".join(sorted(ids)), identifier),
        title=title or clean_line(generator or identifier, limits.TITLE_CHARS),
        severity=rating.severity,
        original_severity=rating.original,
        severity_note=rating.note,
        tool=tool,
        rule_id=clean_line(control or generator, limits.NAME_CHARS),
        location=clean_line(", ".join(ids), limits.PLACE_CHARS),
        asset=clean_line(ids[0] if ids else "", limits.NAME_CHARS),
        scope=scope,
        description=clean(
            "\n\n".join(part for part in (word(finding.get("Description")), word(recommendation.get("Text"))) if part),
            limits.TEXT_CHARS,
        ),
        tool_fingerprint=clean_line(identifier, limits.NAME_CHARS),
        detected_at=dates.tolerant(finding.get("FirstObservedAt"))
        or dates.tolerant(finding.get("CreatedAt"))
        or dates.tolerant(finding.get("UpdatedAt")),
        cvss_vector=_vector(flaws),
        kev=kev,
        references=names(
            [
                word(finding.get("SourceUrl")),
                word(recommendation.get("Url")),
                *map(word, flaws and sequence(flaws[0].get("ReferenceUrls"))),
            ]
        ),
        raw=small(
            {
                "account": word(finding.get("AwsAccountId")),
                "region": word(finding.get("Region")) or next((word(each.get("Region")) for each in resources), ""),
                "types": [word(each) for each in sequence(finding.get("Types"))],
                "resources": ids,
                "compliance": word(compliance.get("Status")),
                "requirements": [word(each) for each in sequence(compliance.get("RelatedRequirements"))],
                "vulnerabilities": [word(each.get("Id")) for each in flaws],
            }
        ),
    )


def _no_finding(finding: dict[str, Any]) -> str:
    status = word(mapping(finding.get("Compliance")).get("Status")).upper()
    if status == "PASSED":
        return "compliance passed"
    if status == "NOT_AVAILABLE":
        return "compliance not available"
    if word(finding.get("RecordState")).upper() == "ARCHIVED":
        return "archived"
    workflow = (
        word(mapping(finding.get("Workflow")).get("Status")).upper() or word(finding.get("WorkflowState")).upper()
    )
    return _CLOSED_WORKFLOW.get(workflow, "")


def _severity(finding: dict[str, Any], tool: str) -> Rated:
    severity = mapping(finding.get("Severity"))
    label = word(severity.get("Label")) or word(
        mapping(mapping(finding.get("FindingProviderFields")).get("Severity")).get("Label")
    )
    if label:
        return rated(label, tool=tool)
    level = number(severity.get("Normalized"))
    if level is not None:
        # Bands of the format's own documentation: 0, 1-39, 40-69, 70-89, 90-100.
        found = "critical" if level >= 90 else "high" if level >= 70 else "medium" if level >= 40 else "low"
        note = "Normalised severity 0: kept as low until triage." if level == 0 else ""
        return Rated(found, f"{int(level)} of 100", note)
    return rated(word(severity.get("Original")), tool=tool)


def _vector(flaws: list[dict[str, Any]]) -> str:
    for flaw in flaws:
        for score in map(mapping, sequence(flaw.get("Cvss"))):
            vector = word(score.get("BaseVector"))
            if vector:
                return clean_line(vector, 200)
    return ""


FORMAT = Format(name="asff", title="AWS Security Finding Format", kinds=("json",), sniff=_sniff, read=_read)
