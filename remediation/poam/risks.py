"""A finding in OSCAL's terms: the poam-item, the risk behind it, and the observation that shows it with its evidence."""

from collections.abc import Iterator
from datetime import date
from urllib.parse import quote

from remediation.poam.identity import NS, Object, day, filled, line, moment, prop, props, token, uuid
from remediation.poam.items import Acceptance, Entry, Evidence, Item, Milestone, Plan
from remediation.poam.rows import cves

STATUS = {
    "reported": "open",
    "triaged": "investigating",
    "analysed": "investigating",
    "planned": "investigating",
    "in_remediation": "remediating",
    "ready_for_verification": "remediating",
    "verified": "remediating",
    "closed": "closed",
    "rejected": "closed",
    "risk_acceptance_pending": "deviation-requested",
    "risk_accepted": "deviation-approved",
    "deferral_pending": "deviation-requested",
    "deferred": "deviation-approved",
}
"""The status of a risk (OSCAL 1.2.1) by the state of its finding."""

CHANGES = {
    "finding.reported": "open",
    "finding.imported": "open",
    "finding.triaged": "investigating",
    "finding.remediation_started": "remediating",
    "finding.closed": "closed",
    "finding.rejected": "closed",
    "finding.reopened": "open",
    "finding.risk_acceptance_asked": "deviation-requested",
    "finding.risk_accepted": "deviation-approved",
    "finding.risk_acceptance_ended": "investigating",
    "finding.deferral_asked": "deviation-requested",
    "finding.deferred": "deviation-approved",
    "finding.resumed": "remediating",
}
_ACCEPTANCES = {"Waiting for a decision": "planned"}


