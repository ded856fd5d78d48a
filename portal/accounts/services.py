"""Writes about people: invitations, roles, tokens. Nobody grants a role to themselves."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import available_timezones

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, ReauthenticationRequired, WrongState
from evidence.ledger import services as ledger
from evidence.organizations.models import Organization, Policy
from evidence.organizations.policies import FOUNDED_WITH
from portal.accounts import eligibility, leaving, roles, sessions, token_secrets
from portal.accounts.events import (
    INVITATION_ACCEPTED,
    ORGANIZATION_FOUNDED,
    PERSON_INVITED,
    ROLE_ENDED,
    ROLE_GRANTED,
    SESSIONS_ENDED,
    TOKEN_CREATED,
    TOKEN_REFUSED,
    TOKEN_REVOKED,
    TOKEN_ROTATED,
)
from portal.accounts.models import Account, ApiToken, Invitation, Membership, Person, RoleRequest
from portal.accounts.stepping_up import reauthenticate
from remediation.approvals.emergencies import queries as emergencies
from remediation.sod import queries as sod

__all__ = ["reauthenticate"]
OWNER = "owner"
INVITATION_DAYS = 7
CLOCK_SKEW = timedelta(minutes=5)
ROTATION_OVERLAP = timedelta(days=1)
REFUSALS_APART = timedelta(hours=1)
TOKEN_DAYS_MAX = 365


@dataclass(frozen=True)
class Issued:
    """Something with a secret that is shown once and kept only as a hash."""

    row: Invitation | ApiToken
    secret: str


def hash_of(secret: str) -> str:
    """What is kept of a random secret of 256 bits; a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def invite(*, email: str, name: str, role: str, department: str = "", actor: Actor) -> Issued:
    """Make an invitation that holds for seven days. Raises Invalid for an unknown role or a bad address.

    A privileged role is asked for instead (granting.ask_to_invite): alone nobody gives it (rule R-03).
    """
    actor.require("people.manage")
    emergencies.refuse_grant(actor)
    address = eligibility.check_invited(email=email, name=name, role=role, actor=actor)
    eligibility.refuse_alone(role)
    eligibility.require_proof(actor)
    issued = make_invitation(
        email=address, name=name, role=role, department=department, organization_id=actor.organization_id,
        invited_by_id=actor.person_id,
    )  # fmt: skip
    ledger.record(PERSON_INVITED, subject=issued.row, actor=actor, data={"role": role})
    return issued


def make_invitation(
    *,
    email: str,
    name: str,
    role: str,
    department: str,
    organization_id: UUID,
    invited_by_id: UUID | None,
    request: RoleRequest | None = None,
) -> Issued:
    """The row and its secret; whoever calls has checked the right and records it. The operator is nobody: None."""
    secret = secrets.token_urlsafe(32)
    row = Invitation.objects.create(
        organization_id=organization_id,
        email=email.strip().lower(),
        name=name.strip(),
        role=role,
        department=department.strip(),
        token_hash=hash_of(secret),
        invited_by_id=invited_by_id,
        request=request,
        expires_at=clock.now() + timedelta(days=INVITATION_DAYS),
    )
    return Issued(row, secret)


@transaction.atomic
def found_organization(*, slug: str, name: str, timezone: str, admin_email: str, admin_name: str) -> Issued:
    """A new organization, with an invitation for its first administrator. Raises Invalid naming each wrong field.

    This is the operator's act (manage.py create_organization), the only one without a person behind it.
    """
    fields: dict[str, list[str]] = {}
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,48}", slug):
        fields["slug"] = ["2 to 49 small letters, digits and hyphens."]
    elif Organization.objects.filter(slug=slug).exists():
        fields["slug"] = ["This name is taken."]
    if timezone not in available_timezones():
        fields["timezone"] = ["Give an IANA name, for instance Europe/Berlin."]
    if "@" not in admin_email:
        fields["email"] = ["Give an e-mail address."]
    if fields:
        raise Invalid("The organization was not created.", fields=fields)
    organization = Organization.objects.create(slug=slug, name=name, timezone=timezone)
    with tenancy.entered(organization.pk):
        for kind, body in FOUNDED_WITH.items():
            Policy.objects.create(organization=organization, kind=kind, version=1, body=body)
        issued = make_invitation(
            email=admin_email, name=admin_name, role="administrator", department="", organization_id=organization.pk,
            invited_by_id=None,
        )  # fmt: skip
        actor = Actor.system(organization.pk, "operator")
        ledger.record(ORGANIZATION_FOUNDED, subject=organization, actor=actor)
        ledger.record(PERSON_INVITED, subject=issued.row, actor=actor, data={"role": "administrator"})
    return issued


