"""How every state, severity and cell is shown: an icon, a tone and a word.

A state that has no entry cannot be rendered as a bare colour: the fallback has an icon and a word too.
"""

from dataclasses import dataclass

TONES = ("mute", "ok", "info", "review", "warn", "high", "crit")


@dataclass(frozen=True, slots=True)
class Sign:
    """What a person sees for one state. ``tone`` picks colours; icon and word carry the meaning without them."""

    word: str
    icon: str
    tone: str = "mute"


FINDING = {
    "draft": Sign("Draft", "pencil-line"),
    "reported": Sign("To triage", "circle-dashed"),
    "triaged": Sign("Triaged", "list-filter"),
    "analysed": Sign("Cause known", "search-check", "info"),
    "planned": Sign("Planned", "circle-dot"),
    "in_remediation": Sign("In progress", "circle-dot-dashed", "info"),
    "ready_for_verification": Sign("To verify", "eye", "review"),
    "verified": Sign("Verified", "badge-check", "ok"),
    "closed": Sign("Closed", "circle-check", "ok"),
    "rejected": Sign("Rejected", "circle-slash"),
    "risk_acceptance_pending": Sign("Risk decision", "scale", "review"),
    "risk_accepted": Sign("Risk accepted", "shield"),
    "deferral_pending": Sign("Deferral decision", "calendar-clock", "review"),
    "deferred": Sign("Deferred", "calendar-clock", "warn"),
}

TASK = {
    "todo": Sign("To do", "circle"),
    "in_progress": Sign("In progress", "circle-dot-dashed", "info"),
    "submitted": Sign("In review", "eye", "review"),
    "returned": Sign("Returned", "undo-2", "warn"),
    "done": Sign("Done", "circle-check", "ok"),
}

PLAN = {
    "draft": Sign("Draft", "pencil-line"),
    "submitted": Sign("In review", "eye", "review"),
    "in_review": Sign("In review", "eye", "review"),
    "approved": Sign("Approved", "circle-check", "ok"),
    "returned": Sign("Returned", "undo-2", "warn"),
    "rejected": Sign("Refused", "circle-x", "crit"),
    "refused": Sign("Refused", "circle-x", "crit"),
    "withdrawn": Sign("Withdrawn", "circle-minus"),
    "superseded": Sign("Replaced", "archive"),
}

EVIDENCE = {
    "received": Sign("Received", "file-clock", "info"),
    "quarantined": Sign("In quarantine", "shield-alert", "warn"),
    "in_review": Sign("In review", "eye", "review"),
    "accepted": Sign("Accepted", "circle-check", "ok"),
    "returned": Sign("Returned", "undo-2", "warn"),
    "superseded": Sign("Replaced", "archive"),
    "disposed": Sign("Disposed", "trash-2"),
}

SCAN = {
    "not_scanned": Sign("Not scanned", "shield-question-mark"),
    "waiting": Sign("Scan waits", "hourglass", "info"),
    "pending": Sign("Scan waits", "hourglass", "info"),
    "scanning": Sign("Scanning", "scan-search", "info"),
    "clean": Sign("Scanned, clean", "shield-check", "ok"),
    "infected": Sign("Malware found", "octagon-alert", "crit"),
    "unscannable": Sign("Cannot be scanned", "shield-question-mark", "warn"),
    "error": Sign("Scan failed", "triangle-alert", "warn"),
}

PERSONAL = {
    "pending": Sign("Being searched", "hourglass", "info"),
    "clear": Sign("No personal data found", "user-check", "ok"),
    "found": Sign("Check needed", "triangle-alert", "warn"),
    "unreadable": Sign("Not searchable", "circle-question-mark"),
    "kept": Sign("Kept as it is", "user-check"),
}

RUN = {
    "operated": Sign("Operated", "check", "ok"),
    "partial": Sign("Partial", "minus", "warn"),
    "missed": Sign("Missed", "x", "crit"),
    "pending": Sign("Evidence pending", "clock-3", "info"),
    "scheduled": Sign("Scheduled", "calendar"),
    "not_due": Sign("Not due", "circle-minus"),
    "error": Sign("Check failed to run", "triangle-alert", "warn"),
    "insufficient_data": Sign("Not enough data", "circle-question-mark", "warn"),
}

