"""Writes about keeping: a class for an artifact, holds and their release, disposal from the request to the certificate."""

from evidence.retention.services.classes import choose, classify, propose_due
from evidence.retention.services.disposals import approve, ask, execute, refuse, withdraw
from evidence.retention.services.holds import release, set_hold
from evidence.retention.services.stores import is_behind, settle

__all__ = [
    "approve",
    "ask",
    "choose",
    "classify",
    "execute",
    "is_behind",
    "propose_due",
    "refuse",
    "release",
    "set_hold",
    "settle",
    "withdraw",
]
