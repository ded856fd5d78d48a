"""The roles, one file each, found by name: what each may do (PRACTICE.md section 4, UX.md section 8)."""

import importlib
import pkgutil
from dataclasses import dataclass

# What makes a role privileged (rule R-03): it administers, decides, seals, lets auditors in, or looks through the eyes
# of others. The database keeps the roles that follow from it (accounts_privileged); a test compares the two.
PRIVILEGED = frozenset(
    {
        "approvals.decide",
        "disposals.decide",
        "engagements.release",
        "findings.restrict",
        "packages.approve",
        "people.manage",
        "people.view_as",
        "risk.accept",
        "rules.decide",
        "settings.manage",
    }
)


@dataclass(frozen=True)
class Role:
    """A role's key, its word on pages, its permissions, and where its holder lands after signing in."""

    key: str
    word: str
    sentence: str
    permissions: frozenset[str]
    home: str
    order: int

    @property
    def is_privileged(self) -> bool:
        """Whether giving it takes two administrators."""
        return bool(self.permissions & PRIVILEGED)


def _load() -> dict[str, Role]:
    found = [
        importlib.import_module(f"{__name__}.{module.name}").ROLE
        for module in pkgutil.iter_modules(__path__)
        if not module.name.startswith("_")
    ]
    return {role.key: role for role in sorted(found, key=lambda role: role.order)}


def all_roles() -> dict[str, Role]:
    """Every role by its key, in the order pages show them."""
    return ROLES


def permissions_of(keys: list[str]) -> frozenset[str]:
    """What a holder of all these roles may do."""
    return frozenset().union(*(ROLES[key].permissions for key in keys if key in ROLES))


ROLES: dict[str, Role] = _load()
