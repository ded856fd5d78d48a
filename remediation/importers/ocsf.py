"""OCSF findings: compliance (2003), vulnerability (2002), detection (2004) and the older security finding (2001).

Only what failed and isn't resolved, suppressed or archived counts. Other event classes are ignored with their name.
"""

from collections.abc import Iterator
from typing import Any

from .reader import dates, fingerprints, limits
from .reader.formats import Format, Options, Sample
from .reader.json_stream import events, items, kind_of, mapping, number, sequence, word
from .reader.records import Ignored, Reading, Record, RowError, Scanned, names, small
from .reader.severities import Rated, exploited, rated
from .reader.source import Source
from .reader.text import clean, clean_line

CLASSES = {
    2001: "security finding",
    2002: "vulnerability finding",
    2003: "compliance finding",
    2004: "detection finding",
}
_SEVERITIES = {
    0: "unknown",
    1: "informational",
    2: "low",
    3: "medium",
    4: "high",
    5: "critical",
    6: "fatal",
    99: "other",
}
_WRAPPERS = ("findings", "Findings", "events", "records", "data", "Records", "Events")
_COMPLIANCE = {1: "pass", 2: "warning", 3: "fail"}


def looks(sample: Sample) -> str:
    """The prefix at which events of OCSF stand, or "-"."""
    look = sample.outline
    if look is None:
        return "-"
    for prefix in ("item", "", *(f"{name}.item" for name in _WRAPPERS)):
        dot = f"{prefix}." if prefix else ""
        if look.has(f"{dot}class_uid") or (look.has(f"{dot}type_uid") and look.has(f"{dot}metadata")):
            return prefix
        if look.has(f"{dot}finding_info") and look.has(f"{dot}metadata"):
            return prefix
    return "-"


def product_of(sample: Sample, prefix: str) -> str:
    dot = f"{prefix}." if prefix else ""
    return sample.outline.text(f"{dot}metadata.product.name").casefold() if sample.outline else ""


def _sniff(sample: Sample) -> int:
    prefix = looks(sample)
    return 0 if prefix == "-" else 80


def read(source: Source, options: Options) -> Iterator[Record]:
    scanned: set[tuple[str, str]] = set()
    row, contradicts = 0, False
    for event in _events(source):
        row += 1
        if not isinstance(event, dict):
            yield RowError(row, f"Event {row} is {kind_of(event)}, where an object belongs.")
            continue
        tool = _tool(event)
        scope = _scope(event)
        if (tool, scope) not in scanned:
            scanned.add((tool, scope))
            yield Scanned(tool, scope)
        contradicts = contradicts or _contradicts_itself(event)
        yield from _records(row, event, tool, scope, trusted=not contradicts)


def _contradicts_itself(event: dict[str, Any]) -> bool:
    """Whether its status says “New” and its number 3 says suppressed, as Prowler 4.2 writes them."""
    return word(event.get("status")).strip().casefold() == "new" and _number(event.get("status_id")) == 3


def _events(source: Source) -> Iterator[Any]:
    if source.head.lstrip()[:1] == b"[":
        for each in items(source, "item"):
            yield from each if isinstance(each, list) else [each]
        return
    wrapper = _wrapper(source)
    if wrapper:
        yield from items(source, f"{wrapper}.item")
        return
    for each in items(source, ""):
        inner = next(
            (each[key] for key in _WRAPPERS if isinstance(each, dict) and isinstance(each.get(key), list)), None
        )
        if isinstance(each, list):
            yield from each
        elif inner is not None and isinstance(each, dict) and "class_uid" not in each:
            yield from inner
        else:
            yield each


def _wrapper(source: Source) -> str:
    """The key of the one list that holds the events, when the file is one object around them."""
    depth = documents = 0
    key = found = ""
    own = False
    for kind, value in events(source):
        if kind == "map_key":
            if depth == 1:
                key = value
                own = own or value in ("class_uid", "finding_info")
            continue
        if kind in ("start_map", "start_array"):
            if depth == 0:
                documents += 1
                if documents > 1:
                    return ""
            if depth == 1 and kind == "start_array" and key in _WRAPPERS and not found:
                found = key
            depth += 1
        elif kind in ("end_map", "end_array"):
            depth -= 1
    return "" if own else found


