"""Prowler's CSV output (versions 3 to 5): FAIL opens a finding; MANUAL, PASS and muted rows don't."""

from collections.abc import Iterator

from .ocsf import criterion, is_stable
from .reader import columns, dates, fingerprints, limits, tables
from .reader.formats import Format, Options, Sample
from .reader.records import Ignored, Reading, Record, RowError, Scanned, names, small
from .reader.refusals import NotReadable
from .reader.severities import rated
from .reader.source import Source
from .reader.text import clean, clean_line

_NEEDED = {"checkid", "status", "severity"}
_OWN = {"findinguid", "findinguniqueid", "statusextended", "checktitle", "servicename"}


def _sniff(sample: Sample) -> int:
    names_seen = set(sample.header)
    return 96 if names_seen >= _NEEDED and len(names_seen & _OWN) >= 2 else 0


def _read(source: Source, options: Options) -> Iterator[Record]:
    table = tables.table(source)
    place = {columns.plain(name): index for index, name in enumerate(table.header)}
    missing = _NEEDED - set(place)
    if missing:
        raise NotReadable(
            f"Prowler's CSV has the columns CHECK_ID, STATUS and SEVERITY; this file lacks {', '.join(sorted(missing)).upper()}.",
            code="columns_missing",
        )
    scanned: set[str] = set()
    for number, cells in table.rows:
        row = {
            name: str(cells[index]).strip() if index < len(cells) and cells[index] is not None else ""
            for name, index in place.items()
        }
        scope = row.get("accountuid") or row.get("accountid") or row.get("subscriptionid") or row.get("projectid") or ""
        if scope not in scanned:
            scanned.add(scope)
            yield Scanned("Prowler", clean_line(scope, limits.NAME_CHARS))
        yield _record(number, row, clean_line(scope, limits.NAME_CHARS))


def _record(number: int, row: dict[str, str], scope: str) -> Record:
    check = clean_line(row.get("checkid"), limits.NAME_CHARS)
    title = clean_line(row.get("checktitle") or check, limits.TITLE_CHARS)
    status = row.get("status", "").upper()
    if status in ("PASS", "MANUAL", "INFO", "MUTED", "WARNING"):
        return Ignored(number, "manual check: a person decides" if status == "MANUAL" else status.lower(), title)
    if status not in ("FAIL", "FAILED"):
        return RowError(
            number,
            f"Row {number}: the status is “{clean_line(status, 30) or 'empty'}”; Prowler writes FAIL, PASS or MANUAL.",
        )
    if row.get("muted", "").casefold() in ("true", "1", "yes"):
        return Ignored(number, "muted", title)
    if not check:
        return RowError(number, f"Row {number} has no CHECK_ID.")
    resource = (
        row.get("resourceuid") or row.get("resourceid") or row.get("resourcearn") or row.get("resourcename") or ""
    )
    uid = row.get("findinguid") or row.get("findinguniqueid") or ""
    region = row.get("region") or row.get("location") or ""
    rating = rated(row.get("severity"), tool="Prowler")
    texts = [
        row.get("statusextended"),
        row.get("description"),
        row.get("risk"),
        row.get("remediationrecommendationtext"),
    ]
    return Reading(
        row=number,
        fingerprint=fingerprints.fingerprint(
            "Prowler", check, resource or f"{scope}|{region}", uid if is_stable(uid) else ""
        ),
        title=title,
        severity=rating.severity,
        original_severity=rating.original,
        severity_note=rating.note,
        tool="Prowler",
        rule_id=check,
        location=clean_line(resource, limits.PLACE_CHARS),
        asset=clean_line(row.get("resourcename") or resource, limits.NAME_CHARS),
        scope=scope,
        description=clean("\n\n".join(dict.fromkeys(text for text in texts if text)), limits.TEXT_CHARS),
        tool_fingerprint=clean_line(uid, limits.NAME_CHARS),
        detected_at=dates.tolerant(row.get("timestamp") or row.get("assessmentstarttime")),
        references=names([row.get("relatedurl", ""), row.get("remediationrecommendationurl", "")]),
        criteria=names(_criteria(row.get("compliance", ""))),
        raw=small(
            {
                "status": row.get("statusextended"),
                "account": scope,
                "region": region,
                "service": row.get("servicename"),
                "resource type": row.get("resourcetype"),
                "provider": row.get("provider"),
                "compliance": row.get("compliance"),
            }
        ),
    )


def _criteria(text: str) -> list[str]:
    """`CIS-1.4: 1.20 | SOC2: cc_6_1, cc_6_2` gives CC6.1 and CC6.2."""
    found = []
    for part in text.split("|"):
        standard, _, requirements = part.partition(":")
        if "SOC2" in standard.upper().replace("-", "").replace(" ", ""):
            found += [criterion(each) for each in requirements.split(",")]
    return [each for each in found if each]


FORMAT = Format(name="prowler_csv", title="Prowler CSV", kinds=("csv",), sniff=_sniff, read=_read)
