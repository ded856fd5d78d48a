"""Triage: severity with its rationale, an owner, what it touches; for one finding or many after a preview."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, Refused
from remediation.findings import sla
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle, scope
from remediation.findings.services.conversation import add_comment
from remediation.findings.severity import effective
from remediation.findings.transitions import BY_VERB
from remediation.sod.duties import Duty


@dataclass(frozen=True)
class Outcome:
    """What would happen, or happened, to one finding of a bulk action. `refusal` None means it changes."""

    finding_id: UUID
    ref: str
    title: str
    refusal: str | None = None


@transaction.atomic
def triage(
    finding_id: UUID,
    *,
    actor: Actor,
    severity: str,
    rationale: str,
    owner_id: UUID | None,
    duplicates_searched: bool,
    criteria: Iterable[str] = (),
    controls: Iterable[UUID] = (),
    assignee_id: UUID | None = None,
    likelihood: int | None = None,
    impact: int | None = None,
    kev: bool | None = None,
    note: str = "",
    expected_version: int | None = None,
) -> Finding:
    """Accept a reported finding: severity with rationale, owner, criteria or controls, duplicates looked for.

    The due date follows from the severity and the detection. Raises Invalid with a message per missing part.
    """
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    move = lifecycle.begin(finding, "triage", actor=actor)
    scope.add(finding, criteria, controls)
    _check(finding, severity, rationale, owner_id, duplicates_searched)
    owner = lifecycle.colleague(owner_id, actor=actor, field="owner")
    lifecycle.take(finding, Duty.OWNER, actor=actor, person_id=owner)
    if assignee_id is not None:
        lifecycle.colleague(assignee_id, actor=actor, field="assignee")
        lifecycle.take(finding, Duty.IMPLEMENTER, actor=actor, person_id=assignee_id)
    is_kev = finding.kev if kev is None else kev
    settled = effective(lifecycle.known_severity(severity), kev=is_kev)
    due = sla.due_for(settled, finding.clock_started_at, sla.rules(finding.organization_id))
    changes: dict[str, Any] = {
        "severity": str(settled),
        "severity_rationale": rationale.strip(),
        "kev": is_kev,
        "owner_id": owner,
        "assignee_id": assignee_id,
        "triaged_at": clock.now(),
        "duplicates_searched_at": clock.now(),
        "due_at": due,
        "current_due_at": due,
        "likelihood": likelihood if likelihood is not None else finding.likelihood,
        "impact": impact if impact is not None else finding.impact,
    }
    if settled != finding.severity:
        changes["severity_since"] = clock.now()
    lifecycle.finish(finding, move, actor=actor, changes=changes)
    scope.record_mapping(finding, actor=actor)
    if note.strip():
        add_comment(finding, note, internal=True, actor=actor)
    return finding


def _check(
    finding: Finding, severity: str, rationale: str, owner_id: UUID | None, searched: bool, *, is_mapped: bool = False
) -> None:
    wrong: dict[str, list[str]] = {}
    lifecycle.known_severity(severity)
    if not rationale.strip():
        wrong["rationale"] = ["Say why this severity fits: what could happen, to which data."]
    if owner_id is None:
        wrong["owner"] = ["Choose who answers for it."]
    if not is_mapped and not scope.touches_something(finding):
        wrong["criteria"] = ["Map it to at least one criterion or control."]
    if not searched:
        wrong["duplicates_searched"] = ["Look for duplicates first, then tick this."]
    if wrong:
        raise Invalid(f"{finding.ref} cannot be triaged yet.", fields=wrong)


def preview_triage(
    finding_ids: Sequence[UUID],
    *,
    actor: Actor,
    owner_id: UUID | None,
    rationale: str,
    criteria: Sequence[str] = (),
) -> list[Outcome]:
    """What a bulk triage would do to each finding, without doing it."""
    actor.require("findings.triage")
    rows = Finding.objects.filter(pk__in=finding_ids, organization_id=actor.organization_id).order_by("number")
    return [Outcome(row.pk, row.ref, row.title, _obstacle(row, owner_id, rationale, bool(criteria))) for row in rows]


def _obstacle(finding: Finding, owner_id: UUID | None, rationale: str, is_mapped: bool) -> str | None:
    try:
        BY_VERB["triage"].check(finding.state, finding.ref)
        _check(finding, finding.severity, rationale, owner_id, True, is_mapped=is_mapped)
    except Invalid as refusal:
        return " ".join(message for messages in refusal.fields.values() for message in messages)
    except Refused as refusal:
        return refusal.message
    return None


@transaction.atomic
def triage_many(
    finding_ids: Sequence[UUID],
    *,
    actor: Actor,
    owner_id: UUID | None,
    severity: str | None,
    rationale: str,
    criteria: Sequence[str] = (),
) -> list[Outcome]:
    """Triage many findings alike: those that can are changed, each with its own event; the others say why not.

    `severity` None keeps each finding's own.
    """
    outcomes = []
    rows = Finding.objects.filter(pk__in=finding_ids, organization_id=actor.organization_id).order_by("number")
    for row in rows:
        refusal = None
        try:
            with transaction.atomic():
                triage(
                    row.pk, actor=actor, severity=severity or row.severity, rationale=rationale, owner_id=owner_id,
                    duplicates_searched=True, criteria=criteria,
                )  # fmt: skip
        except Invalid as error:
            refusal = " ".join(message for messages in error.fields.values() for message in messages)
        except Refused as error:
            refusal = error.message
        outcomes.append(Outcome(row.pk, row.ref, row.title, refusal))
    return outcomes


def suggested_due(finding: Finding, severity: str) -> datetime:
    """When the finding would be due with this severity."""
    return sla.due_for(severity, finding.clock_started_at, sla.rules(finding.organization_id))
