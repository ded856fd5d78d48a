"""A plan of action and milestones as a workbook: ours, and the variants of the FedRAMP template, open and closed items."""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from remediation.poam import cells
from remediation.poam.words import CLOSED, RATINGS, SOURCES, STATES, YES

from .reader import columns, limits
from .reader.formats import Format, Options, Sample
from .reader.plans import Found, day, reading
from .reader.records import Record, RowError, Scanned
from .reader.refusals import NotReadable
from .reader.severities import recognised
from .reader.source import Source
from .reader.text import clean, clean_line

FIELDS = {
    "own": ("poamid", "poaandmid", "poamitemid", "itemid", "poamitemidentifier"),
    "controls": ("controls", "control", "securitycontrol", "controlid"),
    "title": ("weaknessname", "weaknesstitle", "weakness", "poamtitle"),
    "description": ("weaknessdescription", "descriptionofweakness", "description"),
    "detector": ("weaknessdetectorsource", "detectorsource", "weaknesssource", "sourceidentifyingweakness"),
    "source_id": ("weaknesssourceidentifier", "sourceidentifier", "pluginid"),
    "asset": ("assetidentifier", "assets", "asset", "affectedassets"),
    "contact": ("pointofcontact", "poc", "responsibleparty"),
    "plan": ("overallremediationplan", "remediationplan", "correctiveactionplan"),
    "detected": ("originaldetectiondate", "detectiondate", "dateidentified"),
    "scheduled": ("scheduledcompletiondate", "plannedcompletiondate", "scheduledcompletion"),
    "milestones": ("plannedmilestones", "milestones", "milestoneswithcompletiondates"),
    "changes": ("milestonechanges", "changestomilestones"),
    "status_on": ("statusdate", "laststatusdate"),
    "vendor": ("vendordependentproductname", "vendorproductname"),
    "checked": ("lastvendorcheckindate", "vendorcheckindate"),
    "first": ("originalriskrating", "riskrating", "originalrisk", "risklevel", "severity"),
    "adjusted": ("adjustedriskrating", "adjustedrisk"),
    "false_positive": ("falsepositive",),
    "operational": ("operationalrequirement",),
    "rationale": ("deviationrationale",),
    "comments": ("comments", "comment"),
    "kev": ("bod2201tracking", "bindingoperationaldirective2201tracking", "kev", "kevtracking"),
    "cve": ("cve", "cves", "relatedcves"),
    "completed": ("actualcompletiondate", "completiondate", "closeddate", "dateclosed"),
    "status": ("status", "poamstatus"),
}
_FIELD = {name: field for field, synonyms in FIELDS.items() for name in synonyms}
_NEEDED = {"title", "scheduled"}
_TELLING = {"own", "detector", "milestones", "first", "plan", "detected", "changes"}
_OUR_CHANGE = re.compile(r"\(\d+\) on (?:\d{4}-\d\d-\d\d|no date): (?:\d{4}-\d\d-\d\d|no date) to (\d{4}-\d\d-\d\d)\.")
_STATE = re.compile(r"State: ([^\n]{1,60}?)\.(?:\n|\Z)")
_CLOSED_ON = re.compile(r"Closed on (\d{4}-\d\d-\d\d)\.")
_AUDIT = re.compile(r"Audit rating: ([^\n]{1,40}?)\.(?:\n|\Z)")
_CAUSE = re.compile(r"Root cause \([^)\n]*\): (.+)\Z", re.DOTALL)
_CRITERION = re.compile(r"(?:CC\d{1,2}|A1|C1|PI1|P[1-8])\.\d{1,2}\Z")
_SPLIT = re.compile(r"[\n;,]+")
_NUMBERED = re.compile(r"\(\d+\)\s*")
_STATES = {words: state for state, words in STATES.items()}
_SOURCES = {words: source for source, words in SOURCES.items()}
_RATINGS = {words.lower(): severity for severity, words in RATINGS.items()}
_YES = {"yes", "y", "true", "x", "approved"}
_ASKED = {"pending", "requested"}


