"""Lending a duty to a colleague, taking it on, and ending it. Nothing holds before the colleague accepts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from evidence import clock
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, Refused, WrongState
from evidence.ledger import services as ledger
from remediation.approvals import events
from remediation.approvals.actions import ACTIONS
from remediation.approvals.delegations import queries
from remediation.approvals.models import Delegation, Request
from remediation.sod import queries as sod
from remediation.sod import rulebook

LONGEST = timedelta(days=30)
SHORTEST_REASON_WORDS = 3
# What a page takes from opening to sending must not make a delegation backdated.
SLACK = timedelta(minutes=5)


@dataclass(frozen=True)
class Terms:
    """What is lent: a duty, all of it or some actions, within a scope, from one moment to another."""

    duty: str
    starts_at: datetime
    ends_at: datetime
    actions: Sequence[str] = ()
    scope: str = Delegation.Scope.ALL
    ceiling: str = ""
    engagement: UUID | None = None
    items: Sequence[UUID] = field(default_factory=tuple)
    names: str = ""


@transaction.atomic
def offer(*, deputy_id: UUID, terms: Terms, reason: str, actor: Actor) -> Delegation:
    """Ask a colleague to decide in the actor's place. Raises a refusal with the number of the D rule that forbids it."""
    if actor.account_id is None or actor.person_id is None:
        raise NotAllowed("Only a person can delegate.", rule="D-01")
    _check_terms(terms, reason)
    _check_people(actor.person_id, deputy_id, terms, actor)
    made = Delegation.objects.create(
        organization_id=actor.organization_id,
        giver_id=actor.person_id,
        given_through_id=actor.account_id,
        deputy_id=deputy_id,
        duty=terms.duty,
        actions=list(terms.actions),
        scope=terms.scope,
        ceiling=terms.ceiling,
        engagement=terms.engagement,
        items=[str(item) for item in terms.items],
        names=terms.names[:200],
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        reason=reason.strip(),
        made_at=clock.now(),
    )
    ledger.record(
        events.DELEGATION_OFFERED,
        subject=made,
        actor=actor,
        reason=reason.strip(),
        after={"state": made.state},
        data={
            "deputy": str(deputy_id),
            "duty": terms.duty,
            "actions": list(terms.actions),
            "scope": terms.scope,
            "ceiling": terms.ceiling,
            "engagement": str(terms.engagement or ""),
            "items": [str(item) for item in terms.items],
            "starts_at": terms.starts_at.isoformat(),
            "ends_at": terms.ends_at.isoformat(),
        },
    )
    return made


@transaction.atomic
def accept(delegation_id: UUID, *, actor: Actor) -> Delegation:
    """Take on what a colleague asked; from now, or from its first day, the actor may decide for them."""
    row = _locked(delegation_id, actor)
    if actor.person_id != row.deputy_id or actor.account_id is None:
        raise _no(NotAllowed, "Only the person who was asked can accept it.", rule="D-11")
    if row.state != Delegation.State.OFFERED:
        raise _no(
            WrongState, f"This delegation no longer waits: it is {row.State(row.state).label.lower()}.", rule="D-11"
        )
    row.accepted_at, row.accepted_through_id = clock.now(), actor.account_id
    row.save(update_fields=["accepted_at", "accepted_through"])
    ledger.record(
        events.DELEGATION_ACCEPTED,
        subject=row,
        actor=actor,
        after={"state": row.state},
        data={"giver": str(row.giver_id)},
    )
    return row


@transaction.atomic
def end(delegation_id: UUID, *, actor: Actor, reason: str = "") -> Delegation:
    """End it now, or decline it: either of the two may, and whoever manages people. Raises NotAllowed or WrongState."""
    row = _locked(delegation_id, actor)
    if actor.person_id not in (row.giver_id, row.deputy_id) and not actor.may("people.manage"):
        raise NotAllowed("Only the two people, or an administrator, can end a delegation.")
    if not row.is_live:
        raise _no(WrongState, f"This delegation is {row.State(row.state).label.lower()} already.", rule="D-15")
    return _ended(row, actor, reason)


@transaction.atomic
def end_of(person_id: UUID, *, actor: Actor, why: str) -> int:
    """End every delegation from or to a person who leaves, and return how many."""
    rows = (
        Delegation.objects.select_for_update()
        .filter(Q(giver_id=person_id) | Q(deputy_id=person_id), organization_id=actor.organization_id, ended_at=None)
        .filter(ends_at__gt=clock.now())
        .order_by("id")
    )
    return len([_ended(row, actor, why) for row in rows])


@transaction.atomic
def end_orphaned(*, actor: Actor) -> int:
    """End those whose giver lost the duty or whose deputy may no longer carry it. For the sweep."""
    live = Delegation.objects.filter(
        organization_id=actor.organization_id, ended_at=None, ends_at__gt=clock.now()
    ).order_by("id")
    ended = 0
    for row in live.select_for_update():
        if not _both_stand(row):
            _ended(row, actor, "One of the two no longer holds the role (rule D-20).")
            ended += 1
    return ended


