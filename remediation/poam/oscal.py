"""The plan of action and the assessment results as OSCAL 1.2.1 documents, written finding by finding.

The same plan gives the same bytes: identifiers follow from what they name, times from the data.
"""

import json
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

from remediation.poam.identity import NS, VERSION, Object, distinct, filled, line, moment, prop, props, token
from remediation.poam.items import Plan, Run
from remediation.poam.risks import Writer, names_in

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
ROLES = (
    ("owner", "Owner of findings"),
    ("implementer", "Implements remediation"),
    ("preparer", "Prepared this document"),
    ("approver", "Approved this document"),
    ("assessor", "Assessor"),
)


def poam(plan: Plan) -> Iterator[str]:
    """The plan of action and milestones, in pieces of JSON. A plan without items is none: OSCAL asks for one."""
    writer = Writer(plan)
    yield from written(
        {
            "plan-of-action-and-milestones": filled(
                uuid=writer.uuid("poam", plan.ref, plan.issue, plan.state, plan.at),
                metadata=_metadata(writer, f"POA&M: {plan.title}"),
                system_id={"identifier-type": "http://ietf.org/rfc/rfc4122", "id": writer.uuid("system")},
                local_definitions=_tools(writer),
                observations=(writer.observation(item) for item in plan.items),
                risks=(writer.risk(item) for item in plan.items),
                poam_items=(writer.poam_item(item) for item in plan.items),
                back_matter=filled(resources=[writer.resource(one) for one in plan.evidence]),
            )
        }
    )


def results(plan: Plan) -> Iterator[str]:
    """What was examined in the period and what it showed, in pieces of JSON."""
    writer = Writer(plan)
    engagement = writer.uuid("engagement", plan.ref, plan.issue)
    yield from written(
        {
            "assessment-results": filled(
                uuid=writer.uuid("results", plan.ref, plan.issue, plan.state, plan.at),
                metadata=_metadata(writer, f"Records for the assessment: {plan.title}"),
                import_ap={"href": f"#{engagement}", "remarks": "The assessor's plan is not part of this package."},
                results=(result for result in (_result(writer),)),
                back_matter={
                    "resources": [
                        filled(
                            uuid=engagement,
                            title=line(plan.engagement),
                            description=f"The engagement that these records were kept for. {plan.system}".strip(),
                        ),
                        *(writer.resource(one) for one in plan.evidence),
                    ]
                },
            )
        }
    )


def written(value: Any) -> Iterator[str]:
    """JSON in pieces; a generator becomes a list whose elements are made one at a time."""
    if isinstance(value, GeneratorType):
        yield "["
        for place, one in enumerate(value):
            yield "," * (place > 0)
            yield from written(one)
        yield "]"
    elif _is_made_later(value):
        yield "{"
        for place, (name, one) in enumerate(value.items()):
            yield f"{',' * (place > 0)}{json.dumps(name)}:"
            yield from written(one)
        yield "}"
    else:
        yield _ENCODER.encode(value)


def _is_made_later(value: Any) -> bool:
    return isinstance(value, dict) and any(
        isinstance(one, GeneratorType) or (isinstance(one, dict) and _is_made_later(one)) for one in value.values()
    )


def _metadata(writer: Writer, title: str) -> Object:
    plan = writer.plan
    responsible = {"preparer": plan.prepared_by, "approver": plan.approved_by, "assessor": plan.assessor}
    named = distinct(names_in(plan))
    organizations = {plan.organization, plan.assessor}
    return filled(
        title=line(title),
        last_modified=moment(plan.at),
        version=line(f"{plan.ref} issue {plan.issue}"),
        oscal_version=VERSION,
        props=props(
            {
                "package": plan.ref,
                "issue": plan.issue,
                "package-state": plan.state,
                "engagement": plan.engagement,
                "period-start": plan.period_start,
                "period-end": plan.period_end,
                "ledger-size": plan.tree_size or None,
                "ledger-root": plan.root,
            }
        ),
        roles=[{"id": name, "title": title} for name, title in ROLES],
        parties=[
            {
                "uuid": writer.party(name),
                "type": "organization" if name in organizations else "person",
                "name": line(name),
            }
            for name in named
        ],
        responsible_parties=[
            {"role-id": role, "party-uuids": [writer.party(name)]} for role, name in responsible.items() if name.strip()
        ],
        remarks="Made from the records of the portal. It is the organization's own statement, no assessor's.",
    )


def _tools(writer: Writer) -> Object:
    return filled(components=[writer.tool(name) for name in distinct(item.tool for item in writer.plan.items)])


def _result(writer: Writer) -> Object:
    plan = writer.plan
    return filled(
        uuid=writer.uuid("result", plan.ref, plan.issue),
        title=line(f"{plan.period_start} to {plan.period_end}"),
        description="Runs of controls and findings, as the organization's records show them.",
        start=writer.day(plan.period_start),
        end=moment(plan.at),
        props=props({"criterion": tuple(name for name, _ in plan.criteria)}),
        local_definitions=_tools(writer),
        reviewed_controls={"control-selections": [_selection(plan)]},
        attestations=_attestations(writer),
        observations=_observations(writer) if plan.items or plan.controls else None,
        risks=(writer.risk(item) for item in plan.items) if plan.items else None,
        findings=(writer.finding(item) for item in plan.items) if plan.items else None,
    )


def _observations(writer: Writer) -> Iterator[Object]:
    yield from (_run(writer, run) for run in writer.plan.controls)
    yield from (writer.observation(item) for item in writer.plan.items)


def _selection(plan: Plan) -> Object:
    if not plan.controls:
        return {"include-all": {}}
    return {"include-controls": [{"control-id": name} for name in distinct(token(run.ref) for run in plan.controls)]}


def _run(writer: Writer, run: Run) -> Object:
    """What the records of one control show: how often it ran, of how often it had to."""
    by_number = {one.number: one for one in writer.plan.evidence}
    shown = f"{run.operated} of {run.due} due runs are recorded" if run.due else "No run is recorded"
    return filled(
        uuid=writer.uuid("control-run", run.ref, writer.plan.period_start, writer.plan.period_end),
        title=line(f"{run.ref}: {run.title}"),
        description=f"{shown} for the period. Frequency: {run.frequency or 'not stated'}.",
        props=[
            prop("control", run.ref),
            *props(
                {
                    "operated": run.operated,
                    "due": run.due,
                    "result": run.result,
                    "criterion": run.criteria,
                    "finding-id": run.findings,
                    "control-owner": run.owner,
                }
            ),
        ],
        methods=["EXAMINE"],
        types=["control-objective"],
        relevant_evidence=[writer.relevant(by_number[name]) for name in run.evidence if name in by_number],
        collected=moment(writer.plan.at),
    )


def _attestations(writer: Writer) -> list[Object]:
    return [
        filled(
            responsible_parties=[{"role-id": "approver", "party-uuids": [writer.party(one.who)]}] if one.who else None,
            parts=[
                filled(
                    uuid=writer.uuid("statement", place, one.title),
                    name="statement",
                    ns=NS,
                    title=line(one.title),
                    prose=one.text,
                    props=props({"on": one.on}),
                )
            ],
        )
        for place, one in enumerate(writer.plan.statements)
    ]
