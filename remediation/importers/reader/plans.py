"""An item of a plan of action as a reading, from whichever form it came; what was decided elsewhere is told, not taken over.

A finding that somebody else closed, accepted or rejected begins here as reported: nobody of this organization has
verified or approved that. What the file says of it stays with the sighting, and the preview says so row by row.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remediation.poam.words import STATES

from . import fingerprints, limits
from .dates import iso
from .records import Reading, names, small
from .text import clean, clean_line

SOURCES = frozenset({"audit_report", "scanner", "internal", "auditor", "import"})
SETTLED = frozenset({"closed", "rejected"})
BEGINNINGS = frozenset({"", "reported"})
_CRITERION = re.compile(r"(CC\d{1,2}|A1|C1|PI1|P[1-8])\.\d{1,2}\Z")


@dataclass(frozen=True, slots=True)
class Found:
    """What a form says of one item; texts as they stand there, dates as ISO text."""

    own: str
    title: str
    description: str = ""
    severity: str = ""
    original_severity: str = ""
    severity_note: str = ""
    source: str = "import"
    source_ref: str = ""
    tool: str = ""
    rule: str = ""
    asset: str = ""
    controls: Sequence[str] = ()
    criteria: Sequence[str] = ()
    detected: str = ""
    scheduled: str = ""
    current: str = ""
    closed: str = ""
    state: str = ""
    """One of ours, as near as the form tells it; "" for an item that is simply open."""
    state_words: str = ""
    kev: bool = False
    cvss_vector: str = ""
    audit_rating: str = ""
    cause: str = ""
    milestones: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


def reading(number: int, found: Found) -> Reading:
    """The item as every importer hands it over."""
    own = clean_line(found.own, limits.NAME_CHARS)
    tool = clean_line(found.tool, limits.TOOL_CHARS)
    rule = clean_line(found.rule, limits.NAME_CHARS)
    title = clean_line(found.title, limits.TITLE_CHARS)
    current = found.current or found.scheduled
    return Reading(
        row=number,
        # The item's own number is its identity; the tool tells the plans of two systems apart.
        fingerprint=fingerprints.fingerprint(f"poam:{tool}", rule, "", own or fingerprints.wording(title)),
        title=title,
        severity=found.severity,
        tool=tool,
        rule_id=rule,
        asset=clean_line(found.asset, limits.PLACE_CHARS),
        description=clean(found.description, limits.PLAN_TEXT_CHARS),
        first_severity=found.original_severity or found.severity,
        severity_note=clean(found.severity_note, limits.TEXT_CHARS),
        tool_fingerprint=own,
        detected_at=found.detected,
        due_on=found.scheduled,
        current_due_on=current,
        cvss_vector=clean_line(found.cvss_vector, 200),
        # What is known to be exploited is critical by policy; the form's own rating stays in the sighting.
        kev=found.kev and found.severity == "critical",
        audit_rating=found.audit_rating,
        criteria=names(one for one in found.criteria if _CRITERION.match(str(one).strip())),
        controls=names(found.controls),
        cause=clean(found.cause, limits.TEXT_CHARS),
        source=found.source if found.source in SOURCES else "import",
        state=found.state,
        state_note=state_note(found),
        milestones=tuple(clean_line(one, limits.MILESTONE_CHARS) for one in found.milestones[: limits.MILESTONES]),
        raw=small(
            {
                "own id": own,
                "state in the file": found.state_words or found.state,
                "closed in the file": found.closed,
                "scheduled completion": found.scheduled,
                "current completion": found.current,
                "source reference": found.source_ref,
                "known exploited": found.kev,
                **found.more,
            }
        ),
    )


def state_note(found: Found) -> str:
    """Why the finding does not begin where the file has it; "" when it does."""
    if found.state in BEGINNINGS:
        return ""
    words = found.state_words or STATES.get(found.state, found.state)
    said = f"In the file it is “{clean_line(words, 80)}”{f' since {found.closed}' if found.closed else ''}."
    if found.state in SETTLED:
        return f"{said} Nobody here has verified that, so it begins at triage, proposed as fixed."
    return f"{said} Nobody here has decided that, so it begins at triage."


def day(value: Any, *, order: str = "") -> str:
    """A date of a form as ISO text, times cut to their day where they are. Raises ValueError."""
    return iso(value, order=order)[:10]
