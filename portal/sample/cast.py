"""The people of the sample organization, and actors who have just signed in."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from evidence import clock
from evidence.actors import Actor
from evidence.organizations.models import Organization
from portal.accounts import roles
from portal.accounts.models import Account, Membership, Person

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
    """Make the people with their roles. The organization must be entered."""
    actors: dict[str, Actor] = {}
    for part in PARTS:
        person = Person.objects.create(name=part.name)
        account = Account.objects.create_account(address(part), password(), person=person)
        Membership.objects.create(organization=organization, person=person, role=part.role, department=part.department)
        actors[part.key] = _actor(organization, account)
    return actors


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
