"""A row of a table, or an object of generic JSON, as a reading: the same rules for both."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from . import columns, dates, fingerprints, limits
from .formats import Options
from .records import Ignored, Reading, Record, RowError, names, small
from .refusals import NotReadable
from .severities import Rated, by_score, exploited, rated, recognised
from .source import Source
from .tables import table
from .text import clean, clean_line

_CRITERION = re.compile(r"\b(CC|PI|A|C|P)\s?[-_. ]?(\d{1,2})[._](\d{1,2})\b", re.IGNORECASE)
_SEPARATORS = re.compile(r"[;\n|]+|,(?!\d)")
_TRUE = {"true", "yes", "y", "1", "x", "ja"}
_CLOSED = {
    "closed",
    "fixed",
    "resolved",
    "remediated",
    "mitigated",
    "done",
    "pass",
    "passed",
    "false positive",
    "not applicable",
    "no exception",
    "no exceptions noted",
    "no exceptions",
    "duplicate",
    "rejected",
}
_CVSS = re.compile(r"^(CVSS:[34]\.\d/|AV:[NLA])")


@dataclass(frozen=True, slots=True)
class Rules:
    """What differs between a generic table, DefectDojo's and an audit report."""

    tool: str
    source: str = "import"
    default_order: str = ""
    strict_severity: bool = True
    drop: frozenset[str] = frozenset()
    ratings: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def from_table(source: Source, options: Options, rules: Rules, needed: tuple[tuple[str, ...], ...]) -> Iterator[Record]:
    """Read every row; `needed` names groups of fields of which one must have a column."""
    found = table(source)
    held = columns.Columns(found.header, options.mapping, rules.drop)
    for group in needed:
        if not any(name in held.place for name in group):
            raise NotReadable(
                f"The table has no column for {' or '.join(group)}. Its columns are: {', '.join(name for name in found.header[:20] if name)}. "
                "Rename one, or map it.",
                code="columns_missing",
            )
    order = options.date_order or _date_order(source, held) or rules.default_order
    report = Rows(rules, order)
    for number, cells in table(source).rows:
        yield report.record(number, held.of(cells))


def _date_order(source: Source, held: columns.Columns) -> str:
    """A first pass over the dates alone: one date such as 28/02/2026 settles the whole column."""
    index = held.place.get("detected_at")
    if index is None:
        return ""
    day_first = month_first = False
    for _, cells in table(source).rows:
        value = cells[index] if index < len(cells) else None
        if isinstance(value, str):
            match dates.order_of([value]):
                case "day":
                    day_first = True
                case "month":
                    month_first = True
    return "" if day_first == month_first else "day" if day_first else "month"


