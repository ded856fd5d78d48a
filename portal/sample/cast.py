"""The people of the sample organization, invited and let in as real ones are, and actors who have just signed in."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from evidence import clock
from evidence.actors import Actor
from evidence.organizations.models import Organization
from portal.accounts import granting, roles, services
from portal.accounts.models import Account
from portal.accounts.services import Issued

DOMAIN = "sample.example"


@dataclass(frozen=True)
class Part:
    key: str
    name: str
    role: str
    department: str


PARTS = (
    Part("priya", "Priya Raman", "manager", "Compliance"),
    Part("marcus", "Marcus Odell", "engineer", "Engineering"),
    Part("aisha", "Aisha Bello", "engineer", "Engineering"),
    Part("tomas", "Tomás Herrera", "reviewer", "Security"),
    Part("dana", "Dana Whitfield", "approver", "Operations"),
    Part("wes", "Wes Lindqvist", "approver", "Finance"),
    Part("ruth", "Ruth Adeyemi", "executive", "Executive"),
    Part("jonas", "Jonas Keller", "administrator", "IT"),
    Part("mei", "Mei Tanaka", "administrator", "IT"),
    Part("helen", "Helen Carver", "auditor", "Brightwater Assurance LLP"),
)


def password() -> str:
    """One password for all sample people, made for this installation and kept in its keys folder."""
    path = Path(settings.CLEARHOLD_KEYS_DIR) / "sample-password"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text("sample-" + secrets.token_hex(6))
    return path.read_text().strip()


def address(part: Part) -> str:
    return f"{part.key}@{DOMAIN}"


def hire(organization: Organization) -> dict[str, Actor]:
    """Bring the people in, each with their role. The organization must be entered.

    The operator invites two administrators. One of them invites the others, and where the role is privileged the
    second one agrees first.
    """
    actors: dict[str, Actor] = {}
    first = [part for part in PARTS if part.role == "administrator"]
    for part, issued in [(part, _by_operator(organization, part)) for part in first]:
        actors[part.key] = _join(organization, issued.secret)
    asker, decider = (actors[part.key] for part in first)
    for part in PARTS:
        if part.key not in actors:
            actors[part.key] = _join(organization, _invited(part, asker, decider).secret)
    return {part.key: actors[part.key] for part in PARTS}


def _by_operator(organization: Organization, part: Part) -> Issued:
    return services.invite_as_operator(
        organization.pk, email=address(part), name=part.name, role=part.role, department=part.department
    )


def _invited(part: Part, asker: Actor, decider: Actor) -> Issued:
    about = {"email": address(part), "name": part.name, "role": part.role, "department": part.department}
    if not roles.ROLES[part.role].is_privileged:
        return services.invite(**about, actor=asker)
    row = granting.ask_to_invite(**about, reason="Takes part in the preparation of the audit.", actor=asker)
    decided = granting.decide(row.pk, verdict="grant", reason="Agreed with the head of the department.", actor=decider)
    if decided.issued is None:
        raise RuntimeError(f"the invitation of {part.name} was not made")
    return decided.issued


def _join(organization: Organization, secret: str) -> Actor:
    return _actor(organization, services.accept_invitation(organization.pk, secret, password=password()))


def actor(organization: Organization, key: str) -> Actor:
    """Somebody of the sample who has just signed in. The organization must be entered."""
    part = next(part for part in PARTS if part.key == key)
    return _actor(organization, Account.objects.select_related("person").get(email=address(part)))


def _actor(organization: Organization, account: Account) -> Actor:
    return Actor(
        organization_id=organization.pk,
        account_id=account.pk,
        person_id=account.person_id,
        authenticated_at=clock.now(),
        name=account.person.name,
        rights=account,
    )


def sign_ins() -> list[tuple[str, str, str]]:
    """Role, name and e-mail address of everybody, as `make run` prints them."""
    return [(roles.ROLES[part.role].word, part.name, address(part)) for part in PARTS]
