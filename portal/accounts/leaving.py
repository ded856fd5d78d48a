"""When somebody leaves: all their access ends at once, nothing is handed on silently, and what they owned is listed.

Whoever comes back gets nothing back by itself: every role, token and grant is given anew.
"""

from dataclasses import dataclass
from uuid import UUID

from django.apps import apps
from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.controls.models import Control
from evidence.errors import DutyConflict, NotFound
from evidence.ledger import services as ledger
from portal.accounts import object_grants, role_requests, sessions
from portal.accounts.events import PERSON_LEFT, ROLE_ENDED, TOKEN_REVOKED
from portal.accounts.models import Account, ApiToken, Invitation, Membership, Person
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.findings.models import Finding
from remediation.tasks.models import Task

LISTED = 100


@dataclass(frozen=True)
class Owned:
    """One thing that somebody owns and that needs another owner when they go."""

    kind: str
    ref: str
    title: str


@dataclass(frozen=True)
class Left:
    """What ended with somebody's leaving, counted, and what is left without an owner."""

    roles: int
    tokens: int
    grants: int
    delegations: int
    invitations: int
    sessions: int
    owned: tuple[Owned, ...]


def owned_by(person_id: UUID, organization_id: UUID) -> tuple[Owned, ...]:
    """The open findings, tasks, controls and requests of a person, at most a hundred of each."""
    findings = Finding.objects.filter(organization_id=organization_id).exclude(state__in=["closed", "rejected"])
    tasks = Task.objects.filter(organization_id=organization_id, assignee_id=person_id)
    controls = Control.objects.filter(organization_id=organization_id, owner_id=person_id)
    asked = Request.objects.filter(organization_id=organization_id, requested_by_id=person_id, state="open")
    found: list[Owned] = []
    for kind, rows in (
        ("finding", findings.filter(owner_id=person_id).order_by("number").values_list("ref", "title")),
        ("finding to fix", findings.filter(assignee_id=person_id).order_by("number").values_list("ref", "title")),
        ("task", tasks.exclude(state="accepted").order_by("ref").values_list("ref", "title")),
        ("control", controls.order_by("ref").values_list("ref", "title")),
        ("request", asked.order_by("requested_at").values_list("subject_ref", "action")),
    ):
        found += [Owned(kind, ref, title) for ref, title in rows[:LISTED]]
    return tuple(found)


@transaction.atomic
def leave(person_id: UUID, *, actor: Actor, reason: str) -> Left:
    """End every role of the person here, and with it all their access. Raises DutyConflict for oneself (rule R-02)."""
    actor.require("people.manage")
    person = Person.objects.select_for_update().filter(pk=person_id).first()
    roles = Membership.objects.select_for_update().filter(
        organization_id=actor.organization_id, person_id=person_id, ended_at=None
    )
    rows = list(roles.order_by("role"))
    if person is None or not rows:
        raise NotFound("This person holds no role in your organization.")
    if person_id == actor.person_id:
        raise DutyConflict("Nobody ends their own role (rule R-02).", rule="R-02", help="Ask another administrator.")
    for row in rows:
        row.ended_at = clock.now()
        row.save(update_fields=["ended_at"])
        ledger.record(
            ROLE_ENDED, subject=row, actor=actor, reason=reason, data={"role": row.role, "person": str(person_id)}
        )
    return end_access(person_id, actor=actor, reason=reason, roles=len(rows))


@transaction.atomic
def end_access(person_id: UUID, *, actor: Actor, reason: str, roles: int) -> Left:
    """End what outlives a role: for whoever holds none here any more. The caller has checked the right."""
    accounts = list(Account.objects.filter(person_id=person_id).values_list("pk", flat=True))
    here = {"organization_id": actor.organization_id}
    tokens = list(ApiToken.objects.select_for_update().filter(**here, account_id__in=accounts, revoked_at=None))
    for token in tokens:
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])
        ledger.record(TOKEN_REVOKED, subject=token, actor=actor, reason=reason)
    grants = object_grants.end_all(accounts, organization_id=actor.organization_id, by=actor.person_id)
    members = apps.get_model("access", "TeamMember")._default_manager.filter(**here, person_id=person_id)
    grants += members.filter(ends_at=None).update(ends_at=clock.now(), ended_by_id=actor.person_id)
    delegations = approvals.end_delegations_of(person_id, actor=actor, why=reason)
    invitations = Invitation.objects.filter(**here, invited_by_id=person_id, accepted_at=None, withdrawn_at=None)
    withdrawn = invitations.update(withdrawn_at=clock.now())
    role_requests.withdraw_of(person_id, actor=actor)
    ended = sessions.end_all(accounts, how=sessions.End.LEFT)
    left = Left(roles, len(tokens), grants, delegations, withdrawn, ended, owned_by(person_id, actor.organization_id))
    person = Person.objects.get(pk=person_id)
    counts = {name: getattr(left, name) for name in ("roles", "tokens", "grants", "delegations", "invitations")}
    ledger.record(PERSON_LEFT, subject=person, actor=actor, reason=reason, data={**counts, "owned": len(left.owned)})
    return left