class Writer:
    """Writes the objects of one plan; each is addressed by what it is, so that documents can point at each other."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def uuid(self, kind: str, *parts: object) -> str:
        return uuid(self.plan.slug, kind, *parts)

    def day(self, value: date | None, *, at_end: bool = False) -> str | None:
        return day(value, self.plan.zone, at_end=at_end) if value else None

    # --- people and tools -------------------------------------------------------------------------------------------

    def party(self, name: str) -> str:
        return self.uuid("party", name.strip())

    def actors(self, item: Item) -> list[Object]:
        """Who or what found it: the tool, the person, else the organization."""
        if item.tool.strip():
            return [{"type": "tool", "actor-uuid": self.uuid("tool", item.tool)}]
        return [
            {"type": "party", "actor-uuid": self.party(item.finder if item.finder.strip() else self.plan.organization)}
        ]

    # --- observations -----------------------------------------------------------------------------------------------

    def observation(self, item: Item) -> Object:
        detected = item.detected_on or item.reported_on or self.plan.today
        return filled(
            uuid=self.uuid("observation", item.ref),
            title=line(f"{item.ref}: {item.title}"),
            description=item.description or line(item.title),
            props=props(
                {
                    "finding-id": item.ref,
                    "source": item.source,
                    "detector": item.tool,
                    "source-identifier": item.rule or item.source_ref,
                    "asset": item.asset,
                }
            ),
            methods=["TEST" if item.source == "scanner" else "EXAMINE"],
            types=["finding"],
            origins=[{"actors": self.actors(item)}],
            relevant_evidence=[self.relevant(one) for one in item.evidence],
            collected=self.day(detected),
        )

    def relevant(self, evidence: Evidence) -> Object:
        return filled(
            href=f"#{self.uuid('evidence', evidence.number, evidence.version)}",
            description=line(f"{evidence.number}: {evidence.title}"),
            props=[prop("artifact-id", evidence.number), prop("sha-256", evidence.sha256)],
        )

    def resource(self, evidence: Evidence) -> Object:
        """The file itself, by its hash; its place in the package when it is enclosed."""
        place = quote(evidence.path) if evidence.path else f"urn:clearhold:artifact:{quote(evidence.number)}"
        return filled(
            uuid=self.uuid("evidence", evidence.number, evidence.version),
            title=line(f"{evidence.number}: {evidence.title}"),
            description=evidence.query and f"Query or steps: {evidence.query}",
            props=props(
                {
                    "artifact-id": evidence.number,
                    "artifact-version": evidence.version,
                    "filename": evidence.filename,
                    "size-bytes": evidence.size,
                    "collected-at": moment(evidence.collected_at) if evidence.collected_at else None,
                    "collected-by": evidence.collected_by,
                    "source-system": evidence.source,
                }
            ),
            rlinks=[
                filled(
                    href=place,
                    media_type=line(evidence.media_type, "application/octet-stream"),
                    hashes=[{"algorithm": "SHA-256", "value": evidence.sha256}],
                )
            ],
        )

    # --- risks ------------------------------------------------------------------------------------------------------

    def risk(self, item: Item) -> Object:
        return filled(
            uuid=self.uuid("risk", item.ref),
            title=line(item.title),
            description=item.description or line(item.title),
            statement=item.severity_rationale or f"Rated {item.severity}.",
            props=props(
                {
                    "poam-id": item.ref,
                    "state": item.state,
                    "closed-on": item.closed_on,
                    "status-on": item.status_on,
                    "known-exploited": item.kev or None,
                    "cve": tuple(cves(item)),
                    "cvss-vector": item.cvss_vector,
                    "vendor-dependency": item.wait.vendor if item.wait else None,
                    "last-vendor-check-in": item.wait.checked_on if item.wait else None,
                }
            ),
            status=STATUS[item.state],
            origins=[{"actors": self.actors(item)}],
            characterizations=self._characterizations(item),
            mitigating_factors=self._mitigating(item),
            deadline=self.day(item.current_on or item.scheduled_on, at_end=True),
            remediations=self._responses(item),
            risk_log=filled(entries=[self._entry(item, place, one) for place, one in enumerate(item.history)]),
            related_observations=[{"observation-uuid": self.uuid("observation", item.ref)}],
        )

    def _characterizations(self, item: Item) -> list[Object]:
        rated = [("initial", item.original_severity, "The severity that was first given.")]
        if item.severity != item.original_severity:
            rated.append(("adjusted", item.severity, item.severity_rationale))
        return [
            {
                "origin": {"actors": self.actors(item)},
                "facets": [
                    filled(
                        name="severity",
                        system=NS,
                        value=severity,
                        props=[{"name": "state", "value": state}],
                        remarks=why,
                    )
                ],
            }
            for state, severity, why in rated
        ]

    def _mitigating(self, item: Item) -> list[Object]:
        if item.acceptance is None or not item.acceptance.compensating.strip():
            return []
        return [{"uuid": self.uuid("mitigating", item.ref), "description": item.acceptance.compensating}]

    def _responses(self, item: Item) -> list[Object]:
        return [*self._plan_of(item), *self._changes_of(item), *self._acceptance_of(item.ref, item.acceptance)]

    def _plan_of(self, item: Item) -> Iterator[Object]:
        if not item.plan and not item.milestones:
            return
        yield filled(
            uuid=self.uuid("remediation", item.ref),
            lifecycle="completed" if item.state in ("verified", "closed") else "planned",
            title=line(f"Remediation of {item.ref}"),
            description=item.plan or "No plan has been written yet.",
            props=[{"name": "type", "value": "mitigate"}, *props({"success-test": item.success_test})],
            tasks=[self._milestone(item.ref, place, one) for place, one in enumerate(item.milestones)],
            remarks=item.success_test and f"Success test: {item.success_test}",
        )

    def _milestone(self, ref: str, place: int, milestone: Milestone) -> Object:
        due = self.day(milestone.due_on, at_end=True)
        who = {"role-id": "implementer", "party-uuids": [self.party(milestone.who)]} if milestone.who.strip() else None
        return filled(
            uuid=self.uuid("milestone", ref, milestone.ref or place),
            type="milestone",
            title=line(milestone.title),
            props=props(
                {
                    "task-id": milestone.ref,
                    "state": milestone.state,
                    "due-on": milestone.due_on,
                    "done-on": milestone.done_on,
                    "change": milestone.change,
                }
            ),
            timing={"on-date": {"date": due}} if due else None,
            responsible_roles=[who] if who else None,
        )

    def _changes_of(self, item: Item) -> Iterator[Object]:
        """The original date stands in the item's properties; each change of it is a response of its own."""
        before = item.scheduled_on
        for place, change in enumerate(item.changes):
            yield filled(
                uuid=self.uuid("milestone-change", item.ref, place),
                lifecycle="planned",
                title=line(f"Change of the date of {item.ref}"),
                description=change.why or "The date was changed.",
                props=[
                    {"name": "type", "value": "accept"},
                    *props(
                        {
                            "milestone-change": change.on,
                            "from": before,
                            "to": change.due_on,
                            "decided-by": change.by,
                            "event": change.event,
                        }
                    ),
                ],
            )
            before = change.due_on

    def _acceptance_of(self, ref: str, acceptance: Acceptance | None) -> Iterator[Object]:
        if acceptance is None:
            return
        yield filled(
            uuid=self.uuid("acceptance", ref),
            lifecycle=_ACCEPTANCES.get(acceptance.state, "completed"),
            title=line(f"Risk acceptance of {ref}"),
            description=acceptance.reason or "No reason was given.",
            props=[
                {"name": "type", "value": "accept"},
                *props(
                    {
                        "acceptance": acceptance.state,
                        "expires-on": acceptance.expires_on,
                        "asked-by": acceptance.asked_by,
                        "decided-by": acceptance.decided_by,
                        "decided-on": acceptance.decided_on,
                    }
                ),
            ],
            remarks=acceptance.residual_risk and f"Residual risk: {acceptance.residual_risk}",
        )

    def _entry(self, item: Item, place: int, entry: Entry) -> Object:
        return filled(
            uuid=self.uuid("entry", item.ref, place, entry.kind, entry.event),
            title=line(entry.text),
            description=entry.reason,
            start=moment(entry.at),
            props=props({"event": entry.event, "event-kind": entry.kind, "leaf-sha-256": entry.leaf}),
            logged_by=[{"party-uuid": self.party(entry.who)}] if entry.who.strip() else None,
            status_change=CHANGES.get(entry.kind),
        )

    # --- items and findings -----------------------------------------------------------------------------------------

    def poam_item(self, item: Item) -> Object:
        """All that brings the finding back without loss stands in its properties, by name."""
        return filled(
            uuid=self.uuid("poam-item", item.ref),
            title=line(item.title),
            description=item.description or line(item.title),
            props=props(
                {
                    "poam-id": item.ref,
                    "described": bool(item.description),
                    "state": item.state,
                    "severity": item.severity,
                    "original-severity": item.original_severity,
                    "source": item.source,
                    "source-reference": item.source_ref,
                    "detector": item.tool,
                    "rule": item.rule,
                    "asset": item.asset,
                    "detected-on": item.detected_on,
                    "reported-on": item.reported_on,
                    "scheduled-completion": item.scheduled_on,
                    "current-completion": item.current_on,
                    "closed-on": item.closed_on,
                    "audit-rating": item.audit_rating,
                    "false-positive": item.rejection == "false_positive",
                    "rejection": item.rejection,
                    "duplicate-of": item.duplicate_of,
                    "operational-requirement": item.acceptance is not None,
                    "known-exploited": item.kev,
                    "control": item.controls,
                    "criterion": item.criteria,
                    "point-of-contact": item.owner,
                    "root-cause-class": item.cause_class,
                }
            ),
            origins=[{"actors": self.actors(item)}],
            related_observations=[{"observation-uuid": self.uuid("observation", item.ref)}],
            related_risks=[{"risk-uuid": self.uuid("risk", item.ref)}],
            remarks=item.cause and f"Root cause: {item.cause}",
        )

    def finding(self, item: Item) -> Object:
        """As an assessment result: what it says about the first control or criterion that it touches."""
        target = next(iter((*item.controls, *item.criteria)), "not-mapped")
        return filled(
            uuid=self.uuid("finding", item.ref),
            title=line(item.title),
            description=item.description or line(item.title),
            props=props({"finding-id": item.ref, "control": item.controls, "criterion": item.criteria}),
            origins=[{"actors": self.actors(item)}],
            target={
                "type": "objective-id",
                "target-id": token(target),
                "status": {"state": "satisfied" if item.state in ("closed", "rejected") else "not-satisfied"},
            },
            related_observations=[{"observation-uuid": self.uuid("observation", item.ref)}],
            related_risks=[{"risk-uuid": self.uuid("risk", item.ref)}],
        )

    def tool(self, name: str) -> Object:
        return {
            "uuid": self.uuid("tool", name),
            "type": "software",
            "title": line(name),
            "description": "What found the weakness.",
            "status": {"state": "operational"},
        }


def names_in(plan: Plan) -> Iterator[str]:
    """Everybody that a document points at."""
    yield plan.organization
    yield from (plan.prepared_by, plan.approved_by, plan.assessor)
    for item in plan.items:
        yield from (item.finder, item.owner, item.assignee)
        yield from (one.who for one in item.milestones)
        yield from (one.who for one in item.history)
    for statement in plan.statements:
        yield statement.who
