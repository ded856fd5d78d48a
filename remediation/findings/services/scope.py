"""What a finding touches: criteria and controls. Adding is free; taking away after triage needs an approval."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.controls.models import Control, Criterion
from evidence.errors import Invalid
from evidence.ledger import services as ledger
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.findings import events
from remediation.findings.models import Finding, FindingControl, FindingCriterion
from remediation.findings.services import lifecycle, proposals
from remediation.findings.states import UNTRIAGED


@transaction.atomic
def map_to(
    finding_id: UUID,
    *,
    actor: Actor,
    criteria: Iterable[str] = (),
    controls: Iterable[UUID] = (),
    expected_version: int | None = None,
) -> Finding:
    """Add criteria and controls. What is already there stays."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.triage", finding)
    lifecycle.require_open(finding)
    add(finding, criteria, controls)
    return lifecycle.change(
        finding,
        events.FINDING_MAPPED,
        actor=actor,
        changes={},
        data={"criteria": proposals.criteria_of(finding.pk), "controls": proposals.controls_of(finding.pk)},
    )


@transaction.atomic
def narrow_scope(
    finding_id: UUID,
    *,
    actor: Actor,
    reason: str,
    criteria: Iterable[str] = (),
    controls: Iterable[UUID] = (),
    expected_version: int | None = None,
) -> Request:
    """Ask to take criteria or controls away; the person who asks cannot decide it."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.triage", finding)
    lifecycle.require_open(finding)
    gone_criteria = sorted(set(criteria) & set(proposals.criteria_of(finding.pk)))
    refs = Control.objects.filter(pk__in=list(controls)).values_list("ref", flat=True)
    gone_controls = sorted(set(refs) & set(proposals.controls_of(finding.pk)))
    if not gone_criteria and not gone_controls:
        raise Invalid("Nothing would be taken away.", fields={"criteria": ["Choose what does not belong."]})
    return proposals.ask(
        finding,
        "finding.narrow_scope",
        actor=actor,
        change={"criteria": gone_criteria, "controls": gone_controls},
        reason=lifecycle.needs_words(reason),
        event=events.FINDING_NARROWING_ASKED,
    )


def narrow(request: Request, actor: Actor) -> None:
    """A granted request: take away what it names."""
    finding = lifecycle.lock(request.subject_id, actor=actor)
    change = proposals.settle(request, "granted").change
    FindingCriterion.objects.filter(finding=finding, criterion_id__in=change["criteria"]).delete()
    FindingControl.objects.filter(finding=finding, control__ref__in=change["controls"]).delete()
    approvals.void_granted(
        lifecycle.SUBJECT,
        finding.pk,
        finding.cycle,
        actor=actor,
        why=f"The scope of {finding.ref} was narrowed.",
        actions=["finding.approve_plan"],
    )
    lifecycle.change(finding, events.FINDING_NARROWED, actor=actor, changes={}, data=change)


def add(finding: Finding, criteria: Iterable[str], controls: Iterable[UUID]) -> None:
    """Link criteria (identifiers) and controls (ids), once each. Raises Invalid for an unknown one."""
    wanted = sorted(set(criteria))
    known = set(Criterion.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    if missing := [identifier for identifier in wanted if identifier not in known]:
        raise Invalid(f"There is no criterion {missing[0]}.", fields={"criteria": [f"{missing[0]} is not one."]})
    ids = set(controls)
    found = set(
        Control.objects.filter(pk__in=ids, organization_id=finding.organization_id).values_list("pk", flat=True)
    )
    if ids - found:
        raise Invalid("There is no such control here.", fields={"controls": ["Choose controls from the list."]})
    organization = finding.organization_id
    FindingCriterion.objects.bulk_create(
        [FindingCriterion(organization_id=organization, finding=finding, criterion_id=pk) for pk in sorted(known)],
        ignore_conflicts=True,
    )
    FindingControl.objects.bulk_create(
        [FindingControl(organization_id=organization, finding=finding, control_id=pk) for pk in sorted(found)],
        ignore_conflicts=True,
    )


def replace(finding: Finding, criteria: Iterable[str], controls: Iterable[UUID]) -> None:
    """Set what an untriaged finding touches."""
    criteria, controls = list(criteria), list(controls)
    if finding.state in UNTRIAGED and finding.version > 1:
        FindingCriterion.objects.filter(finding=finding).exclude(criterion_id__in=criteria).delete()
        FindingControl.objects.filter(finding=finding).exclude(control_id__in=controls).delete()
    add(finding, criteria, controls)


def touches_something(finding: Finding) -> bool:
    return (
        FindingCriterion.objects.filter(finding=finding).exists()
        or FindingControl.objects.filter(finding=finding).exists()
    )


def record_mapping(finding: Finding, *, actor: Actor) -> None:
    """Leave in the history what the finding touches now."""
    ledger.record(
        events.FINDING_MAPPED,
        subject=finding,
        actor=actor,
        data={"criteria": proposals.criteria_of(finding.pk), "controls": proposals.controls_of(finding.pk)},
    )
