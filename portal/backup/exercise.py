"""The small installation that a drill backs up, and somebody who keeps working in it meanwhile.

Run as `python -m portal.backup.exercise` with `seed COUNT`, `add FROM TO`, `write LOG`, `count` or `heads ORGANIZATION
SIZE`, and CLEARHOLD_VAR set.
It writes through the same services as everybody, and only into the installation that it is pointed at.
"""

import hashlib
import io
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from uuid import UUID

from portal.embedded import servers

SLUG = "drill"
EMAIL = "maya@drill.example"
LEAST_BYTES, MOST_BYTES = 200, 300_000


def main(words: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.development")
    servers.export_environment(Path(os.environ["CLEARHOLD_VAR"]))
    import django

    django.setup()
    act = {"seed": seed, "add": add, "write": write, "count": count, "heads": heads}[words[0]]
    return act(*words[1:])


def seed(count: str) -> int:
    """An organization with people, the starter controls and some evidence."""
    from django.db import transaction

    from evidence import tenancy
    from evidence.controls import services as controls
    from evidence.organizations.models import Organization
    from portal.accounts import services as accounts

    with transaction.atomic():
        issued = accounts.found_organization(
            slug=SLUG, name="Drill", timezone="UTC", admin_email=f"adam@{SLUG}.example", admin_name="Adam Kowal"
        )
        organization = Organization.objects.get(slug=SLUG)
        with tenancy.entered(organization.pk, system=True):
            password = secrets.token_urlsafe(24)
            # The operator invites all three: while nobody is there yet, there are no two administrators to do it.
            first = [
                accounts.invite_as_operator(organization.pk, name=name, email=email, role=role)
                for email, name, role in (
                    (EMAIL, "Maya Okafor", "manager"),
                    (f"otto@{SLUG}.example", "Otto Haas", "auditor"),
                )
            ]
            for invited in (issued, *first):
                accounts.accept_invitation(organization.pk, invited.secret, password=password)
            controls.adopt_starter_set(actor=_actor(organization.pk, EMAIL))
    return add("0", count)


def add(start: str, end: str) -> int:
    """More evidence."""
    from evidence.organizations.models import Organization

    organization_id = Organization.objects.get(slug=SLUG).pk
    for number in range(int(start), int(end)):
        _add(organization_id, number)
    return 0


def count() -> int:
    """How many organizations there are, on standard output; none before anything was migrated."""
    from django.db import ProgrammingError

    from evidence.organizations.models import Organization

    try:
        sys.stdout.write(str(Organization.objects.count()))
    except ProgrammingError:
        sys.stdout.write("0")
    return 0


def write(log: str) -> int:
    """Add evidence until told to end; each line of the log is something that was acknowledged."""
    from evidence.organizations.models import Organization

    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: ended.append(number))
    organization_id = Organization.objects.get(slug=SLUG).pk
    number = 1_000_000
    with Path(log).open("a") as file:
        while not ended:
            number += 1
            file.write(json.dumps(_add(organization_id, number)) + "\n")
            file.flush()
    return 0


def heads(organization: str, size: str) -> int:
    """The root of this installation's tree at an earlier size, and the hashes of its evidence, on standard output."""
    from django.db import transaction

    from evidence import tenancy
    from evidence.artifacts.models import ArtifactVersion
    from evidence.ledger import tiles, tree

    organization_id = UUID(organization)
    with transaction.atomic(), tenancy.entered(organization_id, system=True):
        root = tree.root(tiles.reader(organization_id), int(size)).hex()
        versions = dict(ArtifactVersion.objects.values_list("artifact__ref", "sha256"))
    sys.stdout.write(json.dumps({"root": root, "versions": versions}))
    return 0


def _add(organization_id: UUID, number: int) -> dict[str, str]:
    from django.db import transaction

    from evidence import tenancy
    from evidence.artifacts import services as artifacts
    from evidence.intake import services as intake

    # Sizes of every kind, the empty file and those at the edges of a sealed chunk among them.
    size = (0, 65_536, 65_537, 131_072)[number % 4] if number % 7 == 0 else LEAST_BYTES + (number * 7919) % MOST_BYTES
    content = os.urandom(size // 2).hex().encode()
    received = intake.take(
        io.BytesIO(content), filename=f"export-{number}.txt", organization_id=organization_id, limit_bytes=10_000_000
    )
    with transaction.atomic(), tenancy.entered(organization_id, system=True):
        actor = _actor(organization_id, EMAIL)
        artifact = artifacts.add(received, title=f"Export {number}", kind="report", actor=actor)
        artifacts.link_control(artifact.pk, "AC-01" if number % 3 else "AC-02", actor=actor)
    return {"ref": artifact.ref, "sha256": hashlib.sha256(content).hexdigest()}


def _actor(organization_id: UUID, email: str) -> "Actor":  # type: ignore[name-defined]  # noqa: F821
    from evidence import clock
    from evidence.actors import Actor
    from portal.accounts.models import Account

    account = Account.objects.select_related("person").get(email=email)
    return Actor(
        organization_id=organization_id, account_id=account.pk, person_id=account.person_id, rights=account,
        authenticated_at=clock.now(), name=account.person.name,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
