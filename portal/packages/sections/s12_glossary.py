"""The words of this package."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = gettext_lazy("Glossary")
NUMBERED = True

TERMS = (
    (gettext_lazy("Approval"), gettext_lazy("A decision by a named person, with a reason, made after signing in again. It is bound to the SHA-256 of the content it is about and loses its force when that content changes.")),
    (gettext_lazy("Checkpoint"), gettext_lazy("The signed head of the ledger: its size and the root of its tree at one moment.")),
    (gettext_lazy("Condition, criteria, cause, effect, action"), gettext_lazy("What was wrong, what should have been, why it happened, what followed, what was done.")),
    (gettext_lazy("Control"), gettext_lazy("What the organization does, how often and by whom, so that a criterion can be met.")),
    (gettext_lazy("Criterion"), gettext_lazy("A numbered requirement of the trust services criteria; the titles here are the organization's own short words.")),
    (gettext_lazy("Cycle"), gettext_lazy("One life of a finding, from report to closure. A finding that is opened again starts a new cycle, and earlier approvals have no force in it.")),
    (gettext_lazy("Deferral"), gettext_lazy("A date moved by approval, with a reason. The original date stays on record.")),
    (gettext_lazy("Design only"), gettext_lazy("The control was changed, but has not yet run often enough to show that it operates.")),
    (gettext_lazy("Exhibit"), gettext_lazy("One piece of evidence, numbered, kept byte for byte as it was received.")),
    (gettext_lazy("Finding"), gettext_lazy("A weakness that was reported, from whatever source, and followed here until it is closed or rejected.")),
    (gettext_lazy("Ledger"), gettext_lazy("The append-only record of events. Each event is a leaf of a Merkle tree (RFC 9162).")),
    (gettext_lazy("Open"), gettext_lazy("Not closed and not rejected. Accepted risks and deferred findings are open.")),
    (gettext_lazy("Period"), gettext_lazy("The dates of the examination, both ends included.")),
    (gettext_lazy("Population"), gettext_lazy("Every time a control was due in the period, missed times among them, counted and hashed before a sample is drawn.")),
    (gettext_lazy("Quorum"), gettext_lazy("How many different people must approve, which depends on severity.")),
    (gettext_lazy("Risk acceptance"), gettext_lazy("A named person with authority takes a risk for a limited time.")),
    (gettext_lazy("Sample"), gettext_lazy("Items drawn from a population under a seed that was given afterwards, so that anybody draws the same again.")),
    (gettext_lazy("Segregation of duties"), gettext_lazy("Nobody decides on work they did, or on evidence they uploaded, in the same cycle of the same finding. The rules look at the person, not at the account.")),
    (gettext_lazy("SHA-256"), gettext_lazy("A fingerprint of 64 hexadecimal digits. Two different files do not have the same one.")),
)  # fmt: skip


def sheets(edition: Edition) -> Iterator[Sheet]:
    yield Sheet("glossary", TITLE, {"terms": sorted(TERMS, key=lambda row: str(row[0]).casefold())})
