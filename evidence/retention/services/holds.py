"""Set a hold, and release it: two persons, and never one who wants what it keeps to go (PRACTICE.md sections 4 and 5)."""

from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.artifacts.models import Artifact
from evidence.errors import DutyConflict, Invalid, NotFound, WrongState
from evidence.ledger import services as ledger
from evidence.organizations import services as organizations
from evidence.retention import events, proof, queries
from evidence.retention.models import Hold, HoldKind, HoldRelease, Scope

MATTER_LIMIT = 120
ARTIFACT = "artifacts.artifact"


@transaction.atomic
def set_hold(
    *,
    actor: Actor,
    scope: str,
    matter: str,
    reason: str,
    kind: str = HoldKind.LEGAL,
    target: ledger.Subject | None = None,
) -> Hold:
    """Keep everything in the scope from disposal, from now until somebody else releases it.

    `target` names the artifact, finding or engagement; it is None for the whole organization.
    """
    actor.require("holds.set")
    person_id = proof.person(actor)
    _check(scope, kind, matter, target)
    text = proof.words(reason)
    ref, number = organizations.take_ref(actor.organization_id, "H")
    hold = Hold.objects.create(
        organization_id=actor.organization_id,
        ref=ref,
        number=number,
        kind=kind,
        scope=scope,
        target_type=target.type if target else "",
        target_id=target.id if target else None,
        target_ref=target.ref if target else "",
        matter=matter.strip(),
        reason=text,
        set_by_id=person_id,
    )
    covers = {"type": hold.target_type, "id": str(hold.target_id or ""), "ref": hold.target_ref}
    data = {"kind": kind, "scope": scope, "target": covers}
    ledger.record(events.HOLD_SET, subject=hold, actor=actor, after=data, reason=text, texts={"matter": hold.matter})
    return hold


@transaction.atomic
def release(hold_id: UUID, *, actor: Actor, reason: str) -> HoldRelease:
    """End a hold. Never by who set it (H-02), nor by who asked to dispose of something it keeps (H-03)."""
    hold = Hold.objects.filter(pk=hold_id).first()
    if hold is None:
        raise NotFound("There is no such hold.")
    actor.require("holds.release", hold)
    person_id = proof.person(actor)
    if HoldRelease.objects.filter(hold=hold).exists():
        raise WrongState(f"{hold.ref} was released before. Nothing was recorded.")
    refuse_own(hold, actor=actor)
    text = proof.words(reason)
    moment = proof.fresh(actor)
    made = HoldRelease.objects.create(
        organization_id=hold.organization_id, hold=hold, reason=text, person_id=person_id, authenticated_at=moment
    )
    ledger.record(events.HOLD_RELEASED, subject=hold, actor=actor, reason=text, data={"set_by": str(hold.set_by_id)})
    return made


def refuse_own(hold: Hold, *, actor: Actor) -> None:
    """Raise DutyConflict when this person may not release it."""
    if hold.set_by_id == actor.person_id:
        raise DutyConflict(
            f"You set {hold.ref} on {hold.set_at:%d %b %Y}, so someone else must release it (rule H-02).",
            rule="H-02",
            acts=[f"You set it on {hold.set_at:%d %b %Y}"],
            help="Ask somebody else who may release holds.",
        )
    asked = queries.requests_kept_by(hold, person_id=actor.person_id)
    if asked:
        raise DutyConflict(
            f"You asked for {asked[0]}, a disposal of what {hold.ref} keeps, so someone else must release it (rule H-03).",
            rule="H-03",
            acts=[f"You asked for {ref}" for ref in asked],
            help="Ask somebody who does not want the evidence disposed of.",
        )


def _check(scope: str, kind: str, matter: str, target: ledger.Subject | None) -> None:
    fields: dict[str, list[str]] = {}
    if scope not in Scope.values or (scope == Scope.ORGANIZATION) != (target is None):
        fields["scope"] = ["Choose what it covers."]
    if kind not in HoldKind.values:
        fields["kind"] = ["Choose the kind of hold."]
    if not matter.strip() or len(matter) > MATTER_LIMIT:
        fields["matter"] = ["Name the matter, for instance its file number."]
    if scope == Scope.ARTIFACT and target is not None and not Artifact.objects.filter(pk=target.id).exists():
        fields["target"] = ["There is no such evidence here."]
    if fields:
        raise Invalid("No hold was set; some fields don't fit.", fields=fields)
