"""How a finding comes to be: a draft that its finder completes, or a report at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, NotAllowed
from evidence.ledger import services as ledger
from evidence.organizations.services import take_ref
from remediation.findings import events, sla
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle, scope
from remediation.findings.severity import effective, is_cvss_vector
from remediation.findings.states import AuditRating, Severity, Source, State
from remediation.sod.duties import Duty

_TEXT_LIMITS = {"title": 300, "asset": 500, "tool": 80, "rule_id": 200, "source_ref": 200, "cvss_source": 80}


@dataclass(frozen=True)
class Facts:
    """What a finder knows. Severity is the finder's view; triage decides."""

    title: str = ""
    source: str = Source.INTERNAL
    detected_at: datetime | None = None
    asset: str = ""
    description: str = ""
    severity: str = Severity.MEDIUM
    tool: str = ""
    rule_id: str = ""
    source_ref: str = ""
    cvss_vector: str = ""
    cvss_source: str = ""
    kev: bool = False
    audit_rating: str = ""
    likelihood: int | None = None
    impact: int | None = None
    criteria: Iterable[str] = field(default_factory=tuple)
    controls: Iterable[UUID] = field(default_factory=tuple)


def check_facts(facts: Facts, *, complete: bool) -> None:
    """Raise Invalid with a message per field. `complete` asks for everything a report needs (PRACTICE 3.2, row 1)."""
    wrong: dict[str, list[str]] = {}
    if not facts.title.strip():
        wrong["title"] = ["Give it a title that says what is wrong and where."]
    if facts.source not in Source.values:
        wrong["source"] = ["Choose where it comes from."]
    if facts.severity not in Severity.values:
        wrong["severity"] = ["Choose critical, high, medium or low."]
    if facts.audit_rating and facts.audit_rating not in AuditRating.values:
        wrong["audit_rating"] = ["Choose one of the auditor's ratings, or none."]
    if facts.cvss_vector and not is_cvss_vector(facts.cvss_vector):
        wrong["cvss_vector"] = ["A vector starts with CVSS:3.1/ or CVSS:4.0/."]
    if facts.detected_at is not None and facts.detected_at > clock.now():
        wrong["detected_at"] = ["It cannot have been detected in the future."]
    for name in ("likelihood", "impact"):
        value = getattr(facts, name)
        if value is not None and value not in range(1, 6):
            wrong[name] = ["Choose 1 to 5."]
    for name, limit in _TEXT_LIMITS.items():
        if len(getattr(facts, name)) > limit:
            wrong[name] = [f"At most {limit} characters."]
    if complete and facts.detected_at is None:
        wrong["detected_at"] = ["Say when it was detected; the clock starts there."]
    if complete and not facts.asset.strip():
        wrong["asset"] = ["Name the system or process it affects."]
    if wrong:
        raise Invalid("Some of the finding's facts need another look.", fields=wrong)


@transaction.atomic
def report(*, actor: Actor, **facts: Any) -> Finding:
    """Report a finding: title, source, detected_at and asset are needed. The reporter becomes its finder."""
    return _create(Facts(**facts), State.REPORTED, actor=actor)


@transaction.atomic
def draft(*, actor: Actor, **facts: Any) -> Finding:
    """Keep an unfinished report; only a title is needed."""
    return _create(Facts(**facts), State.DRAFT, actor=actor)


@transaction.atomic
def edit_draft(finding_id: UUID, *, actor: Actor, expected_version: int | None = None, **facts: Any) -> Finding:
    """Replace the facts of a draft. Raises WrongState once it is reported."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.report", finding)
    lifecycle.BY_VERB["report"].check(finding.state, finding.ref)
    given = Facts(**facts)
    check_facts(given, complete=False)
    lifecycle.change(finding, events.FINDING_EDITED, actor=actor, changes=_fields(given, finding.organization_id))
    scope.replace(finding, given.criteria, given.controls)
    return finding


@transaction.atomic
def report_draft(finding_id: UUID, *, actor: Actor, expected_version: int | None = None) -> Finding:
    """Report a complete draft; whoever reports it becomes its finder."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    move = lifecycle.begin(finding, "report", actor=actor)
    check_facts(
        Facts(
            title=finding.title,
            source=finding.source,
            detected_at=finding.detected_at,
            asset=finding.asset,
            severity=finding.severity,
        ),
        complete=True,
    )
    now = clock.now()
    rules = sla.rules(finding.organization_id)
    return lifecycle.finish(
        finding,
        move,
        actor=actor,
        changes={
            "reported_at": now,
            "finder_id": actor.person_id,
            "triage_due_at": sla.triage_due_for(finding.severity, now, rules),
        },
    )


@transaction.atomic
def report_itself(*, actor: Actor, **facts: Any) -> Finding:
    """Report what the product saw by itself. It has no finder: the product takes no duty. Raises NotAllowed for people."""
    if not actor.is_system:
        raise NotAllowed("Only the product reports this way; report it as its finder.")
    return _create(Facts(**facts), State.REPORTED, actor=actor)


def _create(facts: Facts, state: State, *, actor: Actor) -> Finding:
    actor.require("findings.report")
    check_facts(facts, complete=state == State.REPORTED)
    ref, number = take_ref(actor.organization_id, "F")
    fields = _fields(facts, actor.organization_id)
    finding = Finding.objects.create(
        organization_id=actor.organization_id,
        ref=ref,
        number=number,
        state=state,
        state_since=clock.now(),
        severity_since=clock.now(),
        finder_id=actor.person_id,
        reported_at=clock.now() if state == State.REPORTED else None,
        **fields,
    )
    if state == State.REPORTED and not actor.is_system:
        lifecycle.take(finding, Duty.FINDER, actor=actor)
    scope.replace(finding, facts.criteria, facts.controls)
    ledger.record(
        events.FINDING_REPORTED if state == State.REPORTED else events.FINDING_DRAFTED,
        subject=finding,
        actor=actor,
        after={name: lifecycle.plain(value) for name, value in fields.items() if name not in lifecycle.WORDS},
        data={"cycle": 1},
        texts={name: value for name, value in fields.items() if name in lifecycle.WORDS and value},
    )
    return finding


def _fields(facts: Facts, organization_id: UUID) -> Mapping[str, Any]:
    severity = effective(facts.severity, kev=facts.kev)
    detected = facts.detected_at or clock.now()
    rules = sla.rules(organization_id)
    due = sla.due_for(severity, detected, rules)
    return {
        "title": facts.title.strip(),
        "description": facts.description.strip(),
        "source": str(facts.source),
        "source_ref": facts.source_ref.strip(),
        "tool": facts.tool.strip(),
        "rule_id": facts.rule_id.strip(),
        "asset": facts.asset.strip(),
        "detected_at": detected,
        "clock_started_at": detected,
        "triage_due_at": sla.triage_due_for(severity, clock.now(), rules),
        "due_at": due,
        "current_due_at": due,
        "severity": str(severity),
        "original_severity": str(severity),
        "likelihood": facts.likelihood,
        "impact": facts.impact,
        "cvss_vector": facts.cvss_vector,
        "cvss_source": facts.cvss_source,
        "kev": facts.kev,
        "audit_rating": str(facts.audit_rating),
    }
