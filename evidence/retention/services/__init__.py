"""Writes about keeping: a class for an artifact, holds and their release, disposal from the request to the certificate."""

from evidence.retention.services.classes import choose, classify, propose_due
from evidence.retention.services.disposals import approve, ask, execute, refuse, withdraw
from evidence.retention.services.holds import release, set_hold

__all__ = [
    "approve",
    "ask",
    "choose",
    "classify",
    "execute",
    "propose_due",
    "refuse",
    "release",
    "set_hold",
    "withdraw",
]