def usable(request: Request, delegation_id: UUID, *, actor: Actor, severity: str) -> Delegation:
    """The delegation under which the actor decides on this request, held against its end.

    Raises WrongState, NotFound or Refused with the number of the rule that keeps it from carrying a decision.
    """
    row = (
        # The row alone: its people are read apart, and nobody waits for them.
        Delegation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("giver")
        .filter(organization_id=actor.organization_id, pk=delegation_id)
        .first()
    )
    if row is None or row.deputy_id != actor.person_id:
        raise _no(NotAllowed, "This delegation is not one to you.", rule="D-17")
    if row.ended_at is not None:
        raise _no(WrongState, f"The delegation of {row.giver.name} was ended on {row.ended_at:%d %b %Y}.", rule="D-15")
    if row.accepted_at is None:
        raise _no(WrongState, "You have not accepted this delegation.", rule="D-13")
    if not row.starts_at <= clock.now() < row.ends_at:
        raise _no(
            WrongState, f"The delegation runs from {row.starts_at:%d %b %Y} to {row.ends_at:%d %b %Y}.", rule="D-14"
        )
    if not queries.covers(row, request, severity):
        raise _no(NotAllowed, f"The delegation of {row.giver.name} does not cover {request.subject_ref}.", rule="D-16")
    if not _both_stand(row):
        raise _no(NotAllowed, f"{row.giver.name} or you no longer hold the role this delegation needs.", rule="D-20")
    return row


def _both_stand(row: Delegation) -> bool:
    giver = sod.roles_of(row.giver_id, row.organization_id)
    deputy = sod.roles_of(row.deputy_id, row.organization_id)
    return row.duty in queries.duties_of(giver) and queries.may_deputise(deputy, row.duty)


def _ended(row: Delegation, actor: Actor, why: str) -> Delegation:
    declined = row.accepted_at is None and actor.person_id == row.deputy_id
    before = row.state
    row.ended_at, row.ended_by_id, row.ended_why = clock.now(), actor.person_id, why.strip()
    row.save(update_fields=["ended_at", "ended_by", "ended_why"])
    ledger.record(
        events.DELEGATION_DECLINED if declined else events.DELEGATION_ENDED,
        subject=row,
        actor=actor,
        reason=why.strip(),
        before={"state": str(before)},
        after={"state": str(row.state)},
        data={"giver": str(row.giver_id), "deputy": str(row.deputy_id)},
    )
    return row


def _locked(delegation_id: UUID, actor: Actor) -> Delegation:
    row = Delegation.objects.select_for_update().filter(organization_id=actor.organization_id, pk=delegation_id).first()
    if row is None or not queries.may_see(row, actor):
        raise NotFound("There is no such delegation.")
    return row


def _check_terms(terms: Terms, reason: str) -> None:
    known = {key for key, action in ACTIONS.items() if action.duty == terms.duty}
    if not known or not set(terms.actions) <= known:
        raise _wrong("actions", "Choose actions of one duty.", rule="D-10")
    if terms.scope not in Delegation.Scope.values:
        raise _wrong("scope", "Choose one of the listed scopes.", rule="D-10")
    if terms.scope == Delegation.Scope.SEVERITY and terms.ceiling not in queries.SEVERITIES:
        raise _wrong("ceiling", "Choose the highest severity it covers.", rule="D-10")
    if terms.scope == Delegation.Scope.ENGAGEMENT and terms.engagement is None:
        raise _wrong("engagement", "Choose the engagement it covers.", rule="D-10")
    if terms.scope == Delegation.Scope.ITEMS and not terms.items:
        raise _wrong("items", "Name the items it covers, for instance F-017.", rule="D-10")
    if terms.starts_at < clock.now() - SLACK:
        raise _wrong("starts_on", "It cannot begin in the past: nothing decided before is covered.", rule="D-08")
    if not terms.starts_at < terms.ends_at <= terms.starts_at + LONGEST:
        raise _wrong("ends_on", "It ends after it begins, at most 30 days later.", rule="D-07")
    if len(reason.split()) < SHORTEST_REASON_WORDS or len(reason.strip()) < 8:
        raise _wrong("reason", "Say in a few words why: at least three of them.", rule="D-09")


def _check_people(giver_id: UUID, deputy_id: UUID, terms: Terms, actor: Actor) -> None:
    if queries.is_one_person(giver_id, deputy_id):
        raise _conflict("You cannot delegate to yourself", rule="D-02")
    if terms.duty not in queries.duties_of(sod.roles_of(giver_id, actor.organization_id)):
        raise _no(NotAllowed, "Your role does not include this duty, so it is not yours to delegate.", rule="D-03")
    held = sod.roles_of(deputy_id, actor.organization_id)
    if not queries.may_deputise(held, terms.duty):
        who = "This person is no member here" if not held else f"{' and '.join(sorted(held)).capitalize()} stands apart"
        raise _conflict(f"{who}, so they cannot carry this duty", rule="D-04")
    for other in queries.overlapping(actor.organization_id, terms.duty, terms.starts_at, terms.ends_at):
        lent_to_giver = queries.is_one_person(other.deputy_id, giver_id)
        lent_by_deputy = queries.is_one_person(other.giver_id, deputy_id)
        if lent_to_giver and lent_by_deputy:
            raise _conflict("They have delegated this duty to you, so you cannot stand in for each other", rule="D-06")
        if lent_to_giver:
            raise _conflict("This duty was delegated to you in that time, and is not delegated on", rule="D-05")
        if lent_by_deputy:
            raise _conflict("They have delegated this duty to somebody else in that time", rule="D-05")


def _wrong(name: str, words: str, *, rule: str) -> Invalid:
    return Invalid(f"{words[:-1]} (rule {rule}).", fields={name: [words]}, rule=rule, help=rulebook.rule(rule).instead)


def _conflict(words: str, *, rule: str) -> DutyConflict:
    return DutyConflict(f"{words} (rule {rule}).", rule=rule, help=rulebook.rule(rule).instead)


def _no(kind: type[Refused], words: str, *, rule: str) -> Refused:
    return kind(f"{words[:-1]} (rule {rule}).", rule=rule, help=rulebook.rule(rule).instead)