def _records(row: int, event: dict[str, Any], tool: str, scope: str, *, trusted: bool = True) -> Iterator[Record]:
    class_uid = _number(event.get("class_uid")) or (_number(event.get("type_uid")) or 0) // 100
    info = mapping(event.get("finding_info")) or mapping(event.get("finding"))
    title = clean_line(info.get("title") or event.get("message"), limits.TITLE_CHARS)
    if class_uid not in CLASSES and not info:
        name = word(event.get("class_name")) or word(event.get("class_uid")) or "without a class"
        if not event.get("class_uid") and not event.get("type_uid"):
            yield RowError(row, f"Event {row} has neither class_uid nor finding_info, so it is no OCSF finding.")
            return
        yield Ignored(row, f"class {clean_line(name, 60)}", title)
        return
    reason = _no_finding(event, trusted=trusted)
    if reason:
        yield Ignored(row, reason, title)
        return
    metadata = mapping(event.get("metadata"))
    compliance = mapping(event.get("compliance"))
    rule = (
        word(metadata.get("event_code"))
        or word(compliance.get("control"))
        or word(mapping(event.get("rule")).get("uid"))
        or word(mapping(info.get("analytic")).get("uid"))
        or word(mapping(info.get("analytic")).get("name"))
    )
    flaws = [mapping(each) for each in sequence(event.get("vulnerabilities"))]
    if not rule and flaws:
        rule = _flaw_id(flaws[0])
    uid = word(info.get("uid"))
    if not title and not rule and not uid:
        yield RowError(row, f"Event {row} has no title, rule or identifier, so it can't be told from others.")
        return
    resources = [mapping(each) for each in sequence(event.get("resources"))] or [mapping(event.get("resource"))]
    ids = [word(each.get("uid")) or word(each.get("name")) for each in resources]
    ids = [each for each in ids if each] or list(names([word(mapping(event.get("device")).get("hostname"))]))
    place = "|".join([*sorted(ids), *_packages(flaws)])
    rating, kev = _severity(event, tool), False
    if any(mapping(each.get("cve")).get("is_known_exploited") or each.get("is_known_exploited") for each in flaws):
        rating, kev = exploited(rating), True
    remediation = mapping(event.get("remediation")) or mapping(info.get("remediation"))
    texts = [
        word(event.get("status_detail")) or word(event.get("message")),
        word(info.get("desc")),
        word(event.get("risk_details")) or word(event.get("impact")),
        word(remediation.get("desc")),
    ]
    unmapped = mapping(event.get("unmapped"))
    yield Reading(
        row=row,
        fingerprint=fingerprints.fingerprint(tool, rule or title, place, uid if is_stable(uid) else ""),
        title=title or clean_line(rule or uid, limits.TITLE_CHARS),
        severity=rating.severity,
        original_severity=rating.original,
        severity_note=rating.note,
        tool=tool,
        rule_id=clean_line(rule, limits.NAME_CHARS),
        location=clean_line(", ".join(ids), limits.PLACE_CHARS),
        asset=clean_line(ids[0] if ids else "", limits.NAME_CHARS),
        scope=scope,
        description=clean("\n\n".join(dict.fromkeys(text for text in texts if text)), limits.TEXT_CHARS),
        tool_fingerprint=clean_line(uid, limits.NAME_CHARS),
        detected_at=_detected(event, info),
        cvss_vector=_vector(flaws),
        kev=kev,
        references=names(
            [
                *map(word, sequence(remediation.get("references"))),
                word(info.get("src_url")),
                word(unmapped.get("related_url")),
            ]
        ),
        criteria=names(_criteria(compliance, unmapped)),
        raw=small(
            {
                "class": class_uid or word(event.get("class_name")),
                "account": word(mapping(mapping(event.get("cloud")).get("account")).get("uid")),
                "region": word(mapping(event.get("cloud")).get("region"))
                or next((word(each.get("region")) for each in resources), ""),
                "resource types": names(word(each.get("type")) for each in resources),
                "standards": [word(each) for each in sequence(compliance.get("standards"))],
                "requirements": [word(each) for each in sequence(compliance.get("requirements"))],
                "vulnerabilities": [_flaw_id(each) for each in flaws],
            }
        ),
    )


