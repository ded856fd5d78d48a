"""Every write to a finding, a verb each. Read as `findings.triage(...)`; the modules beside this one hold them."""

from remediation.findings.services.analysis import analyse
from remediation.findings.services.assignment import reassign
from remediation.findings.services.conversation import comment, link
from remediation.findings.services.dates import move_due
from remediation.findings.services.hints import confirm_fixed, propose_fixed, still_there
from remediation.findings.services.lifecycle import close, lock, reopen
from remediation.findings.services.operation import count_operation
from remediation.findings.services.proposals import drop
from remediation.findings.services.rejection import mark_duplicate, propose_rejection
from remediation.findings.services.reporting import draft, edit_draft, report, report_draft, report_itself
from remediation.findings.services.restriction import lift_restriction, restrict
from remediation.findings.services.scope import map_to, narrow_scope
from remediation.findings.services.severity import change_severity
from remediation.findings.services.triage import Outcome, preview_triage, triage, triage_many

__all__ = [
    "Outcome",
    "analyse",
    "change_severity",
    "close",
    "comment",
    "confirm_fixed",
    "count_operation",
    "draft",
    "drop",
    "edit_draft",
    "lift_restriction",
    "link",
    "lock",
    "map_to",
    "mark_duplicate",
    "move_due",
    "narrow_scope",
    "preview_triage",
    "propose_fixed",
    "propose_rejection",
    "reassign",
    "reopen",
    "report",
    "report_draft",
    "report_itself",
    "restrict",
    "still_there",
    "triage",
    "triage_many",
]
