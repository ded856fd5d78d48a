"""The words of the plan of action, written by its rows and read back by its importers. They never change."""

OPEN, CLOSED = "Open", "Closed"
YES, NO, PENDING, NONE = "Yes", "No", "Pending", "N/A"
RATINGS = {"critical": "Critical", "high": "High", "medium": "Moderate", "low": "Low"}

STATES = {
    "reported": "Reported, to triage",
    "triaged": "Triaged",
    "analysed": "Root cause known",
    "planned": "Plan submitted",
    "in_remediation": "In remediation",
    "ready_for_verification": "Fixed, to verify",
    "verified": "Verified, to close",
    "closed": "Closed",
    "rejected": "Rejected",
    "risk_acceptance_pending": "Risk acceptance asked",
    "risk_accepted": "Risk accepted, still open",
    "deferral_pending": "Deferral asked",
    "deferred": "Deferred, still open",
}
SOURCES = {
    "audit_report": "Audit report",
    "scanner": "Scanner",
    "internal": "Internal",
    "auditor": "Auditor",
    "import": "Import",
}
REJECTIONS = {"false_positive": "False positive", "duplicate": "Duplicate", "out_of_scope": "Out of scope"}
MILESTONES = {
    "todo": "to do",
    "in_progress": "in progress",
    "submitted": "handed in",
    "returned": "returned",
    "done": "done",
}
