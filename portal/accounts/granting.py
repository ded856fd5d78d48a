"""Giving privileged roles: one administrator asks, another decides (rule R-03), and both prove who they are.

Nobody decides on what they asked for, or on a role of their own; hands on the request say so to every later question
(rules S-51 to S-53). With one administrator alone nothing is asked: the operator invites the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, NotAllowed, NotFound, WrongState
from evidence.ledger import services as ledger
from evidence.organizations.services import take_ref
from portal.accounts import eligibility, role_requests, roles, services
from portal.accounts.events import (
    PERSON_INVITED,
    ROLE_ASKED,
    ROLE_CONFIRMED,
    ROLE_GRANTED,
    ROLE_REFUSED,
)
from portal.accounts.models import Account, Membership, RoleRequest
from portal.accounts.services import Issued
from remediation.approvals.emergencies import queries as emergencies
from remediation.sod import queries as sod
from remediation.sod import services as duties
from remediation.sod.duties import Duty

RIGHT = "people.manage"
SUBJECT = "accounts.rolerequest"
CYCLE = 1
DAYS = 14
SHORTEST_REASON_WORDS = 3
VERDICTS = ("grant", "refuse")
State = RoleRequest.State


@dataclass(frozen=True)
class Decided:
    """A request after its decision, with what it gave: a membership, or an invitation to be sent."""

    request: RoleRequest
    membership: Membership | None = None
    issued: Issued | None = None


@transaction.atomic
def ask_for_member(
    person_id: UUID, *, role: str, reason: str, actor: Actor, department: str = "", starts_at: datetime | None = None
) -> RoleRequest:
    """Ask that a member get a privileged role. It gives nothing until another administrator decides."""
    _check_asker(actor)
    eligibility.refuse_grantee(person_id, role, actor)
    if Membership.objects.filter(
        organization_id=actor.organization_id, person_id=person_id, role=role, ended_at=None
    ).exists():
        raise WrongState(f"This person is {roles.ROLES[role].word} already.")
    if starts_at is not None:
        eligibility.refuse_backdated(starts_at)
    return _asked(
        actor, reason, (person_id,), person_id=person_id, role=role, department=department, starts_at=starts_at
    )


@transaction.atomic
def ask_to_invite(*, email: str, name: str, role: str, reason: str, actor: Actor, department: str = "") -> RoleRequest:
    """Ask that somebody be invited to a privileged role. The invitation is made and sent once it is granted."""
    _check_asker(actor)
    address = eligibility.check_invited(email=email, name=name, role=role, actor=actor)
    known = Account.objects.filter(email__iexact=address).first()
    if known is not None:
        eligibility.refuse_own(known.person_id, actor)
    whom = (known.person_id,) if known is not None else ()
    return _asked(actor, reason, whom, email=address, name=name.strip(), role=role, department=department)


@transaction.atomic
def decide(request_id: UUID, *, verdict: str, reason: str, actor: Actor) -> Decided:
    """Grant or refuse what another administrator asked for.

    Raises DutyConflict for one's own request (rule S-52) or role (rule S-53), WrongState for one that is settled or
    older than 14 days (rule R-08), ReauthenticationRequired without a fresh proof (rule R-03).
    """
    row = _locked(request_id, actor)
    actor.require(RIGHT)
    emergencies.refuse_grant(actor)
    if verdict not in VERDICTS:
        raise Invalid("Nothing was decided.", fields={"verdict": ["Grant or refuse."]})
    _check_open(row)
    if row.asked_at < clock.now() - timedelta(days=DAYS):
        raise WrongState(f"This was asked more than {DAYS} days ago (rule R-08).", rule="R-08", help="Ask anew.")
    _check_words(reason)
    account_id, person_id, proved_at = _proved(actor)
    duties.take_duty(Duty.CONFIRMER, subject_type=SUBJECT, subject_id=row.pk, cycle=CYCLE, actor=actor)
    _check_asker_still_administers(row)
    if verdict == "grant" and row.person_id is not None:
        eligibility.refuse_grantee(row.person_id, row.role, actor)
    row.state = State.GRANTED if verdict == "grant" else State.REFUSED
    row.decided_by_id, row.decided_through_id, row.decided_at = person_id, account_id, clock.now()
    row.decided_proved_at, row.decided_reason = proved_at, reason.strip()[:300]
    row.save(
        update_fields=[
            "state", "decided_by", "decided_through", "decided_at", "decided_proved_at", "decided_reason",
        ]
    )  # fmt: skip
    event = ROLE_CONFIRMED if verdict == "grant" else ROLE_REFUSED
    ledger.record(event, subject=row, actor=actor, reason=reason.strip(), after={"state": str(row.state)},
                  data={"role": row.role})  # fmt: skip
    if verdict == "refuse":
        return Decided(row)
    return _invite(row, actor) if row.person_id is None else _give(row, actor)


@transaction.atomic
def withdraw(request_id: UUID, *, actor: Actor) -> RoleRequest:
    """Take back what is still open: by whoever asked, or another administrator."""
    row = _locked(request_id, actor)
    actor.require(RIGHT)
    _check_open(row)
    role_requests.end_as_withdrawn(row, actor)
    return row


def _asked(actor: Actor, reason: str, whom: Sequence[UUID], **facts: object) -> RoleRequest:
    """The row, its hands and its event."""
    role = str(facts["role"])
    if not roles.ROLES[role].is_privileged:
        raise Invalid("This role needs no second administrator.", fields={"role": ["Grant it yourself."]})
    _check_words(reason)
    account_id, person_id, proved_at = _proved(actor)
    _check_not_alone(actor)
    same = {name: facts[name] for name in ("person_id", "email", "role") if name in facts}
    if RoleRequest.objects.filter(organization_id=actor.organization_id, state=State.OPEN, **same).exists():
        raise WrongState("This was asked already; it waits for a second administrator.", code="already_asked")
    facts["department"] = str(facts.get("department", "")).strip()
    ref, _ = take_ref(actor.organization_id, "GR")
    row = RoleRequest.objects.create(
        organization_id=actor.organization_id,
        ref=ref, reason=reason.strip()[:300], asked_by_id=person_id,
        asked_through_id=account_id, asked_at=clock.now(), asked_proved_at=proved_at, **facts,
    )  # fmt: skip
    about = {"subject_type": SUBJECT, "subject_id": row.pk, "cycle": CYCLE, "about": row.ref}
    duties.take_duty(Duty.GRANTER, actor=actor, **about)  # type: ignore[arg-type]
    for grantee in whom:
        duties.take_duty(Duty.GRANTEE, actor=actor, person_id=grantee, **about)  # type: ignore[arg-type]
    ledger.record(
        ROLE_ASKED,
        subject=row,
        actor=actor,
        reason=reason.strip(),
        after={"state": str(row.state)},
        data={"role": role, **({"person": str(row.person_id)} if row.person_id else {})},
    )
    return row


def _give(row: RoleRequest, actor: Actor) -> Decided:
    now = clock.now()
    made = Membership.objects.create(
        organization_id=row.organization_id,
        person_id=row.person_id,
        role=row.role,
        department=row.department,
        starts_at=max(now, row.starts_at or now),
        granted_by_id=row.asked_by_id,
        request=row,
    )
    data = {"role": row.role, "person": str(row.person_id), "asked_by": str(row.asked_by_id)}
    ledger.record(ROLE_GRANTED, subject=made, actor=actor, data=data)
    return Decided(row, membership=made)


def _invite(row: RoleRequest, actor: Actor) -> Decided:
    eligibility.check_invited(email=row.email, name=row.name, role=row.role, actor=actor)
    issued = services.make_invitation(
        email=row.email, name=row.name, role=row.role, department=row.department,
        organization_id=row.organization_id, invited_by_id=row.asked_by_id, request=row,
    )  # fmt: skip
    ledger.record(
        PERSON_INVITED, subject=issued.row, actor=actor, data={"role": row.role, "asked_by": str(row.asked_by_id)}
    )
    return Decided(row, issued=issued)


def _check_asker(actor: Actor) -> None:
    actor.require(RIGHT)
    emergencies.refuse_grant(actor)


def _check_asker_still_administers(row: RoleRequest) -> None:
    if "administrator" not in sod.roles_of(row.asked_by_id, row.organization_id):
        raise WrongState(
            "Whoever asked for this administers no longer (rule R-03).", rule="R-03", help="Withdraw it and ask anew."
        )


def _check_not_alone(actor: Actor) -> None:
    """Without a second administrator the request could never be decided; the operator can help (docs/access.md)."""
    same = sod.same_people(actor.person_id) if actor.person_id else frozenset()
    others = [one for one in sod.members(actor.organization_id, roles=("administrator",)) if one.person_id not in same]
    if not others:
        raise WrongState(
            "You are the only administrator here, and this takes two (rule R-03).",
            rule="R-03",
            code="no_second_administrator",
            help="Ask the operator of the installation to invite a second administrator, or this person:"
            " manage.py invite.",
        )


def _check_words(reason: str) -> None:
    if len(reason.split()) < SHORTEST_REASON_WORDS:
        raise Invalid("Nothing was recorded.", fields={"reason": ["Say in a few words why: at least three of them."]})


def _check_open(row: RoleRequest) -> None:
    if row.state != State.OPEN:
        raise WrongState(
            f"This was settled before: “{row.get_state_display()}” (rule R-08).", rule="R-08", code="already_settled"
        )


def _proved(actor: Actor) -> tuple[UUID, UUID, datetime]:
    eligibility.require_proof(actor)
    if actor.account_id is None or actor.person_id is None or actor.authenticated_at is None:
        raise NotAllowed("Only a person gives a role.", rule="R-03")
    return actor.account_id, actor.person_id, actor.authenticated_at


def _locked(request_id: UUID, actor: Actor) -> RoleRequest:
    row = RoleRequest.objects.select_for_update().filter(pk=request_id, organization_id=actor.organization_id).first()
    if row is None:
        raise NotFound("There is no such request.")
    return row
