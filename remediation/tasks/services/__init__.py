"""Every write to plans and tasks, and the finding's moves that depend on them. Read as `tasks.submit(...)`."""

from remediation.tasks.services.closure import request_closure
from remediation.tasks.services.evidence import attach_evidence
from remediation.tasks.services.plans import draft_plan, edit_plan, submit_plan
from remediation.tasks.services.verification import ready, return_to_work, verify
from remediation.tasks.services.work import accept, add, assign, edit, give_back, refer_to_change, start, submit

__all__ = [
    "accept",
    "add",
    "assign",
    "attach_evidence",
    "draft_plan",
    "edit",
    "edit_plan",
    "give_back",
    "ready",
    "refer_to_change",
    "request_closure",
    "return_to_work",
    "start",
    "submit",
    "submit_plan",
    "verify",
]
