"""Hands the signing over to a new key, so that whoever trusts the old one learns the new one from it.

The new key is announced by an event that the old key seals; then both sign one checkpoint of each organization, and
from there on the new one alone. Refuses while an alarm is open, and a key is never replaced without the old one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from django.db import transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.errors import Invalid, WrongState
from evidence.ledger import events, keys, sequencer, services
from evidence.ledger.models import Alarm
from evidence.organizations.models import Organization


@dataclass(frozen=True)
class Rotated:
    """The epoch that signs now and its public key's fingerprint."""

    epoch: int
    fingerprint: str


def fingerprint(public: bytes) -> str:
    """SHA-256 of the 32 bytes of the public key, in hex."""
    return sha256(public).hexdigest()


def rotate(organizations: Iterable[Organization], *, reason: str) -> Rotated:
    """Make the next epoch's key sign. Interrupted, it can be called again and goes on with the same key."""
    organizations = list(organizations)
    if len(reason.split()) < 3:
        raise Invalid("Say why in a few words.", fields={"reason": ["At least three words; they are kept."]})
    keys.ensure_key()
    for organization in organizations:
        _require_healthy(organization)
    old_epoch, old = keys.epochs()[-1]
    epoch, new = keys.prepare_next()
    told = {
        "epoch": epoch,
        "fingerprint": fingerprint(new),
        "public_key": new.hex(),
        "earlier_epoch": old_epoch,
        "earlier_fingerprint": fingerprint(old),
    }
    for organization in organizations:
        _record(events.KEY_ANNOUNCED, organization, told, reason)
    keys.adopt_next(epoch)
    for organization in organizations:
        _record(events.KEY_ROTATED, organization, told, reason)
    return Rotated(epoch, fingerprint(new))


def _require_healthy(organization: Organization) -> None:
    with transaction.atomic(), tenancy.entered(organization.pk, system=True):
        if Alarm.objects.filter(organization_id=organization.pk, cleared_at=None).exists():
            raise WrongState(
                f"An alarm is open over the history of {organization.slug}; no key changes meanwhile.",
                help="See manage.py ledger_alarm.",
            )


def _record(event: events.Event, organization: Organization, told: dict[str, object], reason: str) -> None:
    with transaction.atomic(), tenancy.entered(organization.pk, system=True):
        about = services.Subject("organizations.organization", organization.pk, organization.slug)
        services.record(event, subject=about, actor=Actor.system(organization.pk, "operator"), data=told, reason=reason)
    sequencer.run_once(organization.pk)