PACKAGE = {
    "draft": Sign("Draft", "pencil-line"),
    "building": Sign("Building", "loader-circle", "info"),
    "unbuilt": Sign("Not built", "circle-slash"),
    "in_review": Sign("In review", "eye", "review"),
    "sealing": Sign("Sealing", "loader-circle", "info"),
    "unsealed": Sign("Approved, not sealed", "lock-open", "warn"),
    "sealed": Sign("Sealed", "lock", "ok"),
    "superseded": Sign("Replaced", "archive"),
    "failed": Sign("Build failed", "circle-x", "crit"),
    "withdrawn": Sign("Withdrawn", "circle-minus"),
}

PACKAGE_LINK = {
    "open": Sign("Open", "link", "ok"),
    "ended": Sign("Ended", "calendar-x"),
    "revoked": Sign("Taken back", "circle-minus", "warn"),
}

JOB = {
    "queued": Sign("Waiting", "hourglass"),
    "running": Sign("Running", "loader-circle", "info"),
    "succeeded": Sign("Done", "circle-check", "ok"),
    "failed": Sign("Failed", "circle-x", "crit"),
    "cancelled": Sign("Cancelled", "circle-slash"),
}

REQUEST = {
    "open": Sign("Waiting for a decision", "clock-3", "review"),
    "granted": Sign("Granted", "circle-check", "ok"),
    "refused": Sign("Refused", "circle-x", "crit"),
    "void": Sign("Void, content changed", "file-x-2", "warn"),
    "withdrawn": Sign("Withdrawn", "circle-minus"),
    "expired": Sign("Expired", "calendar-x", "warn"),
}

DECISION = {
    "approve": Sign("Approved", "circle-check", "ok"),
    "reject": Sign("Refused", "circle-x", "crit"),
    "waiting": Sign("Waiting", "clock-3", "review"),
}

POSITION = {
    "may": Sign("You can decide", "circle-check", "ok"),
    "blocked": Sign("Blocked for you", "user-x", "warn"),
    "decided": Sign("You decided", "user-check"),
    "free": Sign("Free", "circle-check", "ok"),
    "away": Sign("Away", "plane", "warn"),
    "ineligible": Sign("Blocked", "ban"),
}

AUDIT_REQUEST = {
    "draft": Sign("Draft", "pencil-line"),
    "open": Sign("Open", "circle-dashed"),
    "preparing": Sign("Preparing", "circle-dot-dashed", "info"),
    "in_progress": Sign("Preparing", "circle-dot-dashed", "info"),
    "answered": Sign("With the auditor", "eye", "review"),
    "submitted": Sign("With the auditor", "eye", "review"),
    "question": Sign("Question", "message-circle-question-mark", "warn"),
    "returned": Sign("Returned", "undo-2", "warn"),
    "accepted": Sign("Accepted", "circle-check", "ok"),
    "closed": Sign("Closed", "circle-check", "ok"),
    "late": Sign("Late", "alarm-clock", "crit"),
    "withdrawn": Sign("Withdrawn", "circle-minus"),
}

ENGAGEMENT = {
    "draft": Sign("Draft", "pencil-line"),
    "planned": Sign("Planned", "calendar"),
    "planning": Sign("Planning", "calendar"),
    "open": Sign("Open", "door-open", "info"),
    "active": Sign("Open", "door-open", "info"),
    "fieldwork": Sign("Fieldwork", "search", "info"),
    "reporting": Sign("Reporting", "file-pen-line", "review"),
    "completed": Sign("Completed", "circle-check", "ok"),
    "closed": Sign("Closed", "archive"),
    "cancelled": Sign("Cancelled", "circle-slash"),
}

