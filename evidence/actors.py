"""Who acts: an account, the natural person behind it, and the organization it acts in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, Self
from uuid import UUID

from django.conf import settings

from evidence import clock
from evidence.errors import NotAllowed

_noted: ContextVar[set[str] | None] = ContextVar("clearhold_rights_used", default=None)


@contextmanager
def noting_rights() -> Iterator[set[str]]:
    """The rights that acts of the block lean on, as they are asked: what an answer of theirs may be repeated under."""
    used: set[str] = set()
    token = _noted.set(used)
    try:
        yield used
    finally:
        _noted.reset(token)


# Two clocks of one installation may stand so far apart.
_SKEW = timedelta(seconds=5)


def is_fresh(moment: datetime) -> bool:
    """Whether a proof of identity given then may carry a decision now (SECURITY.md section 3)."""
    return -_SKEW <= clock.now() - moment <= timedelta(seconds=settings.FRESH_AUTHENTICATION_SECONDS)


class Rights(Protocol):
    """What a lower floor needs from an account; portal/accounts gives it through Django's has_perm."""

    def has_perm(self, perm: str, obj: Any = None) -> bool: ...


@dataclass(frozen=True)
class Actor:
    """One person in one organization for the length of one act.

    `via` says through what: "session", "token", "job" or "system". `authenticated_at` is the moment of the last
    fresh proof of identity, None when there was none, and `proof` by what it was given ("passkey", "totp", …). Rules
    compare `person_id`, never the account.
    """

    organization_id: UUID
    account_id: UUID | None = None
    person_id: UUID | None = None
    via: str = "session"
    authenticated_at: datetime | None = None
    name: str = ""
    rights: Rights | None = field(default=None, compare=False, repr=False)
    scopes: frozenset[str] | None = None
    proof: str = ""
    # The emergency access that runs for this person, and the rights it takes away meanwhile with the rule that says so.
    emergency: UUID | None = None
    barred: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def system(cls, organization_id: UUID, name: str) -> Self:
        """The product itself, for sweeps and expiries. It holds every right and no duty of a person."""
        return cls(organization_id=organization_id, via="system", name=name)

    @property
    def is_system(self) -> bool:
        return self.via == "system"

    @property
    def fresh_proof(self) -> datetime | None:
        """`authenticated_at` while a decision may lean on it, else None."""
        moment = self.authenticated_at
        return moment if moment is not None and is_fresh(moment) else None

    def may(self, permission: str, obj: Any = None) -> bool:
        """Whether the actor holds the right, within the token's scopes when there are any."""
        if self.is_system:
            return True
        if permission in self.barred or (self.scopes is not None and permission not in self.scopes):
            return False
        if self.rights is None or not self.rights.has_perm(permission, obj):
            return False
        used = _noted.get()
        if used is not None:
            used.add(permission)
        return True

    def require(self, permission: str, obj: Any = None) -> None:
        """Raise NotAllowed unless the actor holds the right."""
        if permission in self.barred:
            raise NotAllowed(
                f"While your emergency access runs you cannot do this (rule {self.barred[permission]}).",
                help="End the emergency access first, or let somebody else do it.",
                details={"permission": permission},
                rule=self.barred[permission],
            )
        if not self.may(permission, obj):
            raise NotAllowed(
                f"Your role does not include “{permission}” here.",
                help="Ask an administrator of your organization which role may do this.",
                details={"permission": permission},
            )
