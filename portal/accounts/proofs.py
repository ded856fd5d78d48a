"""Proofs of identity: what was shown, when, and whether it is enough for what comes next.

A password is the weakest; whoever holds a passkey or an authenticator proves it by that (rule M-02).
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest

from evidence import clock
from evidence.actors import is_fresh
from portal.accounts import addresses
from portal.accounts.models import Proof

Kind, Purpose = Proof.Kind, Proof.Purpose
# A recovery code stands in for the factor that was lost: it was made by it, and is used up.
STRONG = frozenset({Kind.TOTP.value, Kind.PASSKEY.value, Kind.RECOVERY.value})


def keep(request: HttpRequest, account_id: UUID, kind: str, purpose: str, *, at: datetime | None = None) -> datetime:
    """Record the proof and say so in the session; returns its moment, which decisions carry."""
    moment = at or clock.now()
    Proof.objects.create(account_id=account_id, kind=kind, purpose=purpose, at=moment, address=addresses.of(request))
    request.session["authenticated_at"] = moment.isoformat()
    request.session["proof"] = kind
    if kind in STRONG:
        request.session["second_factor"] = kind
    return moment


def again(request: HttpRequest, account_id: UUID, kind: str, moment: datetime) -> None:
    """Record a proof anew that a refused request took back with it: the session goes on leaning on its moment."""
    if not Proof.objects.filter(account_id=account_id, at=moment).exists():
        keep(request, account_id, kind, Purpose.STEP_UP, at=moment)


def fresh_kind(session: Mapping[str, object]) -> str:
    """By what this session proved itself within the time that a decision may lean on; empty when it did not."""
    stored, kind = session.get("authenticated_at"), session.get("proof")
    if not isinstance(stored, str) or not isinstance(kind, str):
        return ""
    return kind if is_fresh(datetime.fromisoformat(stored)) else ""
