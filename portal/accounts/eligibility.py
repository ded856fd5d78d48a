"""Who may be given which role, by whom: the questions that every way of giving one asks first.

They are asked of the people; that the giver may give roles at all, their service has asked before.
"""

from datetime import datetime, timedelta
from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotFound, ReauthenticationRequired
from portal.accounts import roles
from portal.accounts.models import Account, Membership
from remediation.sod import queries as sod
from remediation.sod import rulebook

# What the clocks of two machines may differ by; the guards allow the same.
SKEW = timedelta(minutes=5)


def check_invited(*, email: str, name: str, role: str, actor: Actor) -> str:
    """The address as it is kept. Raises Invalid naming each wrong field, DutyConflict for roles that may not meet."""
    fields: dict[str, list[str]] = {}
    if role not in roles.ROLES:
        fields["role"] = ["Choose one of the listed roles."]
    if "@" not in email:
        fields["email"] = ["Give an e-mail address."]
    if not name.strip():
        fields["name"] = ["Give the person's name."]
    if fields:
        raise Invalid("The invitation was not sent.", fields=fields)
    address = email.strip().lower()
    account = Account.objects.filter(email__iexact=address).first()
    if account is not None:
        refuse_toxic(account.person_id, role, actor.organization_id)
    return address


def refuse_grantee(person_id: UUID, role: str, actor: Actor) -> None:
    """Raise when this person may not be given the role by the actor: unknown, oneself, not here, roles that clash."""
    if role not in roles.ROLES:
        raise Invalid("There is no such role.", fields={"role": ["Choose one of the listed roles."]})
    refuse_own(person_id, actor)
    refuse_toxic(person_id, role, actor.organization_id)
    if not Membership.objects.filter(organization_id=actor.organization_id, person_id=person_id).exists():
        raise NotFound("This person is not in your organization.", help="Invite them first.")


def refuse_own(person_id: UUID, actor: Actor) -> None:
    """Raise DutyConflict for a role that the actor would give to themselves (rules R-02, I-12)."""
    if person_id == actor.person_id:
        raise DutyConflict(
            "Nobody grants a role to themselves (rule R-02).", rule="R-02", help="Ask another administrator."
        )
    if actor.person_id in sod.same_people(person_id):
        raise DutyConflict("Nobody grants a role to themselves through another account (rule I-12).", rule="I-12")


def refuse_alone(role: str) -> None:
    """Raise DutyConflict for a role that one administrator alone never gives (rule R-03)."""
    if roles.ROLES[role].is_privileged:
        raise DutyConflict(
            f"{roles.ROLES[role].word} is a privileged role, and takes two administrators (rule R-03).",
            rule="R-03",
            help=rulebook.rule("R-03").instead,
        )


def refuse_backdated(starts_at: datetime) -> None:
    """Raise Invalid for a role that would begin before now (rule R-04)."""
    if starts_at < clock.now() - SKEW:
        raise Invalid(
            "A role is never backdated (rule R-04).",
            fields={"starts_at": ["Let it begin now, or later."]},
            rule="R-04",
            help=rulebook.rule("R-04").instead,
        )


def require_proof(actor: Actor) -> None:
    """Raise ReauthenticationRequired unless the actor proved who they are within the last five minutes."""
    if actor.fresh_proof is None:
        raise ReauthenticationRequired(
            "Giving a role needs a fresh proof that it is you (rule R-03). Nothing was recorded.",
            help="Prove it again, by passkey, code or password, and send it once more.",
            rule="R-03",
        )


def refuse_toxic(person_id: UUID, role: str, organization_id: UUID) -> None:
    """Raise DutyConflict when the person's live roles and the new one may not meet (rules N-01 to N-23, R-01)."""
    held = set(
        Membership.objects.filter(person_id=person_id, organization_id=organization_id, ended_at=None)
        .exclude(role=role)
        .values_list("role", flat=True)
    )
    found = sod.toxic_with(role, held, organization_id=organization_id)
    if found is not None:
        number, key = found
        other = roles.ROLES[key].word
        raise DutyConflict(
            f"{other} and {roles.ROLES[role].word} may not meet in one person (rule {number}).",
            rule=number,
            help=f"End the role {other} first, or give the role to somebody else.",
        )
    _refuse_toxic_through_a_link(person_id, role, organization_id)


def _refuse_toxic_through_a_link(person_id: UUID, role: str, organization_id: UUID) -> None:
    same = sod.same_people(person_id) - {person_id}
    if not same:
        return
    held = set(
        Membership.objects.filter(person_id__in=same, organization_id=organization_id, ended_at=None)
        .exclude(role=role)
        .values_list("role", flat=True)
    )
    found = sod.toxic_with(role, held, organization_id=organization_id)
    if found is not None:
        other = roles.ROLES[found[1]].word
        raise DutyConflict(
            f"{other}, held through another account, and {roles.ROLES[role].word} may not meet in one person"
            " (rule I-07).",
            rule="I-07",
        )
