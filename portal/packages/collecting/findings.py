"""Findings with their plans, tasks, evidence, approvals and history, a chunk at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext

from evidence.ledger import queries as ledger
from portal.packages import snapshot as s
from portal.packages.collecting.exhibits import FINDING, Exhibits
from portal.packages.collecting.ground import Ground
from remediation.approvals.actions import ACTIONS
from remediation.approvals.models import Request
from remediation.findings.models import Finding, FindingControl, FindingCriterion, Proposal
from remediation.tasks.models import Plan, Task

CHUNK = 50
REJECT, CUT = "finding.reject", "finding.change_severity"
#: Before triage a date is reckoned, not promised.
UNPROMISED = frozenset(
    {"finding.drafted", "finding.edited", "finding.reported", "finding.imported", "finding.seen_again"}
)
#: Told elsewhere or not an auditor's business: comments may be internal.
UNTOLD_KINDS = ("finding.commented", "finding.drafted", "finding.edited")


class Findings:
    """Reads the findings of an engagement's scope."""

    def __init__(self, ground: Ground, exhibits: Exhibits) -> None:
        self.ground, self.exhibits = ground, exhibits

    def read(self) -> list[s.Finding]:
        return [finding for chunk in self._chunks() for finding in self._of(chunk)]

    def _chunks(self) -> Iterator[list[Finding]]:
        after = 0
        while True:
            rows = list(
                self.ground.findings()
                .filter(number__gt=after)
                .select_related("duplicate_of")
                .order_by("number")[:CHUNK]
            )
            if not rows:
                return
            yield rows
            after = rows[-1].number

    def _of(self, rows: list[Finding]) -> Iterator[s.Finding]:
        ids = [row.pk for row in rows]
        plans = {(plan.finding_id, plan.cycle): plan for plan in Plan.objects.filter(finding_id__in=ids)}
        tasks: dict[UUID, list[Task]] = defaultdict(list)
        for task in Task.objects.filter(finding_id__in=ids).order_by("number"):
            tasks[task.finding_id].append(task)
        requests: dict[UUID, list[Request]] = defaultdict(list)
        for request in (
            Request.objects.filter(subject_type=FINDING, subject_id__in=ids)
            .prefetch_related("decisions")
            .order_by("requested_at")
        ):
            requests[request.subject_id].append(request)
        histories = ledger.histories(FINDING, ids)
        exhibits = self.exhibits.of_findings(rows, tasks)
        controls = _pairs(FindingControl.objects.filter(finding_id__in=ids).order_by("control__number"), "control__ref")
        criteria = _pairs(
            FindingCriterion.objects.filter(finding_id__in=ids).order_by("criterion__position"), "criterion_id"
        )
        proposals = _proposals(ids)
        self.ground.names.learn(
            [
                *(pk for row in rows for pk in (row.finder_id, row.owner_id, row.assignee_id)),
                *(task.assignee_id for many in tasks.values() for task in many),
                *(request.requested_by_id for many in requests.values() for request in many),
                *(
                    pk
                    for many in requests.values()
                    for request in many
                    for d in request.decisions.all()
                    for pk in d.people
                ),
                *(fact.person_id for facts in histories.values() for fact in facts),
            ]
        )
        for row in rows:
            plan = plans.get((row.pk, row.cycle))
            yield s.Finding(
                ref=row.ref,
                title=row.title,
                severity=row.severity,
                original_severity=row.original_severity,
                state=row.state,
                cycle=row.cycle,
                source=row.source,
                condition=row.description,
                reported_on=self.ground.day(row.reported_at or row.imported_at),
                detected_on=self.ground.day(row.detected_at),
                due_on=self.ground.day(row.due_at),
                current_due_on=self.ground.day(row.current_due_at),
                remediated_on=self.ground.day(row.remediated_at),
                verified_on=self.ground.day(row.verified_at),
                closed_on=self.ground.day(row.closed_at),
                severity_rationale=row.severity_rationale,
                audit_rating=row.audit_rating,
                asset=row.asset,
                tool=row.tool,
                rule=row.rule_id,
                finder=self.ground.names[row.finder_id],
                owner=self.ground.names[row.owner_id],
                assignee=self.ground.names[row.assignee_id],
                controls=tuple(controls[row.pk]),
                criteria=tuple(criteria[row.pk]),
                cause_class=row.root_cause_class,
                cause=row.root_cause,
                extent=row.scope_check,
                plan=plan.text if plan else "",
                success_test=plan.success_test if plan else "",
                duplicate_of=row.duplicate_of.ref if row.duplicate_of else "",
                design_only=row.design_only,
                design_fixed_on=row.design_fixed_on,
                operating_evidence_until=row.operating_evidence_until,
                tasks=tuple(self._task(task) for task in tasks[row.pk]),
                exhibits=tuple(sorted(exhibits.get(row.pk, ()))),
                requests=tuple(self._request(request) for request in requests[row.pk]),
                history=tuple(self._event(fact) for fact in histories.get(row.pk, ()) if fact.kind not in UNTOLD_KINDS),
                source_ref=row.source_ref,
                kev=row.kev,
                cvss_vector=row.cvss_vector,
                state_on=self.ground.day(row.state_since),
                rejection=proposals.get((row.pk, REJECT), ""),
                severity_asked=(row.pk, CUT) in proposals,
                dates=tuple(self._dates(histories.get(row.pk, ()), row)),
            )

    def _dates(self, facts: Iterable[ledger.Fact], row: Finding) -> Iterator[s.DueDate]:
        """What was promised in this cycle, oldest first; a date that is said again is not a change."""
        last = None
        for fact in facts:
            told = (fact.after or {}).get("current_due_at")
            if fact.kind in UNPROMISED or not told or (fact.data or {}).get("cycle") != row.cycle:
                continue
            due_on = self.ground.day(datetime.fromisoformat(told))
            if due_on != last:
                yield s.DueDate(self.ground.day(fact.at), due_on, fact.kind, fact.index, fact.reason)
            last = due_on

    def _task(self, task: Task) -> s.Task:
        parts = (task.change_ticket, task.pull_request, task.deploy)
        return s.Task(
            ref=task.ref,
            title=task.title,
            assignee=self.ground.names[task.assignee_id],
            state=task.state,
            due_on=task.due_on,
            change=", ".join(part for part in parts if part),
            submitted_on=self.ground.day(task.submitted_at),
            done_on=self.ground.day(task.done_at),
        )

    def _request(self, request: Request) -> s.Request:
        known = ACTIONS.get(request.action)
        return s.Request(
            action=known.word if known else request.action,
            state=request.state,
            needed=request.needed,
            requested_by=self.ground.names[request.requested_by_id],
            requested_at=request.requested_at,
            content_sha256=request.content_sha256,
            rules=_matrix(request.matrix_version),
            decisions=tuple(
                s.Decision(
                    person=self.ground.names[decision.person_id],
                    department=decision.department,
                    verdict=decision.verdict,
                    at=decision.at,
                    reason=decision.reason,
                    rules=_matrix(decision.matrix_version),
                    content_sha256=decision.content_sha256,
                    on_behalf_of=self.ground.names[decision.for_person_id],
                )
                for decision in sorted(request.decisions.all(), key=lambda row: (row.at, row.pk))
            ),
        )

    def _event(self, fact: ledger.Fact) -> s.HistoryEvent:
        actor = self.ground.names[fact.person_id] or fact.system or gettext("Somebody")
        text = fact.sentence.replace("{actor}", actor).replace("{subject}", fact.object_ref)
        return s.HistoryEvent(
            number=fact.index, at=fact.at, kind=fact.kind, text=text, actor=actor, reason=fact.reason, leaf=fact.leaf
        )


def _matrix(version: Any) -> str:
    # Translators: which version of the rules of separation was in force.
    return gettext("matrix %(version)s") % {"version": version}


def _proposals(ids: list[UUID]) -> dict[tuple[UUID, str], str]:
    """What is asked, or was granted, about each: the kind of rejection, or that a lower severity waits."""
    rows = Proposal.objects.filter(finding_id__in=ids, action__in=[REJECT, CUT]).order_by("at")
    return {
        (row.finding_id, row.action): str(row.change.get("kind", ""))
        for row in rows
        if row.ended_at is None or (row.action == REJECT and row.outcome == "granted")
    }


def _pairs(rows: Any, field: str) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = defaultdict(list)
    for finding_id, value in rows.values_list("finding_id", field):
        found[finding_id].append(value)
    return found
