"""“Who could do this now, and why not the others”: the question of the database, asked without recording anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from evidence.actors import Actor
from evidence.errors import Invalid, NotFound
from remediation.approvals import queries as approvals
from remediation.approvals.actions import ACTIONS, Action
from remediation.approvals.models import Request
from remediation.findings.models import Finding
from remediation.sod import queries as sod
from remediation.sod.duties import TAKEN_BY, WORDS, Duty
from remediation.sod.queries import Standing


@dataclass(frozen=True)
class Person:
    """One line of the answer: free when `rule` and `words` are empty."""

    person_id: UUID
    name: str
    standing: str
    rule: str = ""
    words: str = ""
    waived: bool = False


@dataclass(frozen=True)
class Answer:
    """Everybody who can and who can't, with the sentence of the rule."""

    ref: str
    verb: str
    duty: str
    free: list[Person]
    blocked: list[Person]
    help: str


@dataclass(frozen=True)
class _Item:
    subject_type: str
    subject_id: UUID
    ref: str
    cycle: int
    severity: str
    requester_id: UUID | None = None
    asked_at: datetime | None = None
    action: str = ""


def ask(ref: str, *, actor: Actor, action: str = "", duty: str = "", person_id: UUID | str | None = None) -> Answer:
    """Who could decide `action`, or take `duty`, on the item of this public id. The number of queries never grows.

    An open request on the item says who asked for it. Raises NotFound for an unknown item, Invalid for an unknown
    action or duty.
    """
    actor.require("rules.view")
    if not ref.strip():
        raise Invalid("Say which item.", fields={"item": ["Give an id such as F-017."]})
    known = _action(action)
    item = _item(ref.strip().upper(), known, actor)
    known = known or ACTIONS.get(item.action)
    wanted = _duty(duty) if duty else known.duty if known else Duty.APPROVER
    roles = known.roles if known and wanted == known.duty else TAKEN_BY.get(wanted)
    everyone = sod.who_may(
        wanted,
        subject_type=item.subject_type,
        subject_id=item.subject_id,
        cycle=item.cycle,
        severity=item.severity,
        organization_id=actor.organization_id,
        requester_id=item.requester_id,
        asked_at=item.asked_at,
    )
    lines = [_line(one, wanted, roles) for one in everyone if not person_id or str(one.person_id) == str(person_id)]
    verb = WORDS[wanted].instead
    whose = f"Give somebody uninvolved the role of {' or '.join(roles)}." if roles else "Invite somebody uninvolved."
    return Answer(
        item.ref,
        verb,
        str(wanted),
        [line for line in lines if not line.words],
        [line for line in lines if line.words],
        whose,
    )


def _line(one: Standing, wanted: Duty, roles: Sequence[str] | None) -> Person:
    held = next((role for role in roles or sorted(one.roles) if role in one.roles), "")
    standing = " · ".join(filter(None, [held or ", ".join(sorted(one.roles)), one.departments.get(held, "")]))
    if one.conflicts:
        first = one.conflicts[0]
        more = f" Also {', '.join(conflict.rule for conflict in one.conflicts[1:])}." if one.conflicts[1:] else ""
        return Person(one.person_id, one.name, standing, first.rule, f"{first.third_person}.{more}")
    if not one.is_active:
        return Person(one.person_id, one.name, standing, "A-04", "Their account is switched off")
    if roles is not None and not held:
        return Person(
            one.person_id, one.name, standing, "A-07", f"Only {' or '.join(roles)} may {WORDS[wanted].instead}"
        )
    return Person(one.person_id, one.name, standing, waived=bool(one.waivers))


def _action(key: str) -> Action | None:
    if key and key not in ACTIONS:
        raise Invalid("There is no such action.", fields={"action": ["Choose one of the listed actions."]}, rule="A-14")
    return ACTIONS.get(key)


def _duty(key: str) -> Duty:
    if key not in Duty.values:
        raise Invalid("There is no such duty.", fields={"duty": ["Choose one of the listed duties."]})
    return Duty(key)


def _item(ref: str, known: Action | None, actor: Actor) -> _Item:
    # The newest request about it knows what it is; a finding is known also while nobody asked anything about it.
    rows = Request.objects.filter(organization_id=actor.organization_id, subject_ref__iexact=ref)
    if known is not None:
        rows = rows.filter(action=known.key)
    request = rows.order_by("-id").first()
    finding = Finding.objects.filter(organization_id=actor.organization_id, ref__iexact=ref).first()
    if finding is not None:
        is_open = request is not None and request.state == Request.State.OPEN and request.cycle == finding.cycle
        asked = request if is_open else None
        return _Item(
            "findings.finding",
            finding.pk,
            finding.ref,
            finding.cycle,
            finding.severity or "",
            asked.requested_by_id if asked else None,
            asked.requested_at if asked else None,
            asked.action if asked else "",
        )
    if request is None:
        raise NotFound(f"There is no {ref} here that anybody asked a decision about.", help="Give an id such as F-017.")
    return _Item(
        request.subject_type,
        request.subject_id,
        request.subject_ref,
        request.cycle,
        approvals.severity_now(request),
        request.requested_by_id,
        request.requested_at,
        request.action,
    )
