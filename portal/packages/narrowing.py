"""Narrows the rows of an engagement to what a template may tell, before anything is made from them.

What is not in the narrowed rows can't be in the PDF, in a form or in an attachment. Histories and decisions go together
with the events that prove them: a finding told by its line alone is proven by the checkpoint and the approval only.
"""

import re
from dataclasses import replace

from django.utils.translation import gettext_lazy

from portal.packages import languages, masking, outlines
from portal.packages.outlines import Detail, Findings, Outline
from portal.packages.snapshot import (
    Acceptance,
    Control,
    Deferral,
    Duties,
    Exhibit,
    Finding,
    Fingerprint,
    Identity,
    Scope,
    Snapshot,
    Vendor,
)

#: Who reported an exception of the examination.
AUDITORS = frozenset({"audit_report", "auditor"})
#: In the place of a name that strangers are not told.
SECOND_PERSON = gettext_lazy("A second person")


def narrowed(snapshot: Snapshot) -> Snapshot:
    """The rows that the snapshot's template may tell."""
    outline = outlines.BY_KEY[snapshot.template.key]
    if outline.findings != Findings.ALL:
        snapshot = _about(snapshot, {finding.ref for finding in snapshot.findings if _is_told(finding, snapshot)})
    if outline.detail == Detail.PUBLIC:
        return _public(snapshot, outline)
    if outline.detail == Detail.LISTED:
        snapshot = replace(snapshot, findings=tuple(map(_listed, snapshot.findings)))
    return snapshot if outline.with_exhibits else _without_files(snapshot)


def approver(snapshot: Snapshot, name: str) -> str:
    """Who approved it, as its readers are told."""
    if outlines.BY_KEY[snapshot.template.key].tells_people:
        return name
    with languages.speaking(snapshot.language):
        return str(SECOND_PERSON)


def _is_told(finding: Finding, snapshot: Snapshot) -> bool:
    if outlines.BY_KEY[snapshot.template.key].findings == Findings.ONE:
        return finding.ref == snapshot.template.finding
    return finding.source in AUDITORS or bool(finding.audit_rating)


def _about(snapshot: Snapshot, refs: set[str]) -> Snapshot:
    """Only these findings, and what hangs on them."""
    findings = tuple(finding for finding in snapshot.findings if finding.ref in refs)
    controls = {ref for finding in findings for ref in finding.controls}
    criteria = {name for finding in findings for name in finding.criteria}
    kept = tuple(
        replace(control, findings=tuple(ref for ref in control.findings if ref in refs))
        for control in snapshot.controls
        if control.ref in controls
    )
    criteria |= {name for control in kept for name in control.criteria}
    used = {number for finding in findings for number in finding.exhibits}
    return replace(
        snapshot,
        findings=findings,
        controls=kept,
        criteria=tuple(criterion for criterion in snapshot.criteria if criterion.identifier in criteria),
        exhibits=tuple(_exhibit_about(row, refs, controls) for row in snapshot.exhibits if row.number in used),
        acceptances=tuple(row for row in snapshot.acceptances if row.finding in refs),
        deferrals=tuple(row for row in snapshot.deferrals if row.finding in refs),
        scope=replace(snapshot.scope, gaps=tuple(gap for gap in snapshot.scope.gaps if _tells_of(gap, refs))),
        duties=replace(
            snapshot.duties,
            decisions=sum(len(request.decisions) for finding in findings for request in finding.requests),
            waivers=tuple(text for text in snapshot.duties.waivers if _tells_of(text, refs)),
        ),
    )


def _tells_of(text: str, refs: set[str]) -> bool:
    # By their letters alone: what stands between words is another thing in every language.
    return not refs.isdisjoint(re.findall(r"[\w-]+", text, re.ASCII))


def _exhibit_about(row: Exhibit, refs: set[str], controls: set[str]) -> Exhibit:
    return replace(
        row,
        findings=tuple(ref for ref in row.findings if ref in refs),
        controls=tuple(ref for ref in row.controls if ref in controls),
    )


def _listed(finding: Finding) -> Finding:
    """Its line in a register, without texts, steps and decisions."""
    return replace(
        finding,
        condition="",
        severity_rationale="",
        cause="",
        extent="",
        plan="",
        success_test="",
        tasks=(),
        requests=(),
        history=(),
        dates=(),
    )


def _without_files(snapshot: Snapshot) -> Snapshot:
    prints = tuple(Fingerprint(row.number, row.sha256, row.size) for row in snapshot.exhibits)
    return replace(snapshot, exhibits=(), fingerprints=snapshot.fingerprints or prints)


def _public(snapshot: Snapshot, outline: Outline) -> Snapshot:
    mask = masking.of(snapshot)
    bare = _without_files(snapshot)
    return replace(
        bare,
        engagement=mask.row(bare.engagement, "ref", "kind", "auditor_firm", "categories"),
        identity=_unnamed(bare.identity, bare.organization.name, mask),
        scope=_public_scope(bare.scope, mask),
        controls=tuple(_public_control(row, mask) for row in bare.controls),
        findings=tuple(_public_finding(row, mask) for row in bare.findings),
        acceptances=tuple(_public_acceptance(row, mask) for row in bare.acceptances),
        deferrals=tuple(_public_deferral(row, mask) for row in bare.deferrals),
        duties=Duties(bare.duties.matrix, (), bare.duties.decisions, bare.duties.refused, bare.duties.people),
    )


def _unnamed(identity: Identity, organization: str, mask: masking.Mask) -> Identity:
    issues = tuple(replace(issue, change=mask.text(issue.change)) for issue in identity.issues)
    return replace(
        identity,
        title=mask.text(identity.title),
        prepared_by=organization,
        department="",
        issues=issues,
        recipients=(),
    )


def _public_scope(scope: Scope, mask: masking.Mask) -> Scope:
    vendors = tuple(Vendor(row.name, mask.text(row.service), row.report) for row in scope.vendors)
    return replace(mask.row(scope, "vendors"), vendors=vendors)


def _public_control(row: Control, mask: masking.Mask) -> Control:
    gaps = tuple(replace(gap, explanation="") for gap in row.gaps)
    return replace(row, title=mask.text(row.title), owner="", exhibits=(), gaps=gaps)


def _public_finding(row: Finding, mask: masking.Mask) -> Finding:
    return replace(
        _listed(row),
        title=mask.text(row.title),
        asset="",
        tool="",
        rule="",
        finder="",
        owner="",
        assignee="",
        exhibits=(),
        source_ref="",
        cvss_vector="",
        rejection="",
        duplicate_of="",
    )


def _public_acceptance(row: Acceptance, mask: masking.Mask) -> Acceptance:
    return replace(
        row,
        title=mask.text(row.title),
        reason="",
        residual_risk="",
        compensating="",
        requested_by="",
        decided_by="",
    )


def _public_deferral(row: Deferral, mask: masking.Mask) -> Deferral:
    return replace(row, title=mask.text(row.title), reason="", vendor="", requested_by="", decided_by="")
