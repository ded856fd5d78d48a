"""The one table of every numbered rule: its sentence, what to do instead, and how the database refuses.

Families are files found by name; the portal brings its own through `register`. A family guards one thing, its letter
belongs to it alone, and a number is never given twice. Each rule has a check in Python (a refusal with `rule=`), a
refusal in the database ("[D-03] ..."), and a marked test of each; tests/contracts/test_rulebook.py compares all four.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

# What a refusal of the database is: history changed, wrong state, wrong person, wrong content, roles that may not meet.
HISTORY, STATE, PERSON, FORM, ROLES = "CH001", "CH002", "CH003", "CH004", "CH005"


@dataclass(frozen=True)
class Rule:
    """One rule. `sentence` says what holds, without a full stop; `instead` what the refused person can do.

    `by_form` says why nobody can ask Python for the forbidden: then there is no refusal, only a test that shows it.
    `permits` marks a rule that allows: both judges let it pass.
    """

    number: str
    sentence: str
    instead: str
    sqlstate: str = FORM
    by_form: str = ""
    permits: bool = False

    @property
    def letter(self) -> str:
        return self.number.split("-")[0]


@dataclass(frozen=True)
class Family:
    """Rules that guard one thing, under one letter."""

    letter: str
    title: str
    about: str
    rules: tuple[Rule, ...]
    order: int = 50

    def rule(self, number: str) -> Rule:
        """The family's rule of that number. Raises KeyError."""
        for rule in self.rules:
            if rule.number == number:
                return rule
        raise KeyError(number)

    def refusal(self, number: str) -> str:
        """The statement by which a trigger refuses with this rule: guards are written with it."""
        found = self.rule(number)
        text = found.sentence.replace("'", "''")
        return f"RAISE EXCEPTION USING ERRCODE = '{found.sqlstate}', MESSAGE = '[{number}] {text}';"


_families: dict[str, Family] = {}


def register(family: Family) -> None:
    """Put a family into the table, once per letter. Raises ValueError for a letter or number that is taken."""
    standing = _families.get(family.letter)
    if standing not in (None, family):
        raise ValueError(f"the letter {family.letter} belongs to “{standing.title}”" if standing else family.letter)
    numbers = [rule.number for rule in family.rules]
    if len(numbers) != len(set(numbers)) or any(rule.letter != family.letter for rule in family.rules):
        raise ValueError(f"{family.title}: each number stands once and begins with {family.letter}")
    _families[family.letter] = family


def register_all(package: ModuleType) -> None:
    """Every family of a package: one file each, found by name, with its FAMILY. For an AppConfig.ready."""
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
        register(importlib.import_module(f"{package.__name__}.{module.name}").FAMILY)


def families() -> list[Family]:
    """All families in the order pages show them."""
    return sorted(_families.values(), key=lambda family: (family.order, family.letter))


def all_rules() -> Iterator[Rule]:
    """Every rule of every family."""
    for family in families():
        yield from family.rules


def find(number: str) -> Rule | None:
    """The rule of that number, or None."""
    family = _families.get(number.split("-")[0])
    return next((rule for rule in family.rules if rule.number == number), None) if family else None


def rule(number: str) -> Rule:
    """The rule of that number. Raises KeyError for one that does not exist."""
    found = find(number)
    if found is None:
        raise KeyError(number)
    return found
