"""The snapshot as the plan of action reads it: the same rows, so that every form counts what the PDF counts."""

from collections.abc import Iterator, Mapping

from portal.packages import snapshot as s
from remediation.poam import items as p

WAITING = ("deferral_pending", "deferred")
ACCEPTING = ("risk_acceptance_pending", "risk_accepted")


def plan(snapshot: s.Snapshot) -> p.Plan:
    """All of a package's rows as the plan's values."""
    identity, engagement, checkpoint = snapshot.identity, snapshot.engagement, snapshot.checkpoint
    exhibits = {exhibit.number: _evidence(exhibit) for exhibit in snapshot.exhibits}
    acceptances = {row.finding: row for row in snapshot.acceptances}
    deferrals: dict[str, list[s.Deferral]] = {}
    for row in snapshot.deferrals:
        deferrals.setdefault(row.finding, []).append(row)
    return p.Plan(
        organization=snapshot.organization.name,
        slug=snapshot.organization.slug,
        engagement=f"{engagement.ref}: {engagement.title}",
        title=identity.title,
        system=engagement.system_description,
        ref=identity.ref,
        issue=identity.issue,
        state=identity.state,
        at=identity.as_of,
        today=snapshot.as_of,
        zone=snapshot.organization.timezone,
        period_start=engagement.period_start,
        period_end=engagement.period_end,
        prepared_by=identity.prepared_by,
        approved_by=identity.approved_by,
        assessor=engagement.auditor_firm,
        items=tuple(
            _item(row, exhibits, acceptances.get(row.ref), deferrals.get(row.ref, [])) for row in snapshot.findings
        ),
        controls=tuple(_run(row) for row in snapshot.controls),
        evidence=tuple(exhibits.values()),
        statements=tuple(_statements(snapshot)),
        criteria=tuple((row.identifier, row.title) for row in snapshot.criteria),
        tree_size=checkpoint.tree_size if checkpoint else 0,
        root=checkpoint.root if checkpoint else "",
    )


def _item(
    row: s.Finding, exhibits: Mapping[str, p.Evidence], acceptance: s.Acceptance | None, deferrals: list[s.Deferral]
) -> p.Item:
    waits = deferrals[-1] if deferrals and row.state in WAITING else None
    return p.Item(
        ref=row.ref,
        title=row.title,
        description=row.condition,
        state=row.state,
        severity=row.severity,
        original_severity=row.original_severity,
        source=row.source,
        source_ref=row.source_ref,
        tool=row.tool,
        rule=row.rule,
        asset=row.asset,
        owner=row.owner,
        assignee=row.assignee,
        finder=row.finder,
        controls=row.controls,
        criteria=row.criteria,
        detected_on=row.detected_on,
        reported_on=row.reported_on,
        scheduled_on=row.dates[0].due_on if row.dates else row.due_on,
        current_on=row.current_due_on,
        status_on=row.state_on,
        closed_on=row.closed_on,
        severity_rationale=row.severity_rationale,
        severity_asked=row.severity_asked,
        audit_rating=row.audit_rating,
        cause=row.cause,
        cause_class=row.cause_class,
        plan=row.plan,
        success_test=row.success_test,
        rejection=row.rejection,
        duplicate_of=row.duplicate_of,
        kev=row.kev,
        cvss_vector=row.cvss_vector,
        milestones=tuple(
            p.Milestone(task.ref, task.title, task.state, task.due_on, task.done_on, task.assignee, task.change)
            for task in row.tasks
        ),
        changes=tuple(_changes(row, deferrals)),
        wait=_wait(waits),
        deferral=waits.reason if waits else "",
        acceptance=_acceptance(acceptance) if acceptance and row.state in ACCEPTING else None,
        evidence=tuple(exhibits[number] for number in row.exhibits if number in exhibits),
        history=tuple(
            p.Entry(fact.number, fact.at, fact.kind, fact.text, fact.actor, fact.reason, fact.leaf)
            for fact in row.history
        ),
    )


def _changes(row: s.Finding, deferrals: list[s.Deferral]) -> Iterator[p.DateChange]:
    """Every date after the first; a deferral gives its reason and who decided it."""
    of_date = {deferral.new_due_on: deferral for deferral in deferrals if deferral.decided_at}
    if row.dates:
        for date in row.dates[1:]:
            deferral = of_date.get(date.due_on) if date.kind == "finding.deferred" else None
            why = deferral.reason if deferral else date.reason
            yield p.DateChange(date.on, date.due_on, why, deferral.decided_by if deferral else "", date.number)
        return
    for deferral in deferrals:
        if deferral.decided_at and deferral.new_due_on and deferral.new_due_on == row.current_due_on:
            yield p.DateChange(deferral.decided_at.date(), deferral.new_due_on, deferral.reason, deferral.decided_by)


def _wait(deferral: s.Deferral | None) -> p.Wait | None:
    """The day of the decision is the last on which the vendor's part is known to have been looked at."""
    if deferral is None or not deferral.vendor:
        return None
    return p.Wait(deferral.vendor, deferral.decided_at.date() if deferral.decided_at else None)


def _acceptance(row: s.Acceptance) -> p.Acceptance:
    return p.Acceptance(
        row.state,
        row.reason,
        row.residual_risk,
        row.compensating,
        row.expires_on,
        row.requested_by,
        row.decided_by,
        row.decided_at.date() if row.decided_at else None,
    )


def _evidence(row: s.Exhibit) -> p.Evidence:
    return p.Evidence(
        row.number,
        row.title,
        row.filename,
        row.size,
        row.sha256,
        row.media_type,
        row.collected_at,
        row.collected_by,
        row.source_system,
        row.query,
        "" if row.not_attached else row.path,
        row.version,
    )


def _run(row: s.Control) -> p.Run:
    return p.Run(
        row.ref,
        row.title,
        row.owner,
        row.frequency,
        row.criteria,
        row.operated,
        row.due,
        row.result,
        row.findings,
        row.exhibits,
    )


def _statements(snapshot: s.Snapshot) -> Iterator[p.Statement]:
    """What the organization says of itself; no opinion of an assessor is among it."""
    name, identity = snapshot.organization.name, snapshot.identity
    if snapshot.scope.gaps:
        yield p.Statement("Known gaps", "\n".join(f"- {gap}" for gap in snapshot.scope.gaps), name)
    if snapshot.scope.exclusions:
        yield p.Statement("Exclusions", "\n".join(f"- {row}" for row in snapshot.scope.exclusions), name)
    if snapshot.duties.small_team:
        yield p.Statement("Segregation of duties", snapshot.duties.small_team, name)
    if identity.approved_by and identity.approved_at:
        text = f"{identity.approved_by} approved this package, which {identity.prepared_by} prepared."
        yield p.Statement("Approval", text, identity.approved_by, identity.approved_at.date())
