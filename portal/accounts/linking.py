"""Writes about two accounts of one person: the claim, its confirmation by somebody else, its dismissal.

A link that would hide a conflict is refused with the rule and the item; nothing here takes a link back.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import connections, transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, WrongState
from evidence.ledger import services as ledger
from portal.accounts import likenesses, roles
from portal.accounts.events import PEOPLE_CLAIMED_ONE, PEOPLE_LINKED, PEOPLE_TOLD_APART
from portal.accounts.models import IdentityClaim, Membership, PersonLink
from remediation.sod import queries as sod

SHORTEST_REASON_WORDS = 3
State = IdentityClaim.State


@transaction.atomic
def claim(one: UUID, other: UUID, *, evidence: Sequence[str], reason: str, actor: Actor) -> IdentityClaim:
    """Say that two people of the organization are one person. It counts once somebody else confirms it.

    A claim whose link would be refused is kept all the same: the nightly check reads it.
    """
    _take_turn(actor)
    actor.require("people.manage")
    _check_two(one, other, actor)
    _check_words(reason, evidence)
    first, second = sorted((one, other))
    if IdentityClaim.objects.filter(first_id=first, second_id=second, state=State.OPEN).exists():
        raise WrongState("Somebody has said this already; it waits to be confirmed.", code="already_claimed")
    made = IdentityClaim.objects.create(
        organization_id=actor.organization_id,
        first_id=first,
        second_id=second,
        evidence=list(evidence),
        reason=reason.strip(),
        made_by_id=actor.person_id,
    )
    _record(PEOPLE_CLAIMED_ONE, made, actor, reason=reason.strip(), evidence=made.evidence)
    return made


@transaction.atomic
def confirm(claim_id: UUID, *, actor: Actor) -> PersonLink:
    """Make two people one, for ever: by a second administrator, an executive, or the person themselves.

    Raises DutyConflict with the rule and the item when the two together broke one, or hold roles that may not meet.
    """
    _take_turn(actor)
    claimed = _open(claim_id, actor)
    confirmed_as = _check_confirmer(claimed, actor)
    _check_two(claimed.first_id, claimed.second_id, actor)
    _check_roles(claimed, actor)
    _check_past(claimed, confirmed_as)
    link = PersonLink.objects.create(
        organization_id=actor.organization_id,
        person_id=claimed.first_id,
        same_as_id=claimed.second_id,
        evidence=[*claimed.evidence, *(["confirmed"] if confirmed_as == PersonLink.Confirmed.PERSON else [])],
        reason=claimed.reason,
        made_by_id=claimed.made_by_id,
        confirmed_by_id=actor.person_id,
        confirmed_as=confirmed_as,
    )
    _end(claimed, State.LINKED, actor, "")
    _record(PEOPLE_LINKED, claimed, actor, link=str(link.pk), confirmed_as=str(confirmed_as))
    return link


@transaction.atomic
def tell_apart(one: UUID, other: UUID, *, reason: str, actor: Actor) -> IdentityClaim:
    """Say that these are two people after all. The reason is remembered and nobody is asked about the two again."""
    _take_turn(actor)
    actor.require("people.manage")
    _check_two(one, other, actor)
    _check_words(reason, ["told"])
    first, second = sorted((one, other))
    standing = IdentityClaim.objects.select_for_update().filter(first_id=first, second_id=second, state=State.OPEN)
    claimed = standing.first()
    if claimed is None:
        claimed = IdentityClaim.objects.create(
            organization_id=actor.organization_id,
            first_id=first,
            second_id=second,
            evidence=likenesses.of_two(first, second),
            reason="",
            made_by_id=actor.person_id,
            state=State.DISMISSED,
            ended_by_id=actor.person_id,
            ended_at=clock.now(),
            ended_reason=reason.strip(),
        )
    else:
        _end(claimed, State.DISMISSED, actor, reason.strip())
    _record(PEOPLE_TOLD_APART, claimed, actor, reason=reason.strip())
    return claimed


def _take_turn(actor: Actor) -> None:
    # Acts share this lock (guards.py, accounts_identity_share); the table's trigger takes it for raw SQL too.
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('identity:' || %s, 0))", [str(actor.organization_id)]
        )


def _check_two(one: UUID, other: UUID, actor: Actor) -> None:
    if one == other:
        raise Invalid("A person is not linked to themselves.", fields={"other": ["Choose somebody else."]}, rule="I-01")
    here = Membership.objects.filter(organization_id=actor.organization_id, person_id__in=(one, other))
    if here.values("person_id").distinct().count() < 2:
        raise NotFound("Both must be people of this organization.", rule="I-08")
    if other in sod.same_people(one):
        raise WrongState("These two are one person already.", rule="I-10")


def _check_words(reason: str, evidence: Sequence[str]) -> None:
    wrong = {}
    if len(reason.split()) < SHORTEST_REASON_WORDS:
        wrong["reason"] = ["Say in a few words why: at least three of them."]
    if not evidence or not set(evidence) <= {*likenesses.EVIDENCE, "told"}:
        wrong["evidence"] = ["Choose what shows it."]
    if wrong:
        raise Invalid("Nothing was recorded.", fields=wrong, rule="I-03")


def _open(claim_id: UUID, actor: Actor) -> IdentityClaim:
    claimed = (
        IdentityClaim.objects.select_for_update().filter(pk=claim_id, organization_id=actor.organization_id).first()
    )
    if claimed is None:
        raise NotFound("There is no such claim.")
    if claimed.state != State.OPEN:
        raise WrongState(
            f"This was settled before: “{claimed.get_state_display()}”.", rule="I-11", code="already_settled"
        )
    return claimed


def _check_confirmer(claimed: IdentityClaim, actor: Actor) -> str:
    if actor.person_id is None or actor.via == "token":
        raise NotAllowed("Only a person who signed in confirms this.")
    held = sod.roles_of(actor.person_id, actor.organization_id)
    is_one_of_them = actor.person_id in (claimed.first_id, claimed.second_id)
    either = sod.same_people(claimed.first_id) | sod.same_people(claimed.second_id)
    if claimed.made_by_id in sod.same_people(actor.person_id):
        pass
    elif is_one_of_them:
        return PersonLink.Confirmed.PERSON
    elif actor.person_id not in either and "executive" in held:
        return PersonLink.Confirmed.EXECUTIVE
    elif actor.person_id not in either and "administrator" in held:
        return PersonLink.Confirmed.ADMINISTRATOR
    raise DutyConflict(
        "A link is confirmed by another administrator than the one who proposed it, by an executive, or by the person"
        " themselves (rule I-04).",
        rule="I-04",
    )


def _check_roles(claimed: IdentityClaim, actor: Actor) -> None:
    clash = likenesses.toxic_pair(claimed.first_id, claimed.second_id)
    if clash:
        one, other = (roles.ROLES[role].word for role in clash)
        raise DutyConflict(
            f"{one} and {other} may not meet in one person (rule I-07). Nothing was linked.",
            rule="I-07",
            help="End one of the two roles first, then link.",
        )


def _check_past(claimed: IdentityClaim, confirmed_as: str) -> None:
    found = likenesses.conflicts_if_one(claimed.first_id, claimed.second_id)
    standing = [conflict for conflict in found if not conflict.is_past]
    if standing:
        raise DutyConflict(
            f"Together they broke rule {standing[0].rule} on {standing[0].ref} (rule I-05). Nothing was linked; the"
            " claim is kept and the check on duties reports it.",
            rule="I-05",
            acts=[str(conflict) for conflict in standing],
            help=f"Reopen {standing[0].ref}, or withdraw the request, and have it judged by somebody else; then link.",
        )
    if found and confirmed_as != PersonLink.Confirmed.EXECUTIVE:
        raise DutyConflict(
            f"Together they broke rule {found[0].rule} on an earlier cycle of {found[0].ref} (rule I-06). Nothing was"
            " linked.",
            rule="I-06",
            acts=[str(conflict) for conflict in found],
        )


def _end(claimed: IdentityClaim, state: str, actor: Actor, reason: str) -> None:
    claimed.state, claimed.ended_by_id, claimed.ended_at = state, actor.person_id, clock.now()
    claimed.ended_reason = reason
    claimed.save(update_fields=["state", "ended_by", "ended_at", "ended_reason"])


def _record(event: ledger.Event, claimed: IdentityClaim, actor: Actor, *, reason: str = "", **data: object) -> None:
    people = {"first": str(claimed.first_id), "second": str(claimed.second_id)}
    ledger.record(event, subject=claimed, actor=actor, reason=reason, data=people | data)
