"""The rules of what people are told, one file each, found by name."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from evidence.organizations.models import Organization
from portal.accounts.models import Account


@dataclass(frozen=True)
class Letter:
    """What is said, in plain text."""

    subject: str
    text: str


@dataclass(frozen=True)
class Rule:
    """Whom an occasion concerns, and what they are told. `data` is the notice's own."""

    key: str
    recipients: Callable[[UUID], list[Account]]
    letter: Callable[[Organization, dict[str, Any]], Letter]


def _load() -> dict[str, Rule]:
    found = [importlib.import_module(f"{__name__}.{module.name}").RULE for module in pkgutil.iter_modules(__path__)]
    return {rule.key: rule for rule in found}


RULES: dict[str, Rule] = _load()