def _no_finding(event: dict[str, Any], *, trusted: bool = True) -> str:
    """The verdict first (a MANUAL check that is muted is still a MANUAL one), then what people did with it.

    Once a file's marks have contradicted each other, none of its marks of muting is trusted: a failure that is counted
    too often is found by a person, one that is left out is not.
    """
    compliance = mapping(event.get("compliance"))
    code = word(event.get("status_code")).strip().upper()
    verdict = (
        word(compliance.get("status")).strip().upper()
        or _COMPLIANCE.get(_number(compliance.get("status_id")) or 0, "").upper()
    )
    for value in (code, verdict):
        if value in ("PASS", "PASSED", "SUCCESS", "COMPLIANT"):
            return "pass"
        if value == "MANUAL":
            return "manual check: a person decides"
        if value in ("MUTED", "NOT_AVAILABLE", "NOT AVAILABLE", "NOT APPLICABLE", "NOT_APPLICABLE"):
            return value.lower().replace("_", " ")
    # The name wins over the number: Prowler 4.2 writes status_id 3 beside the status “New”.
    status = word(event.get("status")).strip().casefold() or {3: "suppressed", 4: "resolved", 5: "archived"}.get(
        _number(event.get("status_id")) or 0, ""
    )
    if (
        (status in ("suppressed", "muted") and trusted)
        or mapping(event.get("unmapped")).get("muted") is True
        or event.get("muted") is True
    ):
        return "muted"
    if status in ("resolved", "archived", "deleted"):
        return status
    if _number(event.get("activity_id")) == 3 and word(event.get("activity_name")).casefold() in ("close", ""):
        return "closed"
    return ""


def _severity(event: dict[str, Any], tool: str) -> Rated:
    text = word(event.get("severity"))
    number = _number(event.get("severity_id"))
    if text and text.casefold() not in ("unknown", "other"):
        return rated(text, tool=tool)
    return rated(_SEVERITIES.get(number or 0, text or "unknown"), tool=tool)


def _tool(event: dict[str, Any]) -> str:
    product = mapping(mapping(event.get("metadata")).get("product"))
    return clean_line(product.get("name") or product.get("vendor_name"), limits.TOOL_CHARS) or "OCSF"


def _scope(event: dict[str, Any]) -> str:
    account = mapping(mapping(event.get("cloud")).get("account"))
    return clean_line(
        account.get("uid") or account.get("name") or mapping(event.get("metadata")).get("tenant_uid"), limits.NAME_CHARS
    )


def _detected(event: dict[str, Any], info: dict[str, Any]) -> str:
    for value in (
        info.get("first_seen_time_dt"),
        info.get("first_seen_time"),
        info.get("created_time_dt"),
        info.get("created_time"),
        event.get("time_dt"),
        event.get("time"),
    ):
        found = dates.tolerant(value)
        if found:
            return found
    return ""


def _flaw_id(flaw: dict[str, Any]) -> str:
    return (
        word(mapping(flaw.get("cve")).get("uid"))
        or word(mapping(flaw.get("advisory")).get("uid"))
        or word(flaw.get("title"))
    )


def _packages(flaws: list[dict[str, Any]]) -> list[str]:
    found = {
        word(package.get("name"))
        for flaw in flaws
        for key in ("affected_packages", "packages")
        for package in map(mapping, sequence(flaw.get(key)))
    }
    return sorted(found - {""})


def _vector(flaws: list[dict[str, Any]]) -> str:
    for flaw in flaws:
        for holder in (mapping(flaw.get("cve")), flaw):
            for score in map(mapping, sequence(holder.get("cvss"))):
                vector = word(score.get("vector_string"))
                if vector:
                    return clean_line(vector, 200)
    return ""


def _criteria(compliance: dict[str, Any], unmapped: dict[str, Any]) -> list[str]:
    """Criteria of SOC 2 that the tool itself names, such as `cc_6_1` or `CC6.1`."""
    found = []
    for standard, requirements in mapping(unmapped.get("compliance")).items():
        if "soc2" in str(standard).replace("-", "").replace("_", "").casefold():
            found += [word(each) for each in sequence(requirements)]
    if any("soc" in word(each).casefold() for each in sequence(compliance.get("standards"))):
        found += [word(each) for each in sequence(compliance.get("requirements"))]
    return [each for each in (criterion(text) for text in found) if each]


def criterion(text: str) -> str:
    """`cc_6_1`, `CC 6.1` and `CC6.1` are one; "" for anything else."""
    parts = text.strip().upper().replace("_", ".").replace(" ", "").replace("-", ".").split(".")
    parts = [part for part in parts if part]
    if parts and parts[0].rstrip("0123456789") in ("CC", "A", "C", "PI", "P"):
        if parts[0].isalpha() and len(parts) >= 3:
            return f"{parts[0]}{parts[1]}.{parts[2]}"
        if len(parts) == 2 and parts[1].isdigit():
            return ".".join(parts)
    return ""


def is_stable(uid: str) -> bool:
    """A random identifier changes with each run, so it is no identity."""
    return bool(uid) and not (len(uid) == 36 and uid.count("-") == 4)


def _number(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None and abs(found) < 10**12 else None


FORMAT = Format(name="ocsf", title="OCSF findings", kinds=("json",), sniff=_sniff, read=read)