def invite_as_operator(
    organization_id: UUID, *, email: str, name: str, role: str, department: str = "", reason: str = ""
) -> Issued:
    """The operator's invitation: to the first people of an organization, and where two administrators are missing.

    Call it inside the organization: while nobody is a member yet as the product, later through the owner's login
    (tenancy.acting_as_operator); the database refuses it otherwise (rule R-07). Raises Invalid naming each wrong field.
    """
    actor = Actor.system(organization_id, "operator")
    address = eligibility.check_invited(email=email, name=name, role=role, actor=actor)
    if tenancy.alias() != OWNER and Membership.objects.filter(organization_id=organization_id).exists():
        raise NotAllowed(
            "Only the operator of the installation invites without an administrator (rule R-07).",
            rule="R-07",
            help="Use manage.py invite, with the owner's login.",
        )
    issued = make_invitation(
        email=address, name=name, role=role, department=department, organization_id=organization_id, invited_by_id=None
    )
    ledger.record(PERSON_INVITED, subject=issued.row, actor=actor, reason=reason, data={"role": role})
    return issued


def open_invitation(organization_id: UUID, secret: str) -> Invitation:
    """The live invitation of a link, locked. Raises NotFound, or WrongState when it was used, withdrawn or ran out."""
    row = (
        Invitation.objects.select_for_update()
        .filter(organization_id=organization_id, token_hash=hash_of(secret))
        .first()
    )
    if row is None:
        raise NotFound("This invitation does not exist.", help="Ask the person who invited you for a new one.")
    now = clock.now()
    # One from the future was made before the clock went back, and may have run out long ago.
    is_in_time = row.created_at - CLOCK_SKEW <= now < row.expires_at
    if row.accepted_at or row.withdrawn_at or not is_in_time:
        raise WrongState(
            "This invitation can no longer be used: it was accepted, withdrawn, or is older than seven days (rule R-09).",
            rule="R-09",
            help="Ask the person who invited you for a new one.",
        )
    return row


@transaction.atomic
def accept_invitation(organization_id: UUID, secret: str, *, password: str, account: Account | None = None) -> Account:
    """Join an organization: with the signed-in account of the invited address, or a new one with a password."""
    invitation = open_invitation(organization_id, secret)
    known = Account.objects.filter(email__iexact=invitation.email).first()
    if known is not None and (account is None or account.pk != known.pk):
        raise WrongState(
            "This address already has an account.",
            code="sign_in_first",
            help="Sign in with it, then open the link again.",
        )
    if known is None:
        try:
            password_validation.validate_password(password, Account(email=invitation.email))
        except ValidationError as error:
            raise Invalid("Choose another password.", fields={"password": list(error.messages)}) from error
        person = Person.objects.create(name=invitation.name)
        known = Account.objects.create_account(invitation.email, password, person=person)
    eligibility.refuse_toxic(known.person_id, invitation.role, organization_id)
    _refuse_joining(invitation, known.person_id)
    invitation.accepted_at = clock.now()
    invitation.accepted_by_id = known.person_id
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    Membership.objects.create(
        organization_id=organization_id,
        person_id=known.person_id,
        role=invitation.role,
        department=invitation.department,
        granted_by_id=invitation.invited_by_id,
        invitation=invitation,
        request_id=invitation.request_id,
    )
    actor = Actor(organization_id, known.pk, known.person_id, name=known.person.name)
    ledger.record(INVITATION_ACCEPTED, subject=invitation, actor=actor, data={"role": invitation.role})
    return known


