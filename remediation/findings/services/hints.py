"""A newer file no longer shows a finding: a hint that it may be fixed. Silence is not evidence, so it closes nothing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from evidence import clock
from evidence.actors import Actor
from evidence.errors import WrongState
from evidence.ledger import services as ledger
from remediation.findings import events
from remediation.findings.models import Finding, ImportBatch
from remediation.findings.services import lifecycle
from remediation.findings.states import OPEN


@transaction.atomic
def propose_fixed(finding_ids: Sequence[UUID], *, actor: Actor, batch: ImportBatch | None = None) -> int:
    """Mark open findings that a newer file no longer shows, and return how many were not marked before."""
    actor.require("findings.import")
    rows = list(
        Finding.objects.select_for_update()
        .filter(pk__in=finding_ids, organization_id=actor.organization_id, state__in=OPEN, proposed_fixed_at=None)
        .order_by("id")
    )
    now = clock.now()
    Finding.objects.filter(pk__in=[row.pk for row in rows]).update(proposed_fixed_at=now, version=F("version") + 1)
    ledger.record_many(
        events.FINDING_PROPOSED_FIXED,
        rows=[(row.pk, row.ref, {"proposed_fixed_at": now.isoformat()}) for row in rows],
        object_type=lifecycle.SUBJECT,
        actor=actor,
        data={"import": str(batch.pk)} if batch else None,
    )
    return len(rows)


@transaction.atomic
def still_there(finding_id: UUID, *, actor: Actor, reason: str) -> Finding:
    """Answer the hint: the weakness is still there."""
    return _answer(finding_id, events.FINDING_STILL_THERE, actor=actor, reason=reason)


@transaction.atomic
def confirm_fixed(finding_id: UUID, *, actor: Actor, reason: str) -> Finding:
    """Answer the hint: it does look fixed. The finding still goes through tasks, evidence and verification."""
    return _answer(finding_id, events.FINDING_FIX_CONFIRMED, actor=actor, reason=reason)


def _answer(finding_id: UUID, event: Any, *, actor: Actor, reason: str) -> Finding:
    finding = lifecycle.lock(finding_id, actor=actor)
    actor.require("findings.triage", finding)
    if finding.proposed_fixed_at is None:
        raise WrongState(f"Nothing proposed that {finding.ref} is fixed.")
    why = lifecycle.needs_words(reason)
    return lifecycle.change(finding, event, actor=actor, changes={"proposed_fixed_at": None}, reason=why)