RISK = {
    "draft": Sign("Draft", "pencil-line"),
    "proposed": Sign("Decision pending", "scale", "review"),
    "pending": Sign("Decision pending", "scale", "review"),
    "accepted": Sign("In force", "shield"),
    "granted": Sign("In force", "shield"),
    "active": Sign("In force", "shield"),
    "in_force": Sign("In force", "shield"),
    "refused": Sign("Refused", "circle-x", "crit"),
    "rejected": Sign("Refused", "circle-x", "crit"),
    "withdrawn": Sign("Withdrawn", "circle-minus"),
    "revoked": Sign("Revoked", "shield-x", "warn"),
    "renewed": Sign("Renewed", "repeat"),
    "expired": Sign("Expired", "calendar-x", "crit"),
    "void": Sign("Void, content changed", "file-x-2", "warn"),
    "ended": Sign("Ended", "archive"),
    "met": Sign("Met", "circle-check", "ok"),
    "missed": Sign("Missed", "alarm-clock", "crit"),
    "closed": Sign("Ended", "archive"),
}

REVIEW = {
    "accepted": Sign("Accepted", "circle-check", "ok"),
    "returned": Sign("Returned", "undo-2", "warn"),
    "released": Sign("Released", "lock-open", "info"),
}

VERIFICATION = {
    "passed": Sign("Passed", "badge-check", "ok"),
    "failed": Sign("Retest failed", "circle-x", "crit"),
}

REDACTION = {
    "waiting": Sign("Redaction undecided", "clock-3", "review"),
    "approved": Sign("Stands for the original", "circle-check", "ok"),
    "refused": Sign("Copy refused", "circle-x", "crit"),
    "unneeded": Sign("No redaction needed", "circle-minus"),
}

DISPOSAL = {
    "waiting": Sign("Disposal undecided", "clock-3", "review"),
    "approved": Sign("Being disposed of", "loader-circle", "info"),
    "disposed": Sign("Disposed", "trash-2"),
    "refused": Sign("Refused", "circle-x", "crit"),
    "withdrawn": Sign("Withdrawn", "circle-minus"),
}

HOLD = {
    "in_force": Sign("On hold", "lock", "warn"),
    "released": Sign("Released", "lock-open"),
}

UPLOAD = {
    "ready": Sign("Ready", "circle-check", "ok"),
    "sending": Sign("Sending", "loader-circle", "info"),
    "paused": Sign("Paused", "circle-pause"),
    "check": Sign("Check needed", "triangle-alert", "warn"),
    "refused": Sign("Not accepted", "circle-x", "crit"),
    "receiving": Sign("Not whole yet", "circle-dashed"),
    "recorded": Sign("Recorded", "circle-check", "ok"),
    "stopped": Sign("Removed", "ban"),
    "expired": Sign("Ran out", "clock-alert", "warn"),
}

INTEGRITY = {
    "intact": Sign("Intact", "shield-check", "ok"),
    "altered": Sign("Altered", "octagon-alert", "crit"),
    "unverified": Sign("Not checked yet", "shield-question-mark"),
    "missing": Sign("Bytes missing", "file-x-2", "crit"),
    "unreadable": Sign("Cannot be read", "circle-question-mark", "warn"),
}

DEAL = {
    "on_hold": Sign("On hold", "lock", "warn"),
    "at_risk": Sign("At risk", "alarm-clock", "crit"),
    "cleared": Sign("Cleared", "circle-check", "ok"),
    "won": Sign("Won", "handshake", "ok"),
    "lost": Sign("Lost", "circle-x"),
}

DELEGATION = {
    "offered": Sign("Waits for acceptance", "clock-3", "review"),
    "accepted": Sign("Accepted, not begun", "calendar", "info"),
    "running": Sign("Running", "user-check", "ok"),
    "declined": Sign("Declined", "circle-x", "warn"),
    "ended": Sign("Ended early", "circle-minus"),
    "over": Sign("Over", "archive"),
}

IDENTITY = {
    "open": Sign("To confirm", "circle-dashed", "warn"),
    "linked": Sign("One person", "link", "info"),
    "dismissed": Sign("Two people", "users"),
}