def _refuse_joining(invitation: Invitation, person_id: UUID) -> None:
    """What the giving of a role forbids and only its acceptance shows: who the invited person is."""
    if roles.ROLES[invitation.role].is_privileged and invitation.invited_by_id is not None:
        asked = invitation.request
        if asked is None:
            raise WrongState(
                "This invitation is from before a role like this took two administrators (rule R-03).",
                rule="R-03",
                help="Ask the person who invited you for a new one.",
            )
        two = sod.same_people(asked.asked_by_id) | sod.same_people(asked.decided_by_id)  # type: ignore[arg-type]
        if person_id in two:
            raise DutyConflict("Whoever gives a role does not receive it (rule R-03).", rule="R-03")


@transaction.atomic
def grant_role(
    *, person_id: UUID, role: str, department: str = "", actor: Actor, starts_at: datetime | None = None
) -> Membership:
    """Give a member one more role, from now or later. Raises DutyConflict for a toxic pair, a grant to oneself, or a
    privileged role, which is asked for instead (granting.ask_for_member; rule R-03)."""
    actor.require("people.manage")
    emergencies.refuse_grant(actor)
    eligibility.refuse_grantee(person_id, role, actor)
    if starts_at is not None:
        eligibility.refuse_backdated(starts_at)
    eligibility.refuse_alone(role)
    eligibility.require_proof(actor)
    membership, made = Membership.objects.get_or_create(
        organization_id=actor.organization_id,
        person_id=person_id,
        role=role,
        ended_at=None,
        defaults={
            "department": department.strip(), "granted_by_id": actor.person_id, "starts_at": starts_at or clock.now(),
        },
    )  # fmt: skip
    if made:
        ledger.record(ROLE_GRANTED, subject=membership, actor=actor, data={"role": role, "person": str(person_id)})
    return membership


@transaction.atomic
def end_role(membership_id: UUID, *, actor: Actor, reason: str) -> Membership:
    """End a membership now. Its holder loses the role with their next request."""
    actor.require("people.manage")
    membership = (
        Membership.objects.select_for_update().filter(pk=membership_id, organization_id=actor.organization_id).first()
    )
    if membership is None:
        raise NotFound("There is no such membership.")
    if membership.ended_at is not None:
        raise WrongState("This role has already ended.")
    if membership.person_id == actor.person_id:
        raise DutyConflict("Nobody ends their own role (rule R-02).", rule="R-02", help="Ask another administrator.")
    membership.ended_at = clock.now()
    membership.save(update_fields=["ended_at"])
    ledger.record(
        ROLE_ENDED,
        subject=membership,
        actor=actor,
        reason=reason,
        data={"role": membership.role, "person": str(membership.person_id)},
    )
    if not Membership.objects.filter(
        organization_id=actor.organization_id, person_id=membership.person_id, ended_at=None
    ).exists():
        leaving.end_access(membership.person_id, actor=actor, reason=reason, roles=1)
    return membership


@transaction.atomic
def end_sessions(person_id: UUID, *, actor: Actor) -> int:
    """Sign a member out everywhere, at once. Their next request anywhere is nobody's."""
    actor.require("people.manage")
    person = Person.objects.filter(
        pk=person_id, memberships__organization_id=actor.organization_id, memberships__ended_at=None
    ).first()
    if person is None:
        raise NotFound("This person is not in your organization.")
    count = sessions.end_all(list(person.accounts.values_list("pk", flat=True)), how=sessions.End.ADMINISTRATOR)
    ledger.record(SESSIONS_ENDED, subject=person, actor=actor, data={"count": count})
    return count


