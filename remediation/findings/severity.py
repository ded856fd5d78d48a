"""How a severity comes about: likelihood times impact, a CVSS vector kept beside it, and KEV that forces Critical."""

import re

from remediation.findings.states import Severity

_CVSS = re.compile(r"CVSS:(3\.0|3\.1|4\.0)(/[A-Z]{1,3}:[A-Za-z]{1,6})+\Z")


def suggested(likelihood: int, impact: int) -> Severity:
    """The severity of a likelihood (1-5) and an impact (1-5)."""
    score = likelihood * impact
    if score >= 20:
        return Severity.CRITICAL
    if score >= 12:
        return Severity.HIGH
    return Severity.MEDIUM if score >= 6 else Severity.LOW


def effective(severity: str, *, kev: bool) -> Severity:
    """The severity that counts: a weakness known to be exploited is critical."""
    return Severity.CRITICAL if kev else Severity(severity)


def is_cvss_vector(text: str) -> bool:
    """Whether the text looks like a CVSS 3.x or 4.0 vector."""
    return _CVSS.match(text) is not None


def is_cut(before: str, after: str) -> bool:
    """Whether a change lowers the severity, which needs an approval (PRACTICE.md 3.2)."""
    return Severity(after).rank < Severity(before).rank
