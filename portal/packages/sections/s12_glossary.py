"""The words of this package."""

from collections.abc import Iterator

from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Glossary"
NUMBERED = True

TERMS = (
    ("Approval", "A decision by a named person, with a reason, made after signing in again. It is bound to the SHA-256 of the content it is about and loses its force when that content changes."),
    ("Checkpoint", "The signed head of the ledger: its size and the root of its tree at one moment."),
    ("Condition, criteria, cause, effect, action", "What was wrong, what should have been, why it happened, what followed, what was done."),
    ("Control", "What the organization does, how often and by whom, so that a criterion can be met."),
    ("Criterion", "A numbered requirement of the trust services criteria; the titles here are the organization's own short words."),
    ("Cycle", "One life of a finding, from report to closure. A finding that is opened again starts a new cycle, and earlier approvals have no force in it."),
    ("Deferral", "A date moved by approval, with a reason. The original date stays on record."),
    ("Design only", "The control was changed, but has not yet run often enough to show that it operates."),
    ("Exhibit", "One piece of evidence, numbered, kept byte for byte as it was received."),
    ("Finding", "A weakness that was reported, from whatever source, and followed here until it is closed or rejected."),
    ("Ledger", "The append-only record of events. Each event is a leaf of a Merkle tree (RFC 9162)."),
    ("Open", "Not closed and not rejected. Accepted risks and deferred findings are open."),
    ("Period", "The dates of the examination, both ends included."),
    ("Population", "Every time a control was due in the period, missed times among them, counted and hashed before a sample is drawn."),
    ("Quorum", "How many different people must approve, which depends on severity."),
    ("Risk acceptance", "A named person with authority takes a risk for a limited time."),
    ("Sample", "Items drawn from a population under a seed that was given afterwards, so that anybody draws the same again."),
    ("Segregation of duties", "Nobody decides on work they did, or on evidence they uploaded, in the same cycle of the same finding. The rules look at the person, not at the account."),
    ("SHA-256", "A fingerprint of 64 hexadecimal digits. Two different files do not have the same one."),
)  # fmt: skip


def sheets(edition: Edition) -> Iterator[Sheet]:
    yield Sheet("glossary", TITLE, {"terms": TERMS})
