"""Accepted risks, deferrals, and what segregation of duties has to say."""

from typing import Any

from django.db.models import Prefetch, Q
from django.utils.translation import gettext, pgettext

from portal.accounts.models import Membership
from portal.packages import snapshot as s
from portal.packages import wording
from portal.packages.collecting import cover
from portal.packages.collecting.exhibits import FINDING
from portal.packages.collecting.ground import Ground
from remediation.approvals.models import Request
from remediation.findings.models import Finding
from remediation.risk.models import Acceptance, Deferral
from remediation.sod import queries as sod
from remediation.sod.models import Hand, Rule, Waiver, WaiverUse


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
            granted_on=ground.day(row.accepted_at),
            ended_on=ground.day(row.ended_at),
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
            granted_on=ground.day(row.deferred_at),
            ended_on=ground.day(row.ended_at),
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
        wording.counted(
            "Only %(number)s person could approve when this package was read; the rules were not relaxed for that.",
            "Only %(number)s people could approve when this package was read; the rules were not relaxed for that.",
            deciders,
        )
        if deciders < 3
        else ""
    )
    unique: dict[str, s.Rule] = {}
    for rule in rules:
        unique.setdefault(rule.sentence, s.Rule(rule.number, rule.sentence, rule.verdict))
    own = sod.policy_version(ground.organization.pk)
    return s.Duties(
        matrix=_matrix(version, own),
        rules=tuple(unique.values()),
        decisions=sum(len(request.decisions) for f in findings for request in f.requests),
        refused=None,
        people=people.values("person_id").distinct().count(),
        delegations=cover.lent(ground),
        break_glass=cover.emergency(ground),
        small_team=few,
        waivers=_waivers(ground, finding_ids),
    )


def _matrix(version: Any, own: Any) -> str:
    if not own:
        return str(version)
    return gettext("%(version)s, own policy %(policy)s") % {"version": version, "policy": own}


def _waivers(ground: Ground, finding_ids: Any) -> tuple[str, ...]:
    """Every exception that stood in the period or carried a duty on these findings, each with what it carried."""
    uses = WaiverUse.objects.filter(subject_type=FINDING, subject_id__in=finding_ids).order_by("at", "id")
    rows = (
        Waiver.objects.filter(organization_id=ground.organization.pk)
        .filter(
            Q(ends_at__date__gte=ground.engagement.period_start, starts_at__date__lte=ground.today)
            | Q(uses__subject_type=FINDING, uses__subject_id__in=finding_ids)
        )
        .select_related("person", "ended_by")
        .prefetch_related(Prefetch("uses", uses, to_attr="carried"))
        .distinct()
        .order_by("number")
    )
    refs = dict(Finding.objects.filter(pk__in=finding_ids).values_list("pk", "ref"))
    return tuple(_waiver(ground, row, refs) for row in rows)


def _waiver(ground: Ground, row: Waiver, refs: dict[Any, str]) -> str:
    who = gettext("A lower quorum (Q-03)")
    if row.person:
        rules = {"person": row.person.name, "rules": wording.separated(row.rules)}
        who = gettext("%(person)s may do what %(rules)s forbids") % rules
    carried = pgettext("separator", "; ").join(
        gettext("%(duty)s of %(finding)s on %(day)s (%(rule)s)")
        % {
            "duty": wording.label(use.get_duty_display()),
            "finding": refs[use.subject_id],
            "day": wording.full_day(ground.day(use.at)),
            "rule": use.rule,
        }
        for use in row.carried  # type: ignore[attr-defined]
    )
    return gettext(
        "%(waiver)s: %(who)s, %(start)s to %(end)s, granted by an executive while fewer than three people could take the "
        "duty. Looked at from outside by %(reviewer)s. Why: %(reason)s It carried: %(carried)s."
    ) % {
        "waiver": row.ref,
        "who": who,
        "start": wording.full_day(ground.day(row.starts_at)),
        "end": wording.full_day(ground.day(row.ended_at or row.ends_at)),
        "reviewer": row.reviewer,
        "reason": row.reason,
        "carried": carried or gettext("nothing in this package"),
    }


def _by(ground: Ground, decision: Any) -> str:
    name = ground.names[decision.person_id]
    if not decision.for_person_id:
        return name
    return wording.in_place_of(name, ground.names[decision.for_person_id])


def _last_decision(request: Request | None) -> Any:
    rows = sorted(request.decisions.all(), key=lambda row: row.at) if request else []
    return rows[-1] if rows else None
