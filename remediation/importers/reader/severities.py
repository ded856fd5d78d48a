"""Four severities out of every tool's words. What a tool doesn't know never becomes low: it becomes medium, and says so.

docs/importers.md prints the same table.
"""

from dataclasses import dataclass
from typing import Any

WORDS = {
    "critical": ("critical", "crit", "blocker", "fatal", "emergency", "very high", "severe", "extreme"),
    "high": ("high", "important", "error", "major", "serious"),
    "medium": ("medium", "med", "moderate", "warning", "warn", "middle"),
    "low": ("low", "minor", "note", "negligible", "trivial"),
}
NO_WEAKNESS = {"informational", "information", "info", "none", "notice", "trace", "debug"}
NOT_KNOWN = {
    "",
    "unknown",
    "undefined",
    "unspecified",
    "untriaged",
    "not available",
    "n/a",
    "na",
    "tbd",
    "other",
    "null",
    "-",
}
_BY_WORD = {word: severity for severity, words in WORDS.items() for word in words}
_ORDER = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Rated:
    """A severity, the tool's own word, and the sentence that explains a choice that wasn't plain."""

    severity: str
    original: str
    note: str = ""


def rated(word: Any, *, tool: str = "The file") -> Rated:
    """Rate a tool's word. A word that nobody knows counts as unknown."""
    original = "" if word is None else str(word).strip()[:40]
    known = recognised(original)
    if known:
        return known
    return Rated(
        "medium",
        original or "unknown",
        f"{tool} gives no severity that we know ({original or 'none'}): medium until triage.",
    )


def recognised(original: str) -> Rated | None:
    """The rating of a known word or a CVSS score; None for a word that nobody knows."""
    word = original.lower().replace("_", " ").strip()
    if word in _BY_WORD:
        return Rated(_BY_WORD[word], original)
    if word in NO_WEAKNESS:
        return Rated("low", original, "The tool calls this informational; it is kept as low until triage.")
    if word in NOT_KNOWN:
        return Rated("medium", original or "unknown", "The file gives no severity: medium until triage.")
    return by_score(word, original)


def by_score(value: Any, original: str = "") -> Rated | None:
    """Bands of CVSS 3.1 (FIRST): 9.0 critical, 7.0 high, 4.0 medium, above 0 low, 0 none."""
    try:
        score = float(value)
    except (TypeError, ValueError):
        return None
    if not 0 <= score <= 10:
        return None
    original = original or str(value)
    if score == 0:
        return Rated("low", original, "A score of 0.0: kept as low until triage.")
    severity = "critical" if score >= 9 else "high" if score >= 7 else "medium" if score >= 4 else "low"
    return Rated(severity, original, f"From the score {score:.1f}.")


def exploited(rating: Rated) -> Rated:
    """A weakness known to be exploited is critical by policy (PRACTICE 3.3)."""
    return Rated("critical", rating.original, "Known to be exploited, so critical by policy.")
