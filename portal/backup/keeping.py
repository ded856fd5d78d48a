"""The report of a restore as evidence: an artifact like any other, by a person who may upload, for a control."""

import io
from uuid import UUID

from django.db import transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.artifacts import queries
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.models import Method
from evidence.controls.models import EvidenceKind
from evidence.errors import NotFound
from evidence.intake import services as intake
from evidence.organizations.models import Organization
from evidence.vault import services as vault
from portal.accounts.models import Account
from portal.backup import proving, report
from portal.backup.restoring import Restored


def keep(restored: Restored, *, email: str, slug: str, control: str = "") -> str:
    """Store the report for people and, as a second piece of evidence, the one for machines; the first's public id.

    Raises what uploading and linking raise: NotAllowed for a person without the right, Invalid for no such control.
    """
    organization = Organization.objects.filter(slug=slug).first()
    account = Account.objects.filter(email__iexact=email, is_active=True).select_related("person").first()
    if organization is None or account is None:
        raise NotFound(f"There is no organization “{slug}” with an active account “{email}” here.")
    given = restored.proof, restored.manifest, restored.chosen.name
    name = f"restore-test-{restored.chosen.name}"
    first = _one(report.markdown(*given), f"{name}.md", organization.pk, account, control, restored)
    _one(proving.as_json(*given), f"{name}.json", organization.pk, account, control, restored)
    return first


def _one(text: str, filename: str, organization_id: UUID, account: Account, control: str, restored: Restored) -> str:
    with transaction.atomic(), tenancy.entered(organization_id, account.person_id):
        limit_bytes = queries.upload_limit_bytes(organization_id)
    received = intake.take(
        io.BytesIO(text.encode()), filename=filename, organization_id=organization_id, limit_bytes=limit_bytes
    )
    about = VersionFacts(
        as_of=restored.proof.ended_at,
        collected_at=clock.now(),
        method=Method.GENERATED,
        source_system="Clearhold, manage.py restore",
        is_production=False,
        query=f"manage.py restore DIR --keys KEYDIR --set {restored.chosen.name}",
        row_count=sum(told["rows"] for told in restored.manifest["tables"]),
    )
    try:
        with transaction.atomic(), tenancy.entered(organization_id, account.person_id):
            actor = Actor(
                organization_id=organization_id, account_id=account.pk, person_id=account.person_id, via="job",
                name=account.person.name, rights=account,
            )  # fmt: skip
            title = f"Restore test of the backup {restored.chosen.name}" + (
                ", data" if filename.endswith("json") else ""
            )
            artifact = artifacts.add(received, title=title, kind=EvidenceKind.REPORT, actor=actor, about=about)
            if control:
                artifacts.link_control(artifact.pk, control, actor=actor)
    except BaseException:
        vault.discard(received.sealed)
        raise
    return artifact.ref
