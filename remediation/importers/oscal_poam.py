"""A plan of action and milestones as OSCAL (1.0 to 1.2): its items with their risks, observations and milestones.

Read in passes, since an item may stand before or after the risk it names; of risks and observations only what a
finding needs is held.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from remediation.poam.words import REJECTIONS, STATES

from .reader import limits
from .reader.dates import tolerant
from .reader.formats import Format, Options, Sample
from .reader.json_stream import items, kind_of, mapping, sequence, word
from .reader.plans import Found, reading
from .reader.records import Record, RowError, Scanned
from .reader.refusals import NotReadable, Oversized
from .reader.severities import Rated, recognised
from .reader.source import Source
from .reader.text import clean_line

ROOT = "plan-of-action-and-milestones"
NS = "urn:clearhold:oscal:1"
_VERSION = re.compile(r"1\.[0-2](\.\d+)?\Z")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_STATES = {
    "closed": "closed",
    "deviation-approved": "risk_accepted",
    "deviation-requested": "risk_acceptance_pending",
    "remediating": "in_remediation",
    "investigating": "triaged",
}
_SCALE = {"very low": 1, "low": 2, "moderate": 3, "medium": 3, "high": 4, "very high": 5, "critical": 5}
_RATING = ("severity", "risk", "risk-level", "risk-rating", "risk-score", "level", "priority")
_STEPS = ((20, "critical"), (12, "high"), (6, "medium"), (0, "low"))


@dataclass(frozen=True, slots=True)
class Risk:
    """What of a risk a finding needs."""

    status: str
    deadline: str
    first: Rated | None
    present: Rated | None
    statement: str
    tasks: tuple[str, ...]
    facts: dict[str, str]


def _sniff(sample: Sample) -> int:
    return 100 if sample.outline is not None and sample.outline.has(ROOT) else 0


def _read(source: Source, options: Options) -> Iterator[Record]:
    _check_version(source)
    yield Scanned("POA&M")
    risks, by_observation = _risks(source)
    collected = _observations(source)
    seen: dict[str, int] = {}
    number = 0
    for number, item in enumerate(items(source, f"{ROOT}.poam-items.item"), 1):
        if number > limits.PLAN_ITEMS:
            raise _too_many("items")
        if not isinstance(item, dict):
            yield RowError(
                number, f"Item {number} is {kind_of(item)}, where an object with title and description belongs."
            )
            continue
        wrong = _wrong(number, item, seen)
        yield RowError(number, wrong) if wrong else _item(number, item, risks, by_observation, collected)
    if not number:
        raise NotReadable(
            "The plan of action has no items, so there is nothing to import. Export it again with its items.",
            code="plan_empty",
        )


def _check_version(source: Source) -> None:
    version = next((word(each) for each in items(source, f"{ROOT}.metadata.oscal-version")), "")
    if not _VERSION.match(version):
        said = f"says that it is OSCAL {clean_line(version, 20)}" if version else "does not say its OSCAL version"
        raise NotReadable(
            f"The file {said}; versions 1.0 to 1.2 are read. Convert it, or correct metadata.oscal-version.",
            code="oscal_version",
        )


def _too_many(what: str) -> Oversized:
    return Oversized(
        f"The plan of action has more than {limits.PLAN_ITEMS:,} {what}. Split it into several plans.",
        code="too_many_items",
    )


def _wrong(number: int, item: dict[str, Any], seen: dict[str, int]) -> str:
    """What makes the item none, in a sentence; "" when it can be read."""
    if not word(item.get("title")).strip():
        return f"Item {number} has no title. Give it one, or remove it from the plan."
    own = word(item.get("uuid"))
    if own and not _UUID.match(own):
        return f"Item {number}: “{clean_line(own, 40)}” is no UUID."
    facts = _facts(item)
    for key in dict.fromkeys(filter(None, (own.lower(), facts.get("poam-id", "")))):
        first = seen.setdefault(key, number)
        if first != number:
            return f"Item {number} has the identifier of item {first} ({clean_line(key, 40)}). Each is given once."
    return ""


def _item(
    number: int,
    item: dict[str, Any],
    risks: dict[str, Risk],
    by_observation: dict[str, str],
    collected: dict[str, str],
) -> Record:
    facts = _facts(item)
    risk = _risk_of(item, risks, by_observation)
    present, first = _ratings(facts, risk)
    if present is None:
        return RowError(
            number,
            f"Item {number}: neither it nor its risk gives a severity that we know. Add a facet “severity” to the risk's "
            "characterizations: critical, high, medium or low.",
        )
    tool = facts.get("detector", "") or facts.get("weakness-detector-source", "")
    detected = [collected[one] for one in _named(item, "related-observations", "observation-uuid") if one in collected]
    state = facts.get("state", "") or _STATES.get(risk.status if risk else "", "")
    scheduled = _day(facts.get("scheduled-completion", "")) or (risk.deadline if risk else "")
    description = word(item.get("description"))
    return reading(
        number,
        Found(
            own=facts.get("poam-id", "") or word(item.get("uuid")),
            title=word(item.get("title")),
            description="" if facts.get("described") == "no" else description,
            severity=present.severity,
            original_severity=first.severity if first else present.severity,
            severity_note=_note(risk, present, first),
            source=facts.get("source", "import"),
            source_ref=facts.get("source-reference", ""),
            tool=tool,
            rule=facts.get("rule", "") or facts.get("weakness-source-identifier", ""),
            asset=facts.get("asset", ""),
            controls=_all(item, "control") or _all(item, "impacted-control-id"),
            criteria=_all(item, "criterion"),
            detected=_day(facts.get("detected-on", "")) or min(detected, default=""),
            scheduled=scheduled,
            current=_day(facts.get("current-completion", "")) or (risk.deadline if risk else ""),
            closed=_day(facts.get("closed-on", "")),
            state=state if state in STATES else "",
            state_words=_state_words(state, risk, facts),
            kev=facts.get("known-exploited") == "yes",
            cvss_vector=risk.facts.get("cvss-vector", "") if risk else "",
            audit_rating=facts.get("audit-rating", ""),
            cause=_after(word(item.get("remarks")), "Root cause: "),
            milestones=risk.tasks if risk else (),
            more={
                "point of contact": facts.get("point-of-contact", ""),
                "reported": _day(facts.get("reported-on", "")),
            },
        ),
    )


def _ratings(facts: dict[str, str], risk: Risk | None) -> tuple[Rated | None, Rated | None]:
    """The severity now and the first one."""
    present = recognised(facts["severity"]) if facts.get("severity") else None
    first = recognised(facts["original-severity"]) if facts.get("original-severity") else None
    present = present or (risk.present or risk.first if risk else None)
    return present, first or (risk.first if risk else None) or present


def _note(risk: Risk | None, present: Rated, first: Rated | None) -> str:
    if risk and risk.statement:
        return risk.statement
    if first and first.severity != present.severity:
        return f"Adjusted from {first.severity} in the imported plan."
    return present.note


def _state_words(state: str, risk: Risk | None, facts: dict[str, str]) -> str:
    if state == "rejected" and facts.get("rejection") in REJECTIONS:
        return f"Rejected: {REJECTIONS[facts['rejection']].lower()}"
    return "" if facts.get("state") in STATES or risk is None else risk.status


def _risk_of(item: dict[str, Any], risks: dict[str, Risk], by_observation: dict[str, str]) -> Risk | None:
    """The risk it names; where the name is wrong, the one that rests on the same observation."""
    for one in _named(item, "related-risks", "risk-uuid"):
        if one in risks:
            return risks[one]
    for one in _named(item, "related-observations", "observation-uuid"):
        if one in by_observation:
            return risks[by_observation[one]]
    return None


def _risks(source: Source) -> tuple[dict[str, Risk], dict[str, str]]:
    found: dict[str, Risk] = {}
    by_observation: dict[str, str] = {}
    for risk in items(source, f"{ROOT}.risks.item"):
        if not isinstance(risk, dict) or not word(risk.get("uuid")):
            continue
        if len(found) >= limits.PLAN_ITEMS:
            raise _too_many("risks")
        own = word(risk["uuid"]).lower()
        found.setdefault(own, _risk(risk))
        for one in _named(risk, "related-observations", "observation-uuid"):
            by_observation.setdefault(one, own)
    return found, by_observation


def _risk(risk: dict[str, Any]) -> Risk:
    first, present = _rated(sequence(risk.get("characterizations")))
    return Risk(
        status=word(risk.get("status")).lower(),
        deadline=_day(word(risk.get("deadline"))),
        first=first,
        present=present,
        statement=word(risk.get("statement"))[: limits.TEXT_CHARS],
        tasks=tuple(_tasks(sequence(risk.get("remediations"))))[: limits.MILESTONES],
        facts={name: value for name, value in _facts(risk).items() if name == "cvss-vector"},
    )


def _rated(characterizations: list[Any]) -> tuple[Rated | None, Rated | None]:
    """The first and the present rating of its facets: a severity, else likelihood times impact."""
    first = present = None
    for one in characterizations:
        named: dict[str, str] = {}
        state = ""
        for facet in map(mapping, sequence(mapping(one).get("facets"))):
            named[word(facet.get("name")).lower()] = word(facet.get("value"))
            state = state or _facts(facet).get("state", "")
        rated = next((known for name in _RATING if (known := recognised(named.get(name, "") or "?"))), None)
        rated = rated or _product(named)
        if rated is None:
            continue
        if state == "adjusted":
            present = rated
        else:
            first = first or rated
    return first or present, present


def _product(named: dict[str, str]) -> Rated | None:
    words = [named.get(name, "").lower().replace("-", " ") for name in ("likelihood", "impact")]
    if not all(one in _SCALE for one in words):
        return None
    score = _SCALE[words[0]] * _SCALE[words[1]]
    severity = next(name for least, name in _STEPS if score >= least)
    return Rated(severity, " × ".join(words), f"From likelihood {words[0]} and impact {words[1]}.")


def _tasks(remediations: list[Any]) -> Iterator[str]:
    """`2026-02-20 T-001 Move the export, done`: each milestone on one line."""
    for remediation in map(mapping, remediations):
        for task in map(mapping, sequence(remediation.get("tasks"))):
            facts, timing = _facts(task), mapping(task.get("timing"))
            due = facts.get("due-on") or word(mapping(timing.get("on-date")).get("date"))
            due = due or word(mapping(timing.get("within-date-range")).get("end"))
            told = (_day(due), facts.get("task-id", ""), clean_line(task.get("title"), limits.TITLE_CHARS))
            parts = (" ".join(filter(None, told)), facts.get("state", "").replace("_", " "), facts.get("change", ""))
            yield ", ".join(filter(None, parts))


def _observations(source: Source) -> dict[str, str]:
    """When each was collected."""
    found: dict[str, str] = {}
    for one in items(source, f"{ROOT}.observations.item"):
        if isinstance(one, dict) and (day := _day(word(one.get("collected")))):
            if len(found) >= 2 * limits.PLAN_ITEMS:
                raise _too_many("observations")
            found.setdefault(word(one.get("uuid")).lower(), day)
    return found


def _named(thing: dict[str, Any], listed: str, pointer: str) -> list[str]:
    return [word(mapping(one).get(pointer)).lower() for one in sequence(thing.get(listed))[:100]]


def _facts(thing: dict[str, Any]) -> dict[str, str]:
    """Its properties by name; of several with one name the first."""
    found: dict[str, str] = {}
    for one in map(mapping, sequence(thing.get("props"))[:200]):
        found.setdefault(word(one.get("name")).lower(), word(one.get("value")).strip()[: limits.PLACE_CHARS])
    return found


def _all(thing: dict[str, Any], name: str) -> list[str]:
    given: Iterable[Any] = map(mapping, sequence(thing.get("props"))[:200])
    return [word(one.get("value")) for one in given if word(one.get("name")).lower() == name]


def _day(text: str) -> str:
    """The day of a time, where it was meant; "" for what is no date."""
    day = tolerant(text[:40], utc=False)[:10]
    try:
        return date.fromisoformat(day).isoformat() if day else ""
    except ValueError:
        return ""


def _after(text: str, start: str) -> str:
    return text[len(start) :] if text.startswith(start) else ""


FORMAT = Format(
    name="oscal_poam", title="OSCAL plan of action and milestones", kinds=("json",), sniff=_sniff, read=_read
)