class Rows:
    """Turns fields into readings; counts look-alikes."""

    def __init__(self, rules: Rules, order: str = "") -> None:
        self.rules = rules
        self.order = order

    def record(self, number: int, fields: Mapping[str, Any]) -> Record:
        title = clean_line(fields.get("title"), limits.TITLE_CHARS)
        condition = clean(fields.get("condition"), limits.TEXT_CHARS)
        description = clean(fields.get("description"), limits.TEXT_CHARS)
        if not title:
            title = _first_sentence(condition or description)
        for flag, reason in (("false_positive", "marked as false positive"), ("duplicate", "marked as duplicate")):
            if _is_true(fields.get(flag)):
                return Ignored(number, reason, title)
        status = clean_line(fields.get("status"), 60).casefold()
        if status in _CLOSED:
            return Ignored(number, f"status {status}", title)
        if not title:
            return RowError(
                number, f"Row {number} has no title (nor a condition or description). Give it one, or delete the row."
            )
        rating = self._rating(fields)
        if rating is None:
            return RowError(
                number,
                f"Row {number}: “{clean_line(fields.get('severity'), 40)}” is no severity. Write critical, high, medium, low or informational, or a CVSS score.",
            )
        if _is_true(fields.get("known_exploited")):
            rating = exploited(rating)
        try:
            detected = dates.iso(fields.get("detected_at"), order=self.order)
        except ValueError as error:
            return RowError(number, f"Row {number}: the date {error}.")
        return self._reading(number, fields, title, condition, description, rating, detected)

    def _reading(
        self,
        number: int,
        fields: Mapping[str, Any],
        title: str,
        condition: str,
        description: str,
        rating: Rated,
        detected: str,
    ) -> Reading:
        tool = clean_line(fields.get("tool"), limits.TOOL_CHARS) or self.rules.tool
        report = clean_line(fields.get("report"), limits.NAME_CHARS)
        own = clean_line(fields.get("own_id"), limits.NAME_CHARS)
        rule = clean_line(fields.get("rule_id"), limits.NAME_CHARS)
        location = clean_line(_joined(fields.get("location")), limits.PLACE_CHARS)
        asset = clean_line(_joined(fields.get("asset")), limits.NAME_CHARS)
        controls = names(_parts(fields.get("controls")))
        sample = clean_line(fields.get("sample_item"), limits.NAME_CHARS)
        vector = clean_line(fields.get("cvss_vector"), 200)
        place = "|".join((fingerprints.path(location), asset, *sorted(controls), sample, report))
        cwe = clean_line(_joined(fields.get("cwe")), 60)
        return Reading(
            row=number,
            # An own number is the identity; without one the wording is.
            fingerprint=fingerprints.fingerprint(
                tool,
                rule,
                report if own else place,
                own or f"{fingerprints.wording(title)}|{cwe}|{clean_line(fields.get('line'), 20)}",
            ),
            title=title,
            severity=rating.severity,
            original_severity=rating.original,
            severity_note=rating.note,
            tool=tool,
            rule_id=rule,
            location=location,
            asset=asset or location[: limits.NAME_CHARS],
            scope=report,
            description=_description(fields, condition, description),
            tool_fingerprint=own,
            detected_at=detected,
            cvss_vector=vector if _CVSS.match(vector) else "",
            kev=_is_true(fields.get("known_exploited")),
            audit_rating=audit_rating(clean_line(fields.get("audit_rating"), 60)),
            references=names(_parts(fields.get("references"))),
            criteria=names(criteria_in(str(_joined(fields.get("criteria"))))),
            controls=controls,
            cause=clean(fields.get("cause"), limits.TEXT_CHARS),
            source=self.rules.source,
            raw=small(
                {
                    "own id": own,
                    "sample item": sample,
                    "report": report,
                    "report page": clean_line(fields.get("report_page"), 40),
                    "severity": rating.original,
                    "cwe": cwe,
                    "cvss": vector,
                    "status": clean_line(fields.get("status"), 60),
                    "tags": names(_parts(fields.get("tags"))),
                    "weaknesses": names(_parts(fields.get("weaknesses"))),
                }
            ),
        )

    def _rating(self, fields: Mapping[str, Any]) -> Rated | None:
        word = clean_line(fields.get("severity"), 40)
        if word:
            known = recognised(word)
            if known or self.rules.strict_severity:
                return known
            return rated(word)
        scored = by_score(fields.get("cvss_score"))
        if scored:
            return scored
        audit = clean_line(fields.get("audit_rating"), 60)
        for key, (severity, note) in self.rules.ratings.items():
            if audit.casefold().startswith(key):
                return Rated(severity, audit, note)
        return rated("")


def audit_rating(text: str) -> str:
    """The auditor's word as one of the four ratings of PRACTICE 3.3; "" for any other."""
    word = text.casefold()
    for start, rating in (
        ("criteri", "criterion_not_met"),
        ("qualif", "criterion_not_met"),
        ("material", "criterion_not_met"),
        ("deficien", "deficiency"),
        ("control deficien", "deficiency"),
        ("significant deficien", "deficiency"),
        ("deviation", "deviation"),
        ("exception", "deviation"),
        ("observation", "observation"),
    ):
        if word.startswith(start):
            return rating
    return ""


def criteria_in(text: str) -> list[str]:
    """Identifiers of trust services criteria in a text: `CC 6.1`, `cc6.1` and `CC6_1` are one."""
    return [f"{family.upper()}{first}.{second}" for family, first, second in _CRITERION.findall(text)]


def _description(fields: Mapping[str, Any], condition: str, description: str) -> str:
    parts = [description, condition if condition != description else ""]
    for name, label in (
        ("sample_item", "Sample item"),
        ("effect", "Effect"),
        ("recommendation", "Recommendation"),
        ("response", "Management response"),
    ):
        text = clean(fields.get(name), limits.TEXT_CHARS)
        if text:
            parts.append(f"{label}: {text}")
    return clean("\n\n".join(part for part in parts if part), limits.TEXT_CHARS)


def _first_sentence(text: str) -> str:
    line = text.strip().split("\n", 1)[0]
    return clean_line(line.split(". ", 1)[0] if len(line) > 120 else line.rstrip("."), limits.TITLE_CHARS)


def _is_true(value: Any) -> bool:
    return (
        value is True
        or (isinstance(value, str) and value.strip().casefold() in _TRUE)
        or (type(value) is int and value == 1)
    )


def _joined(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value if isinstance(each, (str, int, float, Decimal)))
    return "" if value is None else value


def _parts(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [str(each) for each in value if isinstance(each, (str, int, float, Decimal))]
    return [part.strip() for part in _SEPARATORS.split(str(value))] if value not in (None, "") else []
