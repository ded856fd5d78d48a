"""Comments and links between findings. Both are kept as they were said."""

from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.errors import Invalid, NotFound
from evidence.ledger import services as ledger
from remediation.findings import events
from remediation.findings.models import Comment, Finding, FindingLink
from remediation.findings.services import lifecycle
from remediation.findings.states import LinkKind


@transaction.atomic
def comment(finding_id: UUID, *, actor: Actor, body: str, internal: bool = True) -> Comment:
    """Add a comment. An internal one is never shown to an auditor."""
    finding = lifecycle.lock(finding_id, actor=actor)
    actor.require("findings.comment", finding)
    return add_comment(finding, body, internal=internal, actor=actor)


def add_comment(finding: Finding, body: str, *, internal: bool, actor: Actor) -> Comment:
    """Keep a comment on a locked finding and record that it was made."""
    text = lifecycle.needs_words(body, field="body", ask="Write something first.")
    row = Comment.objects.create(
        organization_id=finding.organization_id,
        finding=finding,
        author_id=lifecycle.person_of(actor),
        body=text,
        internal=internal,
    )
    ledger.record(
        events.FINDING_COMMENTED,
        subject=finding,
        actor=actor,
        data={"cycle": finding.cycle, "comment": str(row.pk), "internal": internal},
        texts={"body": text},
    )
    return row


@transaction.atomic
def link(finding_id: UUID, other_id: UUID, *, actor: Actor, kind: str = LinkKind.RELATED) -> FindingLink:
    """Say that two findings belong together. Duplicates are proposed with propose_rejection instead."""
    finding = lifecycle.lock(finding_id, actor=actor)
    actor.require("findings.comment", finding)
    if kind not in (LinkKind.RELATED, LinkKind.CAUSED_BY):
        raise Invalid("There is no such link.", fields={"kind": ["Choose related or same cause."]})
    other = Finding.objects.filter(pk=other_id, organization_id=actor.organization_id).first()
    if other is None:
        raise NotFound("There is no such finding here.")
    if other.pk == finding.pk:
        raise Invalid("A finding cannot be linked to itself.", fields={"other": ["Choose another finding."]})
    row, is_new = FindingLink.objects.get_or_create(
        organization_id=finding.organization_id,
        finding=finding,
        other=other,
        kind=kind,
        defaults={"by_id": actor.person_id},
    )
    if is_new:
        ledger.record(
            events.FINDING_LINKED,
            subject=finding,
            actor=actor,
            data={"cycle": finding.cycle, "other": other.ref, "kind": str(kind)},
        )
    return row
