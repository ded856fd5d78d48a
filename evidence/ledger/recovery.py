"""What an operator does about an alarm: clear it once the history holds again, or declare what is lost.

Neither makes the signer sign a smaller tree: a declared loss begins a new line with a name of its own, and what was
signed before stays signed. Both leave an event with the reason.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.errors import Invalid, WrongState
from evidence.ledger import events, keys, sequencer, services, signer, tiles
from evidence.ledger.models import Alarm
from evidence.ledger.verification import verify_by_itself, verify_despite_alarm
from evidence.organizations.models import Organization


@dataclass(frozen=True)
class Lost:
    """What was declared: `kept` events go on under line `line`; `lost` is None when nobody knows how many."""

    line: int
    kept: int
    lost: int | None


def clear(organization: Organization, *, reason: str) -> None:
    """Clear the open alarms, once the whole history verifies again against the signer's memory. Raises WrongState."""
    _require(organization.pk, reason)
    report = verify_despite_alarm(organization.pk)
    if not report.holds:
        raise WrongState(
            f"The history still does not hold: {report.place}: {report.fault}",
            help="Bring back the database that was signed. If that is lost for good, see --declare-loss.",
        )
    after = {"events": report.sealed, "root": report.root}
    sequencer.clear_alarms(organization.pk, _record(events.ALARM_CLEARED, organization, reason, after))


def declare_loss(organization: Organization, *, reason: str) -> Lost:
    """Give up sealed events that no backup brings back, and go on under a new line from those that are left.

    Raises WrongState when nothing is lost, or when what is left is altered instead of merely shorter.
    """
    _require(organization.pk, reason)
    remembered = signer.load(organization.pk)
    left = verify_by_itself(organization.pk)
    if not left.holds:
        raise WrongState(
            f"What is left does not hold by itself: {left.place}: {left.fault}",
            help="Only a shorter history can be declared, never an altered one. Restore a backup that holds.",
        )
    head = signer.Head(left.sealed, bytes.fromhex(left.root))
    lost = _lost(organization.pk, remembered, head)
    line = max(_present_line(organization.pk), remembered.line if remembered else 1) + 1
    after = {
        "line": line,
        "events": head.size,
        "root": left.root,
        "signed_events": lost.size if lost else None,
        "signed_root": lost.root.hex() if lost else None,
    }
    event_id = _record(events.LOSS_DECLARED, organization, reason, after)
    sequencer.begin_line(organization.pk, head, lost, line=line, event_id=event_id)
    return Lost(line, head.size, lost.size - head.size if lost else None)


def _require(organization_id: UUID, reason: str) -> None:
    if len(reason.split()) < 3:
        raise Invalid("Say why in a few words.", fields={"reason": ["At least three words; they are kept."]})
    with transaction.atomic(), tenancy.entered(organization_id, system=True):
        if not Alarm.objects.filter(organization_id=organization_id, cleared_at=None).exists():
            raise WrongState("No alarm is open here, so there is nothing to clear.")


def _lost(organization_id: UUID, remembered: signer.State | None, head: signer.Head) -> signer.Head | None:
    """What the signer remembers beyond `head`; None when it remembers nothing at all."""
    if remembered is None:
        return None
    with transaction.atomic(), tenancy.entered(organization_id, system=True):
        line = keys.present_line(organization_id)
        try:
            signer.check(remembered, tiles.reader(organization_id), head, line)
        except signer.SignerRefused as refusal:
            if refusal.kind not in ("tree_smaller", "signer_line"):
                raise WrongState(
                    f"The history is altered, not lost: {refusal.message}",
                    help="Restore a backup that holds; an altered history is never signed again.",
                ) from refusal
            return remembered.signed
    raise WrongState("Nothing is lost: the history continues what was signed.", help="Clear the alarm instead.")


def _present_line(organization_id: UUID) -> int:
    with transaction.atomic(), tenancy.entered(organization_id, system=True):
        return keys.present_line(organization_id)


def _record(event: events.Event, organization: Organization, reason: str, after: dict[str, object]) -> UUID:
    with transaction.atomic(), tenancy.entered(organization.pk, system=True):
        about = services.Subject("organizations.organization", organization.pk, organization.slug)
        actor = Actor.system(organization.pk, "operator")
        return services.record(event, subject=about, actor=actor, after=after, reason=reason).id
