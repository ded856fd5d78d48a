"""What a person states about a file: where it comes from, what it covers, why it is complete (PRACTICE.md section 5)."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from evidence.artifacts.models import Method
from evidence.controls.models import EvidenceKind
from evidence.errors import Invalid

TITLE_LIMIT = 200
SHORT_LIMIT = 200
QUERY_LIMIT = 20_000

# Information produced by the entity: the questions an auditor asks about completeness and accuracy, and screenshots'.
IPE_QUESTIONS: dict[str, str] = {
    "parameters_shown": "The parameters and filters used are shown",
    "control_total": "Control total of the source",
    "totals_tie": "Totals tie to the source",
    "no_gaps": "No gaps in sequence or time",
    "spot_checked": "Items were checked in both directions, list to system and system to list",
    "query_reviewed_by": "The query was reviewed by (someone who did not write it)",
    "screenshot_url": "The screenshot shows the address",
    "screenshot_user": "The screenshot shows the user",
    "screenshot_clock": "The screenshot shows date and time",
}


@dataclass(frozen=True)
class VersionFacts:
    """What is stated about one version of an artifact."""

    period_from: date | None = None
    period_to: date | None = None
    as_of: datetime | None = None
    collected_at: datetime | None = None
    collector_id: UUID | None = None
    method: str = Method.EXPORT
    source_system: str = ""
    is_production: bool | None = None
    query: str = ""
    tool_version: str = ""
    row_count: int | None = None
    ipe: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def check(facts: VersionFacts, *, title: str, kind: str) -> None:
    """Raise Invalid naming every field that can't be kept. What is merely weak is flagged later, not refused."""
    fields: dict[str, list[str]] = {}
    if not title.strip():
        fields["title"] = ["Say in a few words what the file shows."]
    elif len(title) > TITLE_LIMIT:
        fields["title"] = [f"A title has at most {TITLE_LIMIT} characters."]
    if kind not in EvidenceKind.values:
        fields["kind"] = [f"Choose one of: {', '.join(EvidenceKind.values)}."]
    fields |= _period(facts)
    if facts.method not in Method.values:
        fields["method"] = [f"Choose one of: {', '.join(Method.values)}."]
    for name in ("as_of", "collected_at"):
        moment = getattr(facts, name)
        if moment is not None and moment.tzinfo is None:
            fields[name] = ["Give the time zone too, e.g. 2026-11-24T10:58:00Z."]
    if facts.row_count is not None and not 0 <= facts.row_count < 2**63:
        fields["row_count"] = ["Give a whole number of rows, 0 or more."]
    if len(facts.query) > QUERY_LIMIT:
        fields["query"] = [f"A query has at most {QUERY_LIMIT:,} characters; upload a longer one as a file."]
    for name, limit in (("source_system", SHORT_LIMIT), ("note", SHORT_LIMIT), ("tool_version", 120)):
        if len(getattr(facts, name)) > limit:
            fields[name] = [f"At most {limit} characters."]
    if unknown := sorted(set(facts.ipe) - set(IPE_QUESTIONS)):
        fields["ipe"] = [f"Unknown: {', '.join(unknown)}. Known: {', '.join(IPE_QUESTIONS)}."]
    elif any(not isinstance(value, str | bool | int) for value in facts.ipe.values()):
        fields["ipe"] = ["Answers are text, whole numbers, true or false."]
    for name, value in (("title", title), ("query", facts.query), ("source_system", facts.source_system)):
        if "\x00" in value:
            fields[name] = ["The text holds a zero byte."]
    if fields:
        raise Invalid("The evidence was not recorded; some fields don't fit.", fields=fields)


def _period(facts: VersionFacts) -> dict[str, list[str]]:
    if (facts.period_from is None) != (facts.period_to is None):
        missing = "period_from" if facts.period_from is None else "period_to"
        return {missing: ["A period has a first and a last day."]}
    if facts.period_from and facts.period_to and facts.period_to < facts.period_from:
        return {"period_to": ["The period ends before it starts."]}
    return {}
