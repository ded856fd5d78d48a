"""Django's has_perm, answered from the roles a person holds in the organization the request entered."""

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import ModelBackend

from evidence import clock
from portal.accounts import object_grants, roles
from portal.accounts.models import Account, Membership
from remediation.approvals.delegations import queries as delegations
from remediation.approvals.emergencies.bars import BARRED

# What somebody may do while a colleague's duty is lent to them, whatever their own roles are.
OF_DEPUTIES = frozenset({"approvals.view"})


class RoleBackend(ModelBackend):
    """Password sign-in of active accounts, and permissions by role; for auditors by grant on the object."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if not isinstance(user_obj, Account) or not user_obj.is_active:
            return False
        lent = _lent(user_obj)
        if lent and perm in BARRED:
            return False
        if perm in roles.permissions_of([*_roles_held(user_obj), lent]):
            return True
        if perm in OF_DEPUTIES and _deputises(user_obj):
            return True
        return obj is not None and object_grants.holds(user_obj, perm, obj)

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set(roles.permissions_of(_roles_held(user_obj))) if isinstance(user_obj, Account) else set()

    def with_perm(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("ask remediation/approvals who may decide")


def _lent(account: Account) -> str:
    """The role of the emergency access that runs for them. A request is short; a job may outlive the emergency."""
    role: str = getattr(account, "emergency_role", "")
    return role if role and clock.now() < account.emergency_ends_at else ""  # type: ignore[attr-defined]


def _roles_held(account: Account) -> list[str]:
    """The roles of the organization the transaction entered; looked up once for the account object."""
    held: list[str] | None = getattr(account, "roles_held", None)
    if held is None:
        held = list(
            Membership.objects.filter(person_id=account.person_id, ended_at=None, starts_at__lte=clock.now())
            .extra(where=["organization_id = current_organization()"])
            .values_list("role", flat=True)
        )
        account.roles_held = held  # type: ignore[attr-defined]
    return held


def _deputises(account: Account) -> bool:
    """Whether the person carries a colleague's duty here; the request knows it, anybody else asks once."""
    known: bool | None = getattr(account, "deputises", None)
    if known is None:
        known = any(
            delegations.is_deputy(account.person_id, organization_id)
            for organization_id in Membership.objects.filter(person_id=account.person_id, ended_at=None)
            .extra(where=["organization_id = current_organization()"])
            .values_list("organization_id", flat=True)[:1]
        )
        account.deputises = known  # type: ignore[attr-defined]
    return known


def roles_of(person_id: UUID, organization_id: UUID) -> list[str]:
    """The live roles of a person, looked up now."""
    return list(
        Membership.objects.filter(person_id=person_id, organization_id=organization_id, ended_at=None).values_list(
            "role", flat=True
        )
    )
