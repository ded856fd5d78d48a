"""Taking duties: every act on an item's cycle leaves a hand here, or is refused with the rule that forbids it."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connections, transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import DutyConflict, NotAllowed, WrongState
from evidence.identifiers import uuid7
from remediation.sod import queries
from remediation.sod.duties import APPOINTED, STANDING, WORDS, Duty
from remediation.sod.judgement import Conflict, Terms, judge
from remediation.sod.models import Hand, Item

CHUNK = 5000


@transaction.atomic
def take_duty(
    duty: str,
    *,
    subject_type: str,
    subject_id: UUID,
    cycle: int,
    actor: Actor,
    person_id: UUID | None = None,
    about: str = "",
) -> None:
    """Lay the actor's hand (or that of the person the actor appoints owner or assignee) on this cycle, once.

    Raises DutyConflict with the rule's number and the person's own earlier acts. `about` is the public id that a
    later sentence will name, such as "E-014".
    """
    account_id, person = _who(duty, actor, person_id)
    lock_item(subject_type=subject_type, subject_id=subject_id, cycle=cycle, actor=actor)
    found = queries.conflicts(
        person,
        duty,
        subject_type=subject_type,
        subject_id=subject_id,
        cycle=cycle,
        organization_id=actor.organization_id,
    )
    if found:
        raise _refusal(found, own=person == actor.person_id)
    hand = Hand(
        organization_id=actor.organization_id,
        subject_type=subject_type,
        subject_id=subject_id,
        cycle=cycle,
        person_id=person,
        account_id=account_id,
        duty=duty,
        about=about,
    )
    Hand.objects.bulk_create([hand], ignore_conflicts=True)


@transaction.atomic
def take_duties_bulk(duty: str, *, subject_type: str, ids: Iterable[UUID], cycle: int, actor: Actor) -> int:
    """Lay the actor's hand on this cycle of many items at once, all or none, and return how many are new."""
    account_id, person = _who(duty, actor, None)
    subjects = list(ids)
    roles = queries.roles_of(person, actor.organization_id)
    return sum(
        _take_chunk(duty, subjects[start : start + CHUNK], subject_type, cycle, actor, (account_id, person), roles)
        for start in range(0, len(subjects), CHUNK)
    )


def _take_chunk(
    duty: str,
    subjects: list[UUID],
    subject_type: str,
    cycle: int,
    actor: Actor,
    who: tuple[UUID, UUID],
    roles: frozenset[str],
) -> int:
    account_id, person = who
    standing = queries.hands_on(subjects, subject_type=subject_type, person_id=person)
    for held in [standing[key] for key in standing if key[1] == cycle] or [[]]:
        # Conditional cells count as refused here: an import is no place for an exception.
        found = judge(held, duty, roles=roles, terms=Terms())
        if found:
            raise _refusal(found, own=True)
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "INSERT INTO sod_hand"
            " (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about, at)"
            " SELECT fresh.id, %s, %s, fresh.subject_id, %s, %s, %s, %s, '', %s"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS fresh (id, subject_id) ON CONFLICT DO NOTHING",
            [
                actor.organization_id, subject_type, cycle, person, account_id, str(duty), clock.now(),
                [uuid7() for _ in subjects], subjects,
            ],
        )  # fmt: skip
        return int(cursor.rowcount)


def lock_item(*, subject_type: str, subject_id: UUID, cycle: int, actor: Actor) -> None:
    """Hold this cycle of the item until the transaction ends, so that racing duties and decisions take turns."""
    row = Item(organization_id=actor.organization_id, subject_type=subject_type, subject_id=subject_id, cycle=cycle)
    Item.objects.bulk_create([row], ignore_conflicts=True)
    Item.objects.select_for_update().get(
        organization_id=actor.organization_id, subject_type=subject_type, subject_id=subject_id, cycle=cycle
    )


def refuse(found: list[Conflict], *, own: bool = True) -> DutyConflict:
    """The refusal that these conflicts make, for services that asked the question themselves."""
    return _refusal(found, own=own)


def _who(duty: str, actor: Actor, person_id: UUID | None) -> tuple[UUID, UUID]:
    if actor.account_id is None or actor.person_id is None:
        raise NotAllowed("Only a person takes a duty; the system has none.")
    if duty in STANDING:
        raise WrongState(f"{Duty(duty).label} stands on a role or a request and leaves no hand.", rule="S-41")
    if person_id not in (None, actor.person_id) and duty not in APPOINTED:
        raise DutyConflict(
            f"Nobody lays the hand of another as {Duty(duty).label.lower()}; only owners and assignees are appointed.",
            rule="S-40",
            help="Let that person do it with their own account.",
        )
    return actor.account_id, person_id or actor.person_id


def _refusal(found: list[Conflict], *, own: bool) -> DutyConflict:
    first = found[0]
    message = first.sentence
    if not own:
        instead = WORDS[Duty(first.wanted)].instead
        message = f"This person {_lowered(first.third_person)}, so someone else must {instead}."
    return DutyConflict(
        message,
        rule=first.rule,
        acts=[conflict.act for conflict in found],
        help="The acts stay theirs whatever their role is today; another person must take this.",
    )


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
