"""Asking for emergency access, activating it, ending it early, reviewing it. It gives a role for hours, never a decision."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import (
    DutyConflict,
    Invalid,
    NotAllowed,
    NotFound,
    ReauthenticationRequired,
    Refused,
    WrongState,
)
from evidence.ledger import services as ledger
from evidence.organizations.calendar import calendar
from evidence.organizations.services import take_ref
from remediation.approvals import events
from remediation.approvals.emergencies import queries
from remediation.approvals.emergencies.bars import WANTED
from remediation.approvals.models import Emergency
from remediation.sod import queries as sod
from remediation.sod import rulebook

LONGEST_HOURS = 4
REVIEW_BUSINESS_DAYS = 2
ASKING_HOLDS = timedelta(days=1)
ALARMED = 2
SHORTEST_WORDS = 3


@transaction.atomic
def ask(*, role: str, hours: int, reason: str, ticket: str, actor: Actor) -> Emergency:
    """Ask for a role for some hours. It gives nothing until somebody activates it."""
    actor.require("emergency.use")
    account_id, person_id, proved_at = _proved(actor, rule="B-01")
    _check_asking(role, hours, reason, ticket)
    held = sod.roles_of(person_id, actor.organization_id)
    if role in held or "auditor" in held or not held:
        raise _no(NotAllowed, "Ask for a role that you do not hold already.", rule="B-03")
    _check_no_other(person_id, actor.organization_id)
    ref, number = take_ref(actor.organization_id, "EM")
    row = Emergency.objects.create(
        organization_id=actor.organization_id,
        ref=ref,
        number=number,
        person_id=person_id,
        account_id=account_id,
        role=role,
        reason=reason.strip(),
        ticket=ticket.strip(),
        hours=hours,
        asked_at=clock.now(),
        authenticated_at=proved_at,
    )
    ledger.record(
        events.EMERGENCY_ASKED,
        subject=row,
        actor=actor,
        reason=reason.strip(),
        after={"state": str(row.state)},
        data={"role": role, "hours": hours},
        texts={"ticket": ticket.strip()},
    )
    return row


@transaction.atomic
def activate(emergency_id: UUID, *, actor: Actor) -> Emergency:
    """Switch it on, as the second person. The person themselves may only while nobody else who may is here."""
    row = _locked(emergency_id, actor)
    if row.state != Emergency.State.ASKED or row.asked_at < clock.now() - ASKING_HOLDS:
        raise _no(
            WrongState, "It can no longer be activated: it was, was withdrawn, or is older than a day.", rule="B-05"
        )
    account_id, person_id, proved_at = _proved(actor, rule="B-05")
    alone = person_id in sod.same_people(row.person_id)
    alarmed: list[UUID] = []
    if alone:
        alarmed = _alarmed(row)
    elif not actor.may("emergency.activate"):
        raise _no(NotAllowed, "Only an administrator, an executive or a compliance manager activates it.", rule="B-05")
    now = clock.now()
    row.activated_at, row.activated_by_id, row.activated_through_id = now, person_id, account_id
    row.activator_proved_at, row.alarmed = proved_at, [str(one) for one in alarmed]
    row.ends_at = now + timedelta(hours=row.hours)
    row.review_due_at = review_due(row.organization_id, row.ends_at)
    row.save(
        update_fields=[
            "activated_at", "activated_by", "activated_through", "activator_proved_at", "alarmed", "ends_at",
            "review_due_at",
        ]
    )  # fmt: skip
    ledger.record(
        events.EMERGENCY_ACTIVATED_ALONE if alone else events.EMERGENCY_ACTIVATED,
        subject=row,
        actor=actor,
        before={"state": str(Emergency.State.ASKED)},
        after={"state": str(row.state)},
        data={
            "emergency": str(row.pk),
            "person": str(row.person_id),
            "role": row.role,
            "ends_at": row.ends_at.isoformat(),
            "alarmed": row.alarmed,
        },
    )
    return row


@transaction.atomic
def end(emergency_id: UUID, *, actor: Actor) -> Emergency:
    """End it now, or withdraw the asking: the person themselves, or whoever may activate."""
    row = _locked(emergency_id, actor)
    own = actor.person_id == row.person_id
    # What the emergency itself takes away is not asked of the person who ends their own.
    if not own and not actor.may("emergency.activate"):
        raise NotAllowed("Only the person, or somebody who may activate it, can end it.")
    before = row.state
    if before not in (Emergency.State.ASKED, Emergency.State.RUNNING):
        raise WrongState("It is over already.")
    row.ended_at, row.ended_by_id = clock.now(), actor.person_id
    row.save(update_fields=["ended_at", "ended_by"])
    ledger.record(
        events.EMERGENCY_WITHDRAWN if row.activated_at is None else events.EMERGENCY_ENDED,
        subject=row,
        actor=actor,
        before={"state": str(before)},
        after={"state": str(row.state)},
    )
    return row


@transaction.atomic
def review(emergency_id: UUID, *, verdict: str, words: str, actor: Actor) -> Emergency:
    """Say whether what was done fitted the need. Only somebody who neither used nor activated it may."""
    row = _locked(emergency_id, actor)
    actor.require("emergency.review")
    if actor.person_id is None or actor.account_id is None:
        raise NotAllowed("Only a person reviews it.")
    involved = sod.same_people(row.person_id) | (
        sod.same_people(row.activated_by_id) if row.activated_by_id else frozenset()
    )
    if actor.person_id in involved:
        raise DutyConflict(
            "You used or activated it, so somebody else must review it (rule B-13).",
            rule="B-13",
            acts=["You used it" if actor.person_id == row.person_id else "You activated it"],
            help=rulebook.rule("B-13").instead,
        )
    if row.state != Emergency.State.REVIEWING:
        raise _no(WrongState, f"It is not to be reviewed: {Emergency.State(row.state).label.lower()}.", rule="B-13")
    if verdict not in Emergency.Verdict.values:
        raise Invalid("Say whether it was fitting.", fields={"verdict": ["Choose one of the two."]})
    if len(words.split()) < SHORTEST_WORDS or len(words.strip()) < 8:
        raise _wrong("review", "Say in a few words what you saw: at least three of them.", rule="B-13")
    row.reviewed_at, row.reviewed_by_id, row.reviewed_through_id = clock.now(), actor.person_id, actor.account_id
    row.verdict, row.review = verdict, words.strip()
    row.save(update_fields=["reviewed_at", "reviewed_by", "reviewed_through", "verdict", "review"])
    ledger.record(
        events.EMERGENCY_REVIEWED,
        subject=row,
        actor=actor,
        reason=words.strip(),
        before={"state": str(Emergency.State.REVIEWING)},
        after={"state": str(row.state), "verdict": verdict},
        data={"acts": len(queries.acts(row))},
    )
    return row


@transaction.atomic
def mark_unreviewed(emergency_id: UUID, *, finding_ref: str, actor: Actor) -> Emergency:
    """Keep which finding was opened because nobody reviewed it in time. For the sweep above findings."""
    row = Emergency.objects.select_for_update().get(organization_id=actor.organization_id, pk=emergency_id)
    if row.finding_ref:
        raise WrongState(f"{row.ref} has led to {row.finding_ref} already.")
    row.finding_ref = finding_ref
    row.save(update_fields=["finding_ref"])
    ledger.record(events.EMERGENCY_UNREVIEWED, subject=row, actor=actor, data={"finding": finding_ref})
    return row


def review_due(organization_id: UUID, ends_at: datetime) -> datetime:
    """The end of the second business day after it ends, by the organization's own calendar."""
    days = calendar(organization_id)
    return days.end_of(days.after_business_days(days.day_of(ends_at), REVIEW_BUSINESS_DAYS))