def meant(name: object) -> str:
    """The field that a heading means, or ""."""
    return _FIELD.get(columns.plain(name), "")


def is_header(names: list[str]) -> bool:
    fields = {meant(name) for name in names}
    return fields >= _NEEDED and len(fields & _TELLING) >= 3


def _sniff(sample: Sample) -> int:
    return 98 if is_header(list(sample.header)) else 0


def _read(source: Source, options: Options) -> Iterator[Record]:
    yield Scanned("POA&M")
    # The spreadsheet library is loaded for spreadsheets only: it is half of the child's start.
    workbooks = importlib.import_module("remediation.importers.reader.workbooks")
    number, seen, pages = 0, dict[str, str](), 0
    for page in workbooks.pages(source, is_header):
        pages += 1
        sheet = Sheet(page.title, page.header, options)
        for row, values in page.rows:
            fields = sheet.fields(values)
            if not fields.get("own") and not fields.get("title") and not fields.get("description"):
                continue
            number += 1
            yield sheet.record(number, row, fields, seen)
    if not pages:
        raise NotReadable(
            "No visible sheet has the headings of a plan of action. It needs Weakness Name, Scheduled Completion Date, "
            "and others of the template.",
            code="plan_header",
        )


class Sheet:
    """One sheet: which column is which, and whether what stands on it is closed."""

    def __init__(self, title: str, header: list[str], options: Options) -> None:
        chosen = {columns.plain(name): field for name, field in options.mapping.items()}
        self.title = title
        self.is_closed = CLOSED.lower() in title.lower() or "complete" in title.lower()
        # The template is American: 03/04/2026 is the fourth of March, unless the person says otherwise.
        self.order = options.date_order or "month"
        self._fields: dict[int, str] = {}
        for place, name in enumerate(header):
            field = chosen.get(columns.plain(name)) or meant(name)
            if field and field not in self._fields.values():
                self._fields[place] = field

    def fields(self, values: list[Any]) -> dict[str, Any]:
        found = {}
        for place, field in self._fields.items():
            value = cells.read(_unstored(values[place])) if place < len(values) else None
            if value not in (None, ""):
                found[field] = value
        return found

    def record(self, number: int, row: int, fields: Mapping[str, Any], seen: dict[str, str]) -> Record:
        where = f"Row {row} of sheet “{clean_line(self.title, 40)}”"
        own = clean_line(fields.get("own"), limits.NAME_CHARS)
        if own and own in seen:
            return RowError(number, f"{where} has the id of {seen[own]} ({own[:40]}). Each POAM ID is given once.")
        if own:
            seen[own] = where[0].lower() + where[1:]
        title = _text(fields, "title") or _first_line(_text(fields, "description"))
        if not title:
            return RowError(number, f"{where} has no weakness name. Give it one, or delete the row.")
        first = _severity(_text(fields, "first"))
        adjusted_word = _text(fields, "adjusted")
        adjusted = first if adjusted_word.lower() in ("", "n/a", "na", "none", "-") else _severity(adjusted_word)
        if not first or not adjusted:
            word = clean_line(adjusted_word if first else _text(fields, "first"), 40)
            return RowError(number, f"{where}: “{word}” is no risk rating. Write Critical, High, Moderate or Low.")
        try:
            days = {name: self._day(fields, name) for name in ("detected", "scheduled", "status_on", "completed")}
        except ValueError as error:
            return RowError(number, f"{where}: the date {error}.")
        return reading(number, self._found(fields, own, title, first, adjusted, days))

    def _found(
        self, fields: Mapping[str, Any], own: str, title: str, first: str, adjusted: str, days: Mapping[str, str]
    ) -> Found:
        comments, detector = _text(fields, "comments"), _text(fields, "detector")
        state, words = self._state(fields, comments)
        changes = _OUR_CHANGE.findall(_text(fields, "changes"))
        named = [one.strip() for one in _SPLIT.split(_text(fields, "controls")) if one.strip()]
        closed = _search(_CLOSED_ON, comments) or (days["completed"] or days["status_on"] if self.is_closed else "")
        source = _SOURCES.get(detector, "")
        identifier = _text(fields, "source_id")
        return Found(
            own=own,
            title=title,
            description=_text(fields, "description"),
            severity=adjusted,
            original_severity=first,
            severity_note=_rationale(fields, first, adjusted),
            source=source or "import",
            source_ref="" if not source else identifier,
            tool="" if source else detector,
            rule="" if source else identifier,
            asset=_text(fields, "asset"),
            controls=[one for one in named if not _CRITERION.match(one)],
            criteria=[one for one in named if _CRITERION.match(one)],
            detected=days["detected"],
            scheduled=days["scheduled"],
            current=changes[-1] if changes else days["scheduled"],
            closed=closed if state in ("closed", "rejected") else "",
            state=state,
            state_words=words,
            kev=_is_yes(fields, "kev"),
            audit_rating=_search(_AUDIT, comments).replace(" ", "_"),
            cause=_search(_CAUSE, comments),
            milestones=[
                one
                for line in _text(fields, "milestones").splitlines()
                if (one := _NUMBERED.sub("", line, count=1).strip())
            ],
            more={
                "point of contact": _text(fields, "contact"),
                "remediation plan": _text(fields, "plan"),
                "milestone changes": _text(fields, "changes"),
                "vendor": _text(fields, "vendor"),
                "deviation": _text(fields, "rationale"),
                "cve": _text(fields, "cve"),
            },
        )

    def _state(self, fields: Mapping[str, Any], comments: str) -> tuple[str, str]:
        """Ours when the comments name it, else what the sheet and the deviations tell."""
        named = _search(_STATE, comments)
        if named in _STATES:
            return _STATES[named], ""
        if self.is_closed or _text(fields, "status").lower() in ("closed", "completed", "complete"):
            return ("rejected", "False positive") if _is_yes(fields, "false_positive") else ("closed", "")
        if _is_yes(fields, "operational"):
            return "risk_accepted", "Operational requirement"
        if _text(fields, "operational").lower() in _ASKED:
            return "risk_acceptance_pending", "Operational requirement asked"
        return "", ""

    def _day(self, fields: Mapping[str, Any], name: str) -> str:
        value = fields.get(name)
        if isinstance(value, str) and value.strip().lower() in ("", "n/a", "na", "tbd", "-", "none"):
            return ""
        return day(value, order=self.order) if value not in (None, "") else ""


def _rationale(fields: Mapping[str, Any], first: str, adjusted: str) -> str:
    said = _text(fields, "rationale")
    if said.startswith("Severity: "):
        return said.removeprefix("Severity: ").split("\nRisk accepted until ")[0].split("\nDeferred: ")[0]
    if first != adjusted:
        return said or f"Adjusted from {first} in the imported plan."
    return ""


def _severity(text: str) -> str:
    known = _RATINGS.get(text.lower())
    if known:
        return known
    rated = recognised(text) if text else None
    return rated.severity if rated else ""


def _text(fields: Mapping[str, Any], name: str) -> str:
    return clean(fields.get(name), limits.PLAN_TEXT_CHARS)


def _is_yes(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    return value is True or clean_line(value, 20).lower() in (*_YES, YES.lower())


def _unstored(value: Any) -> Any:
    return cells.unstored(value) if isinstance(value, str) else value


def _search(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _first_line(text: str) -> str:
    return clean_line(text.split("\n", 1)[0], limits.TITLE_CHARS)


FORMAT = Format(
    name="poam_xlsx", title="POA&M workbook", kinds=("xlsx",), sniff=_sniff, read=_read, fields=tuple(FIELDS)
)