@transaction.atomic
def create_token(*, name: str, scopes: list[str], days: int, actor: Actor, networks: Sequence[str] = ()) -> Issued:
    """A bearer token for the actor's own account, with no more rights than the actor holds now."""
    if actor.via == "token":
        raise ReauthenticationRequired("A token can't create tokens.", help="Sign in and create it on your profile.")
    unknown = [scope for scope in scopes if not actor.may(scope)]
    fields: dict[str, list[str]] = {}
    if not name.strip():
        fields["name"] = ["Give the token a name, for instance the system that will use it."]
    if not scopes:
        fields["scopes"] = ["Choose at least one thing the token may do."]
    if unknown:
        fields["scopes"] = [f"Your role does not include {', '.join(sorted(unknown))}."]
    places = [network for network in map(token_secrets.network, networks) if network]
    if len(places) < len(networks):
        fields["networks"] = ["Give addresses or networks, for instance 203.0.113.7 or 2001:db8::/32."]
    if fields:
        raise Invalid("The token was not created.", fields=fields)
    if not 1 <= days <= TOKEN_DAYS_MAX:
        raise Invalid(
            "The token was not created.",
            fields={"days": [f"A token lives from 1 to {TOKEN_DAYS_MAX} days."]},
            rule="T-02",
        )
    secret = token_secrets.make()
    token = ApiToken.objects.create(
        organization_id=actor.organization_id,
        account_id=actor.account_id,
        name=name.strip(),
        prefix=secret[:10],
        token_hash=hash_of(secret),
        scopes=sorted(set(scopes)),
        networks=places,
        expires_at=clock.now() + timedelta(days=days),
    )
    ledger.record(TOKEN_CREATED, subject=token, actor=actor, data={"scopes": token.scopes, "days": days})
    return Issued(token, secret)


@transaction.atomic
def rotate_token(token_id: UUID, *, actor: Actor) -> Issued:
    """A new token of the same name, scopes, networks and length; the old one works for one more day, then ends."""
    if actor.via == "token":
        raise ReauthenticationRequired("A token can't make tokens.", help="Sign in and do it on your profile.")
    old = (
        ApiToken.objects.select_for_update()
        .filter(pk=token_id, organization_id=actor.organization_id, account_id=actor.account_id)
        .first()
    )
    if old is None:
        raise NotFound("There is no such token.")
    if not old.is_live:
        raise WrongState("This token has ended already; make a new one.")
    issued = create_token(
        name=old.name, scopes=[scope for scope in old.scopes if actor.may(scope)], networks=old.networks,
        days=max(1, (old.expires_at - old.created_at).days), actor=actor,
    )  # fmt: skip
    old.expires_at = min(old.expires_at, clock.now() + ROTATION_OVERLAP)
    old.save(update_fields=["expires_at"])
    ledger.record(TOKEN_ROTATED, subject=old, actor=actor, data={"by": str(issued.row.pk)})
    return issued


@transaction.atomic
def note_refused_token(organization_id: UUID, secret_hash: str, address: str | None) -> ApiToken | None:
    """Record that a token was tried from a network it may not be used from; once an hour, so that nobody floods."""
    token = (
        ApiToken.objects.select_for_update()
        .filter(organization_id=organization_id, token_hash=secret_hash)
        .select_related("account__person")
        .first()
    )
    moment = clock.now()
    if token is None or (token.refused_at and moment - token.refused_at < REFUSALS_APART):
        return None
    token.refused_at, token.refused_address = moment, address
    token.save(update_fields=["refused_at", "refused_address"])
    person = token.account.person
    actor = Actor(organization_id, token.account_id, person.pk, via="token", name=person.name)
    ledger.record(TOKEN_REFUSED, subject=token, actor=actor)
    return token


@transaction.atomic
def revoke_token(token_id: UUID, *, actor: Actor) -> ApiToken:
    """Revoke one's own token, or any of the organization with people.manage. It stops working at once."""
    token = ApiToken.objects.select_for_update().filter(pk=token_id, organization_id=actor.organization_id).first()
    if token is None or (token.account_id != actor.account_id and not actor.may("people.manage")):
        raise NotFound("There is no such token.")
    if token.revoked_at is None:
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])
        ledger.record(TOKEN_REVOKED, subject=token, actor=actor)
    return token