ROLE_REQUEST = {
    "open": Sign("Waits for a second administrator", "hourglass", "warn"),
    "granted": Sign("Granted", "badge-check", "ok"),
    "refused": Sign("Refused", "circle-x", "warn"),
    "withdrawn": Sign("Withdrawn", "circle-minus"),
}

EMERGENCY = {
    "asked": Sign("Waits for a second person", "clock-3", "review"),
    "running": Sign("Running", "siren", "crit"),
    "withdrawn": Sign("Not used", "circle-minus"),
    "reviewing": Sign("To be reviewed", "eye", "warn"),
    "reviewed": Sign("Reviewed", "badge-check", "ok"),
}

MEMBERSHIP = {
    "invited": Sign("Invited", "mail", "info"),
    "scheduled": Sign("Starts later", "calendar"),
    "active": Sign("Active", "circle-check", "ok"),
    "ended": Sign("Ended", "log-out"),
    "expired": Sign("Expired", "calendar-x"),
}

VOCABULARIES: dict[str, dict[str, Sign]] = {
    "finding": FINDING,
    "task": TASK,
    "plan": PLAN,
    "evidence": EVIDENCE,
    "scan": SCAN,
    "personal": PERSONAL,
    "run": RUN,
    "package": PACKAGE,
    "package_link": PACKAGE_LINK,
    "job": JOB,
    "request": REQUEST,
    "decision": DECISION,
    "position": POSITION,
    "audit_request": AUDIT_REQUEST,
    "engagement": ENGAGEMENT,
    "risk": RISK,
    "review": REVIEW,
    "verification": VERIFICATION,
    "redaction": REDACTION,
    "disposal": DISPOSAL,
    "hold": HOLD,
    "upload": UPLOAD,
    "integrity": INTEGRITY,
    "deal": DEAL,
    "membership": MEMBERSHIP,
    "delegation": DELEGATION,
    "emergency": EMERGENCY,
    "identity": IDENTITY,
    "role_request": ROLE_REQUEST,
}

SEVERITIES = {
    "critical": Sign("Critical", "octagon-alert", "crit"),
    "high": Sign("High", "triangle-alert", "high"),
    "medium": Sign("Medium", "diamond", "warn"),
    "low": Sign("Low", "circle-arrow-down"),
}
NO_SEVERITY = Sign("Not rated", "circle-dashed")

# A cell of the heat map: the class that paints it beside the sign; "blank" is a week outside the schedule.
CELLS = {
    "operated": "op",
    "partial": "pa",
    "missed": "mi",
    "pending": "pe",
    "not_due": "nd",
    "scheduled": "fd",
    "blank": "fu",
}
CELL_GLYPHS = {"operated": "check", "partial": "minus", "missed": "x", "pending": "clock-3"}

# Icons that templates reach through a variable, so a scan of their text would miss them.
INDIRECT_ICONS = (
    "alarm-clock",
    "circle-pause",
    "circle-question-mark",
    "file",
    "file-archive",
    "file-code-2",
    "file-spreadsheet",
    "file-text",
    "file-video-camera",
    "image",
    "mail",
)


def humanised(state: str) -> str:
    words = state.replace("_", " ").strip()
    return words[:1].upper() + words[1:] if words else "Unknown"


def sign(kind: str, state: str | None) -> Sign:
    """The sign of a state. An unlisted state still gets an icon and its own name; an unlisted kind is a mistake."""
    known = VOCABULARIES[kind].get(str(state or ""))
    return known or Sign(humanised(str(state or "")), "circle-question-mark")


def severity(value: str | None) -> Sign:
    return SEVERITIES.get(str(value or ""), NO_SEVERITY)


def icons() -> set[str]:
    """Every icon that Python names, for the sprite."""
    signs = [one for words in VOCABULARIES.values() for one in words.values()]
    signs += [*SEVERITIES.values(), NO_SEVERITY]
    return {one.icon for one in signs} | set(CELL_GLYPHS.values()) | set(INDIRECT_ICONS)
