"""Accepted risks, deferrals, and what segregation of duties has to say."""

from typing import Any

from portal.accounts.models import Membership
from portal.packages import snapshot as s
from portal.packages import wording
from portal.packages.collecting import cover
from portal.packages.collecting.exhibits import FINDING
from portal.packages.collecting.ground import Ground
from remediation.approvals.models import Request
from remediation.risk.models import Acceptance, Deferral
from remediation.sod import queries as sod
from remediation.sod.models import Hand, Rule


def acceptances(ground: Ground, finding_ids: Any) -> tuple[s.Acceptance, ...]:
    rows = list(
        Acceptance.objects.filter(finding_id__in=finding_ids)
        .exclude(state="withdrawn")
        .select_related("finding")
        .order_by("finding__number", "requested_at")
    )
    ground.names.learn([pk for row in rows for pk in (row.requested_by_id, row.accepted_by_id)])
    return tuple(
        s.Acceptance(
            finding=row.finding.ref,
            title=row.finding.title,
            severity=row.severity,
            state=row.get_state_display(),
            reason=row.reason,
            residual_risk=row.residual_risk,
            compensating=row.compensating,
            expires_on=row.expires_on,
            requested_by=ground.names[row.requested_by_id],
            decided_by=ground.names[row.accepted_by_id],
            decided_at=row.accepted_at,
        )
        for row in rows
    )


def deferrals(ground: Ground, finding_ids: Any) -> tuple[s.Deferral, ...]:
    rows = list(
        Deferral.objects.filter(finding_id__in=finding_ids)
        .exclude(state="withdrawn")
        .select_related("finding", "request")
        .prefetch_related("request__decisions")
        .order_by("finding__number", "requested_at")
    )
    last = {row.pk: _last_decision(row.request) for row in rows}
    ground.names.learn([row.requested_by_id for row in rows] + [pk for d in last.values() if d for pk in d.people])
    return tuple(
        s.Deferral(
            finding=row.finding.ref,
            title=row.finding.title,
            severity=row.finding.severity,
            state=row.get_state_display(),
            reason=row.reason,
            original_due_on=row.old_due_on,
            new_due_on=row.new_due_on,
            vendor=row.vendor,
            check_in_on=row.check_in_on,
            requested_by=ground.names[row.requested_by_id],
            decided_by=_by(ground, decision) if decision else "",
            decided_at=decision.at if decision else None,
        )
        for row in rows
        for decision in [last[row.pk]]
    )


def duties(ground: Ground, finding_ids: Any, findings: list[s.Finding]) -> s.Duties:
    version = sod.matrix_version()
    rules = Rule.objects.filter(matrix_version=version).exclude(verdict="Y").order_by("number")
    people = Hand.objects.filter(subject_type=FINDING, subject_id__in=finding_ids)
    deciders = (
        Membership.objects.filter(organization_id=ground.organization.pk, ended_at=None, role="approver")
        .values("person_id")
        .distinct()
        .count()
    )
    few = (
        f"Only {wording.count(deciders, 'person', 'people')} could approve when this package was read; "
        "the rules were not relaxed for that."
        if deciders < 3
        else ""
    )
    unique: dict[str, s.Rule] = {}
    for rule in rules:
        unique.setdefault(rule.sentence, s.Rule(rule.number, rule.sentence, rule.verdict))
    return s.Duties(
        matrix=str(version),
        rules=tuple(unique.values()),
        decisions=sum(len(request.decisions) for f in findings for request in f.requests),
        refused=None,
        people=people.values("person_id").distinct().count(),
        delegations=cover.lent(ground),
        break_glass=cover.emergency(ground),
        small_team=few,
    )


def _by(ground: Ground, decision: Any) -> str:
    name = ground.names[decision.person_id]
    return f"{name} for {ground.names[decision.for_person_id]}" if decision.for_person_id else name


def _last_decision(request: Request | None) -> Any:
    rows = sorted(request.decisions.all(), key=lambda row: row.at) if request else []
    return rows[-1] if rows else None
