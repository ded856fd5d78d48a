"""Telling people that a decision, an activation, a review or an answer waits for them: at once, again, then further up."""

from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from portal.accounts import likenesses, role_requests
from portal.accounts.models import RoleRequest
from portal.jobs import schedule
from portal.notifications import services
from portal.notifications.models import Notice
from remediation.approvals import reminders
from remediation.approvals.absences import queries as absences
from remediation.approvals.delegations import services as delegations
from remediation.approvals.emergencies import bars
from remediation.approvals.emergencies import queries as emergencies
from remediation.approvals.emergencies import services as emergency_services
from remediation.approvals.models import Delegation, Emergency
from remediation.findings import services as findings
from remediation.sod import queries as sod

RULE = "deciding"
WHAT = {"wanted": "wanted", "reminder": "reminder", "manager": "escalation", "executive": "escalation"}
# An occasion is short: a letter for the step, and the key of what it is about.
LETTERS = {"wanted": "w", "reminder": "r", "manager": "m", "executive": "x"}


def tell_emergency(row: Emergency, *, actor: Actor) -> Notice | None:
    """Who may activate it; once it was activated alone, the two who are alarmed; once it is over, who may review it."""
    path = f"emergency/{row.pk}"
    if row.state == Emergency.State.ASKED:
        here = emergencies.activators(row.organization_id, without=row.person_id)
        return _tell("emergency_asked", f"a:{row.pk.hex}", {one.person_id for one in here}, path, row.ref, actor)
    if row.state == Emergency.State.RUNNING and row.alarmed:
        return _tell("emergency_alone", f"l:{row.pk.hex}", {UUID(one) for one in row.alarmed}, path, row.ref, actor)
    if row.state == Emergency.State.REVIEWING:
        involved = sod.same_people(row.person_id) | {row.activated_by_id}
        people = {one.person_id for one in sod.members(row.organization_id, roles=bars.REVIEWERS)} - involved
        return _tell("emergency_review", f"v:{row.pk.hex}", people, path, row.ref, actor)
    return None


def tell_role_request(row: RoleRequest, *, actor: Actor) -> Notice | None:
    """The administrators who may decide on a role that another one asked for."""
    people = {one.person_id for one in role_requests.deciders(row)}
    return _tell("role_asked", f"g:{row.pk.hex}", people, f"settings/people/requests/{row.pk}", "", actor)


def tell_about_delegation(row: Delegation, *, actor: Actor) -> Notice | None:
    """The colleague who is asked to decide in another's place."""
    return _tell("delegation", f"d:{row.pk.hex}", {row.deputy_id}, f"approvals/delegations/{row.pk}", "", actor)


def tell_about_requests(organization_id: object) -> int:
    """Approval wanted, a reminder after half the time, then the managers and the executives. Each once."""
    actor = _product(organization_id)
    if services.is_sample(actor):
        return 0
    due = reminders.due(actor.organization_id)
    named = {f"{LETTERS[one.step]}:{one.request.pk.hex}": one for one in due}
    told = 0
    for occasion in services.untold(RULE, named, actor=actor)[: reminders.AT_ONCE]:
        one = named[occasion]
        away = set() if one.step in ("manager", "executive") else absences.away(actor.organization_id).keys()
        people = reminders.people_for(one) - set(away)
        path = f"approvals/{one.request.pk}/decide"
        told += bool(_tell(WHAT[one.step], occasion, people, path, one.request.subject_ref, actor))
    return told


def tell_about_people(organization_id: object) -> int:
    """Delegations that wait for an answer, and emergency access that waits for its activation or review."""
    actor = _product(organization_id)
    if services.is_sample(actor):
        return 0
    now = clock.now()
    offered = Delegation.objects.filter(
        organization_id=actor.organization_id, accepted_at=None, ended_at=None, ends_at__gt=now
    )
    told = 0
    named: dict[str, Any] = {f"d:{row.pk.hex}": row for row in offered}
    for occasion in services.untold(RULE, named, actor=actor):
        told += bool(tell_about_delegation(named[occasion], actor=actor))
    recent = Emergency.objects.filter(
        organization_id=actor.organization_id, reviewed_at=None, asked_at__gt=now - timedelta(days=7)
    )
    for emergency in recent:
        told += bool(tell_emergency(emergency, actor=actor))
    return told


def tell_about_passkeys(organization_id: object) -> int:
    """Two accounts that hold one passkey: certain enough to tell the administrators, once for each pair."""
    actor = _product(organization_id)
    if services.is_sample(actor):
        return 0
    found, _ = likenesses.suggestions(kind="device")
    named = {f"k:{sha256(pair.one.id.bytes + pair.other.id.bytes).hexdigest()[:32]}": pair for pair in found}
    people = {one.person_id for one in sod.members(actor.organization_id, roles=("administrator",))}
    return sum(
        bool(_tell("same_passkey", occasion, people, "settings/people/same", "", actor))
        for occasion in services.untold(RULE, named, actor=actor)
    )


def open_findings(organization_id: object) -> int:
    """A finding for each emergency access that nobody reviewed within two business days."""
    actor = _product(organization_id)
    opened = 0
    for row in emergencies.overdue(actor.organization_id):
        finding = findings.report_itself(
            actor=actor,
            title=f"Emergency access {row.ref} was not reviewed in time",
            description=f"{row.ref} gave the role {row.role} and ended; its review was due on {row.review_due_at:%d %b %Y}.",
            asset="Clearhold",
            severity="high",
            source_ref=row.ref,
            detected_at=clock.now(),
            criteria=["CC6.3"],
        )
        emergency_services.mark_unreviewed(row.pk, finding_ref=finding.ref, actor=actor)
        opened += 1
    return opened


def end_orphaned(organization_id: object) -> int:
    """Delegations one of whose people lost the role."""
    return delegations.end_orphaned(actor=_product(organization_id))


def declare() -> None:
    schedule.every(timedelta(minutes=1), "decisions that wait", tell_about_requests)
    schedule.every(timedelta(minutes=1), "answers that wait", tell_about_people)
    schedule.every(timedelta(hours=1), "two accounts with one passkey", tell_about_passkeys)
    schedule.every(timedelta(minutes=15), "delegations without their people", end_orphaned)
    schedule.every(timedelta(hours=1), "emergency access nobody reviewed", open_findings)


def _tell(what: str, occasion: str, people: Iterable[UUID], path: str, ref: str, actor: Actor) -> Notice | None:
    data = {"what": what, "path": path, "ref": ref}
    return services.announce(RULE, occasion, data=data, actor=actor, people=set(people))


def _product(organization_id: object) -> Actor:
    return Actor.system(UUID(str(organization_id)), "scheduler")
