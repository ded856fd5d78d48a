"""A change of the policy in words: what holds after it that did not hold before."""

from collections.abc import Mapping
from typing import Any

from evidence.organizations.policies import DEFAULTS
from remediation.sod import rulebook
from remediation.sod.policy import Segregation, parse

PARTS = {"closure": "Closure", "other": "Any other decision"}


def differences(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Each difference as a sentence; empty when nothing changes. Both map "sod" and "quorum" to a body."""
    found: list[str] = []
    if "sod" in after:
        found += _segregation(parse(before["sod"]), parse(after["sod"]))
    if "quorum" in after:
        found += _quorum(before["quorum"], after["quorum"])
    return found


def _segregation(old: Segregation, new: Segregation) -> list[str]:
    return [
        *(f"{_rule(n)}: allowed for Medium and Low from now on." for n in sorted(new.allow - old.allow)),
        *(f"{_rule(n)}: no longer allowed." for n in sorted(old.allow - new.allow)),
        *(f"{_rule(n)}: forbidden here from now on." for n in sorted(new.forbid - old.forbid)),
        *(f"{_rule(n)}: no longer forbidden here." for n in sorted(old.forbid - new.forbid)),
        *(f"{_pair(pair)} may no longer meet in one person." for pair in _sorted(new.toxic - old.toxic)),
        *(f"{_pair(pair)} may meet in one person again." for pair in _sorted(old.toxic - new.toxic)),
    ]


def _rule(number: str) -> str:
    return f"{number} ({rulebook.rule(number).sentence})"


def _sorted(pairs: frozenset[frozenset[str]]) -> list[list[str]]:
    return sorted(sorted(pair) for pair in pairs)


def _pair(pair: list[str]) -> str:
    return " and ".join(pair).capitalize()


def _quorum(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    found = []
    for part, levels in DEFAULTS["quorum"].items():
        if part not in PARTS:
            continue
        for severity in levels:
            was, now = old[part][severity], new[part][severity]
            if was != now:
                found.append(f"{PARTS[part]}, {severity}: {_needed(was)} became {_needed(now)}.")
    if old["votes_expire_days"] != new["votes_expire_days"]:
        found.append(f"Votes live {new['votes_expire_days']} days instead of {old['votes_expire_days']}.")
    return found


def _needed(rule: Mapping[str, Any]) -> str:
    people = "1 person" if rule["needed"] == 1 else f"{rule['needed']} people"
    return people + (" of distinct departments" if rule["distinct_departments"] else "")
