"""Reads an engagement's rows from the database into a snapshot: a bounded number of queries, findings in chunks.

Nothing internal is read: no internal comments, no drafts, no evidence that was not accepted.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count

from evidence import clock
from evidence.artifacts.models import Artifact, ArtifactLink
from evidence.controls import queries as control_queries
from evidence.controls.models import Category, ControlCriterion
from evidence.errors import Unavailable
from evidence.ledger import keys, notes
from evidence.ledger import models as ledger_models
from evidence.ledger import queries as ledger
from evidence.organizations import queries as organizations
from portal.accounts.models import Membership, Person
from portal.engagements import queries as engagements
from portal.engagements.models import Engagement as EngagementRow
from portal.packages import snapshot as s
from portal.packages import wording
from portal.packages.models import Package
from remediation.approvals.actions import ACTIONS
from remediation.approvals.models import Request
from remediation.findings.models import Finding, FindingControl, FindingCriterion
from remediation.monitoring.models import Run, RunState
from remediation.risk.models import Acceptance, Deferral
from remediation.sod import queries as sod
from remediation.sod.models import Hand, Rule
from remediation.tasks.models import OwedItem, Plan, Task

CHUNK = 50
ATTACH_LIMIT_BYTES = 256 * 1024 * 1024
FINDING, TASK, CONTROL = "findings.finding", "tasks.task", "controls.control"
#: A change of one of these between reading and the checkpoint would make the rows disagree with the ledger.
READ_TYPES = (
    FINDING, TASK, CONTROL, "tasks.plan", "approvals.request", "artifacts.artifact", "risk.acceptance",
    "risk.deferral", "monitoring.run", "engagements.engagement",
)  # fmt: skip
#: Told elsewhere or not an auditor's business: comments may be internal.
UNTOLD_KINDS = ("finding.commented", "finding.drafted", "finding.edited")

HEADINGS = {
    "CC1": "Control environment",
    "CC2": "Information and communication",
    "CC3": "Risk assessment",
    "CC4": "Monitoring",
    "CC5": "Control activities",
    "CC6": "Logical and physical access",
    "CC7": "System operations",
    "CC8": "Change management",
    "CC9": "Risk mitigation",
    "A1": "Availability",
    "C1": "Confidentiality",
    "PI1": "Processing integrity",
    "P": "Privacy",
}
MEANINGS = {
    "critical": "A criterion is not met and nothing else makes up for it, or student data is exposed.",
    "high": "A key control failed; others limit the effect.",
    "medium": "A control deviated without effect on its objective.",
    "low": "Documentation or timeliness only.",
}


def unsealed_events(organization_id: UUID, most: int = 5000) -> list[UUID]:
    """Events that wait for their place under a checkpoint."""
    waiting = ledger_models.Queue.objects.filter(organization_id=organization_id).order_by("id")
    return list(waiting.values_list("event_id", flat=True)[:most])


def snapshot(package: Package, *, issues: tuple[s.Issue, ...]) -> s.Snapshot:
    """The rows of the package's engagement as of the newest checkpoint.

    Raises Unavailable when something in scope changed while it was read; the job then reads again.
    """
    reader = _Reader(package)
    began = clock.now()
    made = reader.snapshot(issues)
    _refuse_changed(package.organization_id, made.checkpoint, began)
    return made


def _refuse_changed(organization_id: UUID, checkpoint: s.Checkpoint | None, began: datetime) -> None:
    size = checkpoint.tree_size if checkpoint else 0
    newer = ledger_models.Event.objects.filter(
        organization_id=organization_id, object_type__in=READ_TYPES, at__gte=began - timedelta(minutes=2)
    ).exclude(entry__index__lt=size)
    if newer.exists():
        raise Unavailable(
            "Something in this engagement changed while the package was being read. Nothing was built.",
            code="changed_meanwhile",
            help="Build it again.",
        )


@dataclass
class _Names:
    """Names of people by id, looked up once a chunk."""

    known: dict[UUID, str]

    def learn(self, ids: Iterable[UUID | None]) -> None:
        missing = {pk for pk in ids if pk is not None} - set(self.known)
        if missing:
            self.known.update(Person.objects.filter(pk__in=missing).values_list("pk", "name"))

    def __getitem__(self, pk: UUID | None) -> str:
        return self.known.get(pk, "") if pk else ""


class _Reader:
    def __init__(self, package: Package) -> None:
        self.package = package
        self.engagement: EngagementRow = package.engagement
        self.organization = package.organization
        self.zone = ZoneInfo(self.organization.timezone)
        self.now = clock.now().replace(microsecond=0)
        self.today = self.now.astimezone(self.zone).date()
        self.names = _Names({})
        self.exhibits: dict[str, s.Exhibit] = {}
        self.unaccepted: set[str] = set()

    def snapshot(self, issues: tuple[s.Issue, ...]) -> s.Snapshot:
        # The checkpoint comes first: what is read after it may be newer and is then refused, never older.
        checkpoint = self._checkpoint()
        control_rows = list(engagements.controls(self.engagement).order_by("number").select_related("owner"))
        findings = [finding for chunk in self._chunks() for finding in self._findings(chunk)]
        control_exhibits = self._artifacts(CONTROL, {row.pk: row.ref for row in control_rows})
        controls = self._controls(control_rows, findings, control_exhibits)
        exhibits = tuple(self._within_limit(sorted(self.exhibits.values(), key=_exhibit_key)))
        finding_ids = engagements.findings(self.engagement).values("pk")
        acceptances, deferrals = self._acceptances(finding_ids), self._deferrals(finding_ids)
        return s.Snapshot(
            organization=s.Organization(
                self.organization.name, self.organization.slug, self.organization.timezone, self.organization.is_sample
            ),
            engagement=self._engagement(),
            identity=self._identity(issues),
            scope=self._scope(findings, controls),
            criteria=self._criteria(findings, controls),
            controls=controls,
            findings=tuple(findings),
            acceptances=acceptances,
            deferrals=deferrals,
            duties=self._duties(finding_ids, findings),
            exhibits=exhibits,
            checkpoint=checkpoint,
            severity_scale=self._scale(),
        )

    # --- what the package is ---

    def _checkpoint(self) -> s.Checkpoint | None:
        standing = ledger.standing(self.organization.pk)
        if not standing.note:
            return None
        opened = notes.open_checkpoint(standing.note, keys.verifier_keys(self.organization.pk))
        key = next(key for key in keys.verifier_keys(self.organization.pk) if _signed_by(standing.note, key))
        return s.Checkpoint(
            note=standing.note,
            origin=opened.origin,
            tree_size=standing.size,
            root=standing.root,
            key=str(key),
            signed_at=standing.sealed_at.replace(microsecond=0) if standing.sealed_at else None,
        )

    def _engagement(self) -> s.Engagement:
        row = self.engagement
        return s.Engagement(
            ref=row.ref,
            title=row.title,
            kind=row.get_kind_display(),
            auditor_firm=row.auditor_firm,
            period_start=row.period_start,
            period_end=row.period_end,
            categories=tuple(_category(name) for name in row.categories),
            system_description=row.system_description,
        )

    def _identity(self, issues: tuple[s.Issue, ...]) -> s.Identity:
        package = self.package
        department = Membership.objects.filter(
            organization_id=self.organization.pk, person_id=package.prepared_by_id, ended_at=None
        ).exclude(department="")
        recipients = ((self.engagement.auditor_firm, "Examination"),) if self.engagement.auditor_firm else ()
        return s.Identity(
            ref=package.ref,
            issue=package.issue,
            title=package.title,
            state="draft",
            as_of=self.now,
            prepared_by=package.prepared_by.name,
            department=department.values_list("department", flat=True).first() or "",
            issues=issues,
            recipients=recipients,
        )

    def _scope(self, findings: list[s.Finding], controls: tuple[s.Control, ...]) -> s.Scope:
        row = self.engagement
        return s.Scope(
            gaps=(*row.known_gaps, *self._gaps(findings, controls)),
            exclusions=(*row.exclusions, *self._left_out()),
            vendors=tuple(
                s.Vendor(
                    str(vendor.get("name", "")),
                    str(vendor.get("service", "")),
                    str(vendor.get("report", "")),
                    str(vendor.get("note", "")),
                )
                for vendor in row.vendors
            ),
            user_controls=tuple(row.user_controls),
        )

    def _gaps(self, findings: list[s.Finding], controls: tuple[s.Control, ...]) -> Iterator[str]:
        late = [f.ref for f in findings if f.is_overdue(self.today)]
        if late:
            yield f"{wording.capital(wording.count(len(late), 'finding'))} past the date: {_some(late)}."
        designed = [f.ref for f in findings if f.is_closed and f.design_only]
        if designed:
            yield (
                f"{wording.capital(wording.count(len(designed), 'finding'))} closed as design only, before the control "
                f"had run often enough: {_some(designed)}."
            )
        unshown = [c.ref for c in controls if not c.due]
        if unshown:
            yield f"{wording.capital(wording.count(len(unshown), 'control'))} without a recorded run: {_some(unshown)}."
        gappy = [c.ref for c in controls if c.due and c.operated < c.due]
        if gappy:
            yield f"{wording.capital(wording.count(len(gappy), 'control'))} with missing or partial runs: {_some(gappy)}."
        if self.unaccepted:
            words = wording.capital(wording.count(len(self.unaccepted), "linked file"))
            yield f"{words} not yet reviewed and accepted, and therefore not among the exhibits."
        if self.today < self.engagement.period_end:
            yield f"The period runs until {wording.long_day(self.engagement.period_end)}; this package is of an earlier day."

    def _left_out(self) -> Iterator[str]:
        own = Finding.objects.filter(organization_id=self.organization.pk).exclude(state="draft")
        outside = own.exclude(engagement_scopes__engagement_id=self.engagement.pk).count()
        if outside:
            yield f"{wording.capital(wording.count(outside, 'finding'))} of the organization outside this engagement’s scope."

    def _criteria(self, findings: list[s.Finding], controls: tuple[s.Control, ...]) -> tuple[s.Criterion, ...]:
        used = {name for row in (*findings, *controls) for name in row.criteria}
        return tuple(
            s.Criterion(row.identifier, _heading(row.identifier), row.title)
            for row in control_queries.criteria()
            if row.identifier in used
        )

    def _scale(self) -> tuple[tuple[str, str, int], ...]:
        days = organizations.policy(self.organization.pk, "sla").body["remediate_days"]
        return tuple((name, MEANINGS[name], int(days[name])) for name in s.SEVERITIES)

    # --- controls ---

    def _controls(
        self, rows: list[Any], findings: list[s.Finding], exhibits: dict[UUID, list[str]]
    ) -> tuple[s.Control, ...]:
        last = min(self.engagement.period_end, self.today)
        runs: dict[UUID, dict[str, int]] = defaultdict(dict)
        counted = (
            Run.objects.filter(
                control_id__in=[row.pk for row in rows], due_on__gte=self.engagement.period_start, due_on__lte=last
            )
            .exclude(state=RunState.SCHEDULED)
            .values_list("control_id", "state")
            .annotate(many=Count("pk"))
        )
        for control_id, state, many in counted:
            runs[control_id][state] = many
        criteria: dict[UUID, list[str]] = defaultdict(list)
        links = ControlCriterion.objects.filter(control_id__in=[row.pk for row in rows])
        for control_id, name in links.order_by("criterion__position").values_list("control_id", "criterion_id"):
            criteria[control_id].append(name)
        found: dict[str, list[str]] = defaultdict(list)
        for finding in findings:
            for ref in finding.controls:
                found[ref].append(finding.ref)
        return tuple(
            s.Control(
                ref=row.ref,
                title=row.title,
                owner=row.owner.name if row.owner else "",
                criteria=tuple(criteria[row.pk]),
                frequency=row.get_frequency_display(),
                operated=runs[row.pk].get(RunState.OPERATED, 0),
                due=sum(runs[row.pk].values()),
                findings=tuple(found[row.ref]),
                exhibits=tuple(exhibits.get(row.pk, ())),
            )
            for row in rows
        )

    # --- findings ---

    def _chunks(self) -> Iterator[list[Finding]]:
        after = 0
        while True:
            rows = list(
                engagements.findings(self.engagement)
                .filter(number__gt=after)
                .select_related("duplicate_of")
                .order_by("number")[:CHUNK]
            )
            if not rows:
                return
            yield rows
            after = rows[-1].number

    def _findings(self, rows: list[Finding]) -> Iterator[s.Finding]:
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
        exhibits = self._finding_exhibits(rows, tasks)
        controls = _pairs(FindingControl.objects.filter(finding_id__in=ids).order_by("control__number"), "control__ref")
        criteria = _pairs(
            FindingCriterion.objects.filter(finding_id__in=ids).order_by("criterion__position"), "criterion_id"
        )
        self.names.learn(
            [
                *(pk for row in rows for pk in (row.finder_id, row.owner_id, row.assignee_id)),
                *(task.assignee_id for many in tasks.values() for task in many),
                *(request.requested_by_id for many in requests.values() for request in many),
                *(d.person_id for many in requests.values() for request in many for d in request.decisions.all()),
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
                reported_on=self._day(row.reported_at or row.imported_at),
                detected_on=self._day(row.detected_at),
                due_on=self._day(row.due_at),
                current_due_on=self._day(row.current_due_at),
                remediated_on=self._day(row.remediated_at),
                verified_on=self._day(row.verified_at),
                closed_on=self._day(row.closed_at),
                severity_rationale=row.severity_rationale,
                audit_rating=row.audit_rating,
                asset=row.asset,
                tool=row.tool,
                rule=row.rule_id,
                finder=self.names[row.finder_id],
                owner=self.names[row.owner_id],
                assignee=self.names[row.assignee_id],
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
            )

    def _task(self, task: Task) -> s.Task:
        parts = (task.change_ticket, task.pull_request, task.deploy)
        return s.Task(
            ref=task.ref,
            title=task.title,
            assignee=self.names[task.assignee_id],
            state=task.state,
            due_on=task.due_on,
            change=", ".join(part for part in parts if part),
            submitted_on=self._day(task.submitted_at),
        )

    def _request(self, request: Request) -> s.Request:
        known = ACTIONS.get(request.action)
        return s.Request(
            action=known.word if known else request.action,
            state=request.state,
            needed=request.needed,
            requested_by=self.names[request.requested_by_id],
            requested_at=request.requested_at,
            content_sha256=request.content_sha256,
            rules=f"matrix {request.matrix_version}",
            decisions=tuple(
                s.Decision(
                    person=self.names[decision.person_id],
                    department=decision.department,
                    verdict=decision.verdict,
                    at=decision.at,
                    reason=decision.reason,
                    rules=f"matrix {decision.matrix_version}",
                    content_sha256=decision.content_sha256,
                )
                for decision in sorted(request.decisions.all(), key=lambda row: (row.at, row.pk))
            ),
        )

    def _event(self, fact: ledger.Fact) -> s.HistoryEvent:
        actor = self.names[fact.person_id] or fact.system or "Somebody"
        text = fact.sentence.replace("{actor}", actor).replace("{subject}", fact.object_ref)
        return s.HistoryEvent(
            number=fact.index, at=fact.at, kind=fact.kind, text=text, actor=actor, reason=fact.reason, leaf=fact.leaf
        )

    # --- evidence ---

    def _finding_exhibits(self, rows: list[Finding], tasks: dict[UUID, list[Task]]) -> dict[UUID, set[str]]:
        refs = {row.pk: row.ref for row in rows}
        found: dict[UUID, set[str]] = defaultdict(set)
        for finding_id, numbers in self._artifacts(FINDING, refs).items():
            found[finding_id].update(numbers)
        of_task = {task.pk: task.finding_id for many in tasks.values() for task in many}
        by_task = {pk: refs[finding_id] for pk, finding_id in of_task.items()}
        for task_id, numbers in self._artifacts(TASK, by_task).items():
            found[of_task[task_id]].update(numbers)
        owed = OwedItem.objects.filter(task_id__in=of_task, artifact__isnull=False).values_list(
            "task_id", "artifact_id"
        )
        wanted: dict[UUID, set[UUID]] = defaultdict(set)
        for task_id, artifact_id in owed:
            wanted[artifact_id].add(of_task[task_id])
        for artifact_id, number in self._exhibits({pk: [refs[f] for f in fs] for pk, fs in wanted.items()}).items():
            for finding_id in wanted[artifact_id]:
                found[finding_id].add(number)
        return found

    def _artifacts(self, target_type: str, refs: dict[UUID, str]) -> dict[UUID, list[str]]:
        """Exhibit numbers by the thing they are linked to."""
        links = list(
            ArtifactLink.objects.filter(
                organization_id=self.organization.pk, target_type=target_type, target_id__in=list(refs)
            ).values_list("artifact_id", "target_id")
        )
        users: dict[UUID, list[str]] = defaultdict(list)
        for artifact_id, target_id in links:
            users[artifact_id].append(refs[target_id])
        numbers = self._exhibits(users, of_controls=target_type == CONTROL)
        found: dict[UUID, list[str]] = defaultdict(list)
        for artifact_id, target_id in links:
            if artifact_id in numbers and numbers[artifact_id] not in found[target_id]:
                found[target_id].append(numbers[artifact_id])
        return {target: sorted(many) for target, many in found.items()}

    def _exhibits(self, users: dict[UUID, list[str]], *, of_controls: bool = False) -> dict[UUID, str]:
        """Puts accepted artifacts among the exhibits; answers their numbers."""
        if not users:
            return {}
        numbers: dict[UUID, str] = {}
        rows = Artifact.objects.filter(pk__in=list(users)).select_related("latest")
        for row in sorted(rows, key=lambda row: row.number):
            if row.state != "accepted" or row.latest is None or row.latest.scan_state == "infected":
                self.unaccepted.add(row.ref)
                continue
            self.names.learn([row.latest.collector_id, row.latest.uploaded_by_id])
            before = self.exhibits.get(row.ref)
            findings = set(before.findings if before else ()) | (set() if of_controls else set(users[row.pk]))
            controls = set(before.controls if before else ()) | (set(users[row.pk]) if of_controls else set())
            self.exhibits[row.ref] = self._exhibit(row, tuple(sorted(findings)), tuple(sorted(controls)))
            numbers[row.pk] = row.ref
        return numbers

    def _exhibit(self, row: Artifact, findings: tuple[str, ...], controls: tuple[str, ...]) -> s.Exhibit:
        version = row.latest
        return s.Exhibit(
            number=row.ref,
            title=row.title,
            kind=row.kind,
            filename=version.filename,
            size=version.size,
            sha256=version.sha256,
            media_type=version.mime,
            collected_at=version.collected_at or version.received_at,
            collected_by=self.names[version.collector_id] or self.names[version.uploaded_by_id],
            period_start=version.period_from,
            period_end=version.period_to,
            as_of=self._day(version.as_of),
            source_system=version.source_system,
            query=version.query,
            row_count=version.row_count,
            scan=version.scan_state,
            version=version.number,
            findings=findings,
            controls=controls,
        )

    def _within_limit(self, exhibits: list[s.Exhibit]) -> Iterator[s.Exhibit]:
        """Attaches the smaller files first, until the limit; the rest are named with their hash and stay in the vault."""
        limit = getattr(settings, "CLEARHOLD_PACKAGE_ATTACH_BYTES", ATTACH_LIMIT_BYTES)
        taken, inside = 0, set()
        for exhibit in sorted(exhibits, key=lambda row: (row.size, row.number)):
            if taken + exhibit.size > limit:
                break
            taken += exhibit.size
            inside.add(exhibit.number)
        for exhibit in exhibits:
            if exhibit.number in inside:
                yield exhibit
            else:
                yield dataclasses.replace(exhibit, not_attached="too large, kept in the portal’s vault")

    # --- risk and duties ---

    def _acceptances(self, finding_ids: Any) -> tuple[s.Acceptance, ...]:
        rows = list(
            Acceptance.objects.filter(finding_id__in=finding_ids)
            .exclude(state="withdrawn")
            .select_related("finding")
            .order_by("finding__number", "requested_at")
        )
        self.names.learn([pk for row in rows for pk in (row.requested_by_id, row.accepted_by_id)])
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
                requested_by=self.names[row.requested_by_id],
                decided_by=self.names[row.accepted_by_id],
                decided_at=row.accepted_at,
            )
            for row in rows
        )

    def _deferrals(self, finding_ids: Any) -> tuple[s.Deferral, ...]:
        rows = list(
            Deferral.objects.filter(finding_id__in=finding_ids)
            .exclude(state="withdrawn")
            .select_related("finding", "request")
            .prefetch_related("request__decisions")
            .order_by("finding__number", "requested_at")
        )
        last = {row.pk: _last_decision(row.request) for row in rows}
        self.names.learn([row.requested_by_id for row in rows] + [d.person_id for d in last.values() if d])
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
                requested_by=self.names[row.requested_by_id],
                decided_by=self.names[decision.person_id] if decision else "",
                decided_at=decision.at if decision else None,
            )
            for row in rows
            for decision in [last[row.pk]]
        )

    def _duties(self, finding_ids: Any, findings: list[s.Finding]) -> s.Duties:
        version = sod.matrix_version()
        rules = Rule.objects.filter(matrix_version=version).exclude(verdict="Y").order_by("number")
        people = Hand.objects.filter(subject_type=FINDING, subject_id__in=finding_ids)
        deciders = (
            Membership.objects.filter(organization_id=self.organization.pk, ended_at=None, role="approver")
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
            small_team=few,
        )

    def _day(self, moment: datetime | None) -> date | None:
        return moment.astimezone(self.zone).date() if moment else None


def _signed_by(note: str, key: notes.VerifierKey) -> bool:
    try:
        notes.open_note(note, [key])
    except notes.Unsigned:
        return False
    return True


def _pairs(rows: Any, field: str) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = defaultdict(list)
    for finding_id, value in rows.values_list("finding_id", field):
        found[finding_id].append(value)
    return found


def _last_decision(request: Request | None) -> Any:
    rows = sorted(request.decisions.all(), key=lambda row: row.at) if request else []
    return rows[-1] if rows else None


def _exhibit_key(exhibit: s.Exhibit) -> tuple[int, str]:
    digits = exhibit.number.rpartition("-")[2]
    return (int(digits) if digits.isdigit() else 0, exhibit.number)


def _heading(identifier: str) -> str:
    prefix = identifier.partition(".")[0]
    return HEADINGS.get(prefix) or HEADINGS.get(prefix[:1], "Other criteria")


def _category(name: str) -> str:
    return "Security" if name == Category.COMMON else Category(name).label


def _some(refs: list[str], most: int = 12) -> str:
    return wording.listed(refs) if len(refs) <= most else f"{', '.join(refs[:most])} and {len(refs) - most} more"