def _alarmed(row: Emergency) -> list[UUID]:
    """Two people who are told at once. Raises NotAllowed while somebody who may activate is here, or there are not two."""
    here = queries.activators(row.organization_id, without=row.person_id)
    if here:
        names = ", ".join(member.name for member in here[:3])
        raise _no(NotAllowed, f"You are not alone: {names} can activate it.", rule="B-06")
    same = sod.same_people(row.person_id)
    order = ("executive", "administrator", "manager", "approver", "reviewer", "engineer", "auditor")
    others = [one for one in sod.members(row.organization_id) if one.person_id not in same]
    others.sort(key=lambda one: min(order.index(role) for role in one.roles if role in order))
    if len(others) < ALARMED:
        raise _no(NotAllowed, "There are not two people whom the alarm could reach.", rule="B-06")
    return [one.person_id for one in others[:ALARMED]]


def _check_asking(role: str, hours: int, reason: str, ticket: str) -> None:
    if role not in WANTED:
        raise _wrong("role", "Choose one of the listed roles.", rule="B-03")
    if not 1 <= hours <= LONGEST_HOURS:
        raise _wrong("hours", "Choose 1 to 4 hours.", rule="B-04")
    if len(reason.split()) < SHORTEST_WORDS or len(reason.strip()) < 8:
        raise _wrong("reason", "Say in a few words why: at least three of them.", rule="B-02")
    if not ticket.strip() or len(ticket) > 80:
        raise _wrong("ticket", "Name the ticket or incident.", rule="B-02")


def _check_no_other(person_id: UUID, organization_id: UUID) -> None:
    now = clock.now()
    for other in Emergency.objects.filter(
        organization_id=organization_id, person_id__in=sod.same_people(person_id), reviewed_at=None
    ):
        is_open = other.state == Emergency.State.RUNNING or (
            other.state == Emergency.State.ASKED and other.asked_at > now - ASKING_HOLDS
        )
        if is_open:
            raise _no(WrongState, f"{other.ref} is open; end it first.", rule="B-07")
        if other.review_due_at is not None and other.review_due_at < now:
            raise _no(WrongState, f"{other.ref} waits too long for its review; have it reviewed first.", rule="B-07")


def _proved(actor: Actor, *, rule: str) -> tuple[UUID, UUID, datetime]:
    if actor.account_id is None or actor.person_id is None:
        raise NotAllowed("Only a person can do this.", rule=rule)
    moment = actor.fresh_proof
    if moment is None:
        raise ReauthenticationRequired(
            f"Emergency access needs a fresh proof that it is you (rule {rule}).",
            help="Enter your password and send it again.",
            rule=rule,
        )
    return actor.account_id, actor.person_id, moment


def _locked(emergency_id: UUID, actor: Actor) -> Emergency:
    seen = queries.get(emergency_id, actor=actor)
    row = Emergency.objects.select_for_update().filter(pk=seen.pk).first()
    if row is None:
        raise NotFound("There is no such emergency access.")
    return row


def _wrong(name: str, words: str, *, rule: str) -> Invalid:
    return Invalid(f"{words[:-1]} (rule {rule}).", fields={name: [words]}, rule=rule, help=rulebook.rule(rule).instead)


def _no(kind: type[Refused], words: str, *, rule: str) -> Refused:
    return kind(f"{words[:-1]} (rule {rule}).", rule=rule, help=rulebook.rule(rule).instead)
