"""Who is let in where: one row per address. What stands here was decided; what does not stand here is refused.

A row names, per method, the roles that reach the page or the service. For everybody else the answer is a refusal or
the way to the sign-in page. `at` chooses the finding (or its task) whose state fits; `body` is what a form would send.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from evidence import clock
from remediation.tasks import checklist
from tests.contracts.world import World, sarif

MANAGER, ENGINEER, REVIEWER, APPROVER, EXECUTIVE, ADMINISTRATOR = (
    "manager", "engineer", "reviewer", "approver", "executive", "administrator",
)  # fmt: skip
NOBODY = ""
STAFF = "manager engineer reviewer approver executive administrator"
MEMBERS = f"{STAFF} auditor auditor_without"
SUPPORT = "support"
ACCOUNTS = f"{MEMBERS} stranger {SUPPORT}"
EVERYBODY = f"{ACCOUNTS} anonymous"
READERS = "manager engineer reviewer approver executive"
KEEPERS = "manager engineer reviewer approver"
DECIDERS = "manager reviewer approver executive"
HISTORIANS = "manager reviewer approver executive administrator"
BOARD = "manager approver executive"
PEOPLE = "manager executive administrator"

Body = dict[str, Any] | Callable[[World], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """The roles by method. `token` says whether a token without scopes reaches it too."""

    get: str = NOBODY
    post: str = NOBODY
    put: str = NOBODY
    patch: str = NOBODY
    delete: str = NOBODY
    at: str = ""
    body: Body | None = None
    raw: bytes | None = None
    token: bool = False
    # An act that asks for a proof of who is there; a token can give none.
    in_person: bool = False


def soon(days: int) -> str:
    return (clock.today() + timedelta(days=days)).isoformat()


def finding_of(world: World, step: str) -> str:
    return world.findings[step].finding.ref


WORDS = {"reason": "A reason with several words."}
PLAN = {"text": "SCIM.", "success_test": "Nobody logs in."}
ANALYSIS = {"root_cause_class": "process", "root_cause": "Nobody compares.", "scope_check": "61 leavers."}
RISK = {"reason": "Spring.", "residual_risk": "One.", "compensating": "Review.", "expires_on": soon(30)}
DEFERRAL = {"reason": "A vendor.", "new_due_on": soon(120)}
ANSWERS = dict.fromkeys(checklist.KEYS, "yes")
FACTS = {"title": "New", "source": "internal", "asset": "CRM", "detected_at": "2026-01-05T10:00", "severity": "low",
         "criteria": "CC6.2"}  # fmt: skip
ENGAGEMENT = {"title": "Next", "kind": "soc2_type2", "period_start": "2026-01-01", "period_end": "2026-12-31"}


def triage(world: World) -> dict[str, Any]:
    return {"severity": "high", "owner": world.people.maya.person_id, "rationale": "Data.", "duplicates_searched": "on"}


def api_triage(world: World) -> dict[str, Any]:
    return {"severity": "high", "owner_id": str(world.people.maya.person_id), "rationale": "Data.",
            "duplicates_searched": True}  # fmt: skip


def decision(world: World) -> dict[str, Any]:
    from tests.people import PASSWORD

    return {"verdict": "approve", "reason": "The retest shows it.", "password": PASSWORD,
            "content_sha256": world.request.content_sha256}  # fmt: skip


def sealing(world: World) -> dict[str, Any]:
    from tests.people import PASSWORD

    return {"verdict": "approve", "reason": "Read and agreed.", "password": PASSWORD}


def disposing(world: World) -> dict[str, Any]:
    from tests.people import PASSWORD

    return {"verdict": "refuse", "reason": "An auditor may ask for it.", "password": PASSWORD}


def proving(world: World) -> dict[str, Any]:
    from tests.people import PASSWORD

    return {"password": PASSWORD}


def asking(world: World) -> dict[str, Any]:
    return {"role": "engineer", "hours": 1, "reason": "The directory is locked.", "ticket": "INC-2"}


def lending(world: World) -> dict[str, Any]:
    return {"deputy_id": str(world.people.ivan.person_id), "duty": "acceptor", "starts_on": soon(0),
            "ends_on": soon(5), "reason": "Two weeks of leave."}  # fmt: skip


def giving(world: World) -> dict[str, Any]:
    from tests.people import PASSWORD

    return {"recipient": "Bea Buyer", "email": "bea@buyer.example", "days": 30, "password": PASSWORD}


def proof(world: World) -> dict[str, Any]:
    from tests.people import PASSWORD

    return {"password": PASSWORD}


MATRIX: dict[str, Row] = {
    "healthz": Row(get=EVERYBODY),
    "wellknown:security": Row(get=EVERYBODY),
    "wellknown:reports": Row(post=EVERYBODY),
    "verifying:start": Row(get=EVERYBODY),
    "verifying:program": Row(get=EVERYBODY),
    "readyz": Row(get=EVERYBODY),
    # Accounts: these pages belong to no organization.
    "accounts:home": Row(get=ACCOUNTS),
    "accounts:organizations": Row(get=ACCOUNTS),
    "accounts:enter": Row(get=f"{MEMBERS} {SUPPORT}"),
    "accounts:signin": Row(get=EVERYBODY, post=EVERYBODY, body={"email": "nobody@example.com", "password": "wrong"}),
    "accounts:check": Row(get=EVERYBODY, post=EVERYBODY),
    "accounts:signout": Row(post=EVERYBODY),
    "accounts:keep_session": Row(post=ACCOUNTS),
    "accounts:invitation": Row(),
    # One's own sign-in; whoever has not just proved it is led to the page of proof.
    "security:home": Row(get=ACCOUNTS),
    "security:prove": Row(get=ACCOUNTS, post=ACCOUNTS, body=proof),
    "security:totp": Row(get=ACCOUNTS, post=ACCOUNTS),
    "security:picture": Row(get=ACCOUNTS),
    "security:remove_totp": Row(post=ACCOUNTS),
    "security:passkeys": Row(get=ACCOUNTS, post=ACCOUNTS),
    "security:new_passkey": Row(post=ACCOUNTS),
    "security:rename_passkey": Row(post=ACCOUNTS),
    "security:remove_passkey": Row(post=ACCOUNTS),
    "security:codes": Row(post=ACCOUNTS),
    "security:end_others": Row(post=ACCOUNTS),
    # A session of somebody else is not there.
    "security:end_session": Row(),
    "security:question": Row(post=EVERYBODY),
    "preferences:theme": Row(post=EVERYBODY),
    "preferences:keys": Row(post=EVERYBODY),
    # Approvals.
    "approvals:queue": Row(get=DECIDERS),
    "approvals:decide": Row(get=DECIDERS, post=APPROVER, body=decision),
    "approvals:ask": Row(post=DECIDERS, body=lambda world: {"person": world.people.alba.person_id}),
    "approvals:withdraw": Row(post=MANAGER, body=WORDS),
    # Ivan, an engineer who is nobody of this matrix, asked for it.
    "emergency:list": Row(get=STAFF),
    "emergency:new": Row(get=STAFF, post=STAFF),
    "emergency:one": Row(get="manager approver executive administrator"),
    "emergency:activate": Row(post="manager executive administrator", body=proving),
    "emergency:end": Row(post="manager executive administrator"),
    "emergency:review": Row(post="manager approver executive", body=WORDS),
    # Arun, the approver, asked Vera, the reviewer; those who look after people see it too.
    "delegations:list": Row(get=STAFF),
    "delegations:away": Row(post=STAFF, body={"starts_on": soon(1), "ends_on": soon(2)}),
    "delegations:back": Row(post="approver administrator"),
    "delegations:new": Row(get=STAFF, post=STAFF),
    "delegations:one": Row(get="manager reviewer approver executive administrator"),
    "delegations:accept": Row(post=REVIEWER),
    "delegations:end": Row(post="reviewer approver administrator", body=WORDS),
    # People and settings.
    "people:list": Row(get=PEOPLE),
    "people:invite": Row(
        post=ADMINISTRATOR,
        body=lambda world: {"name": "Nora", "email": "nora@lumenroll.example", "role": "engineer", **proof(world)},
    ),
    "grants:member": Row(
        get=ADMINISTRATOR, post=ADMINISTRATOR, body=lambda world: {"role": "reviewer", **proof(world)}
    ),
    "grants:list": Row(get=PEOPLE),
    "grants:one": Row(get=PEOPLE),
    "grants:decide": Row(
        post=ADMINISTRATOR,
        body=lambda world: {"verdict": "grant", "reason": "Agreed with his lead.", **proof(world)},
    ),
    "grants:withdraw": Row(post=ADMINISTRATOR),
    "identities:pairs": Row(get=PEOPLE),
    "identities:claim": Row(
        post=ADMINISTRATOR,
        body=lambda world: {"one": world.people.maya.person_id, "other": world.people.alba.person_id,
                            "evidence": ["name"], "reason": "One in the payroll only."},
    ),
    "identities:apart": Row(
        post=ADMINISTRATOR,
        body=lambda world: {"one": world.people.maya.person_id, "other": world.people.alba.person_id,
                            "reason": "Mother and daughter they are."},
    ),
    # The claim of the world is about Ines, whom the engineer's row stands for.
    "identities:detail": Row(get=f"{PEOPLE} {ENGINEER}"),
    "identities:confirm": Row(post=f"{PEOPLE} {ENGINEER}"),
    "identities:own": Row(get=STAFF),
    "people:end": Row(post=ADMINISTRATOR, body=WORDS),
    "people:profile": Row(get=MEMBERS, post=STAFF, body={"name": "ci", "days": 5, "scopes": ["jobs.view"]}),
    "people:revoke": Row(post=f"{MANAGER} {ADMINISTRATOR}"),
    "duties:report": Row(get=BOARD),
    "duties:report_csv": Row(get=BOARD),
    "duties:report_pdf": Row(get=BOARD),
    "duties:report_file": Row(get=BOARD),
    "duties:conflicts": Row(get=BOARD),
    "duties:check": Row(post=BOARD),
    "rules:rulebook": Row(get=HISTORIANS),
    "rules:policy": Row(get=HISTORIANS, post=f"{MANAGER} {ADMINISTRATOR}"),
    "rules:proposal": Row(get=HISTORIANS),
    "rules:exceptions": Row(get=HISTORIANS, post=f"{MANAGER} {ADMINISTRATOR}"),
    "rules:end_exception": Row(post=f"{MANAGER} {EXECUTIVE} {ADMINISTRATOR}", body=WORDS),
    "rules:who_may": Row(get=HISTORIANS),
    "people:rotate": Row(post=MANAGER),
    "people:tokens": Row(get=ADMINISTRATOR),
    "people:leave": Row(get=ADMINISTRATOR, post=ADMINISTRATOR, body=WORDS),
    "people:end_sessions": Row(post=ADMINISTRATOR),
    "reviews:home": Row(get=PEOPLE, post=PEOPLE),
    "reviews:detail": Row(get=PEOPLE),
    "reviews:decide": Row(post=PEOPLE, body={"verdict": "keep"}),
    "reviews:finish": Row(post=PEOPLE),
    "settings:policies": Row(get=PEOPLE),
    "documents:home": Row(get=PEOPLE, post=ADMINISTRATOR, body={"paper": "A4"}),
    # The world has no logo.
    "documents:logo": Row(),
    "settings:policy": Row(get=PEOPLE, post=ADMINISTRATOR),
    "vault:home": Row(get=ADMINISTRATOR),
    "vault:stores": Row(get=ADMINISTRATOR),
    "vault:verify": Row(post=ADMINISTRATOR),
    "vault:rewrap": Row(post=ADMINISTRATOR),
    "vault:move": Row(post=ADMINISTRATOR, body={"to": "local"}),
    # History.
    "ledger:list": Row(get=HISTORIANS),
    "ledger:index": Row(get=HISTORIANS),
    "ledger:event": Row(get=HISTORIANS),
    "ledger:proof": Row(get=HISTORIANS),
    "ledger:body": Row(get=HISTORIANS),
    "ledger:object": Row(get=HISTORIANS),
    "ledger:checkpoints": Row(get=HISTORIANS),
    "ledger:archive": Row(get=HISTORIANS),
    "ledger:time_stamp": Row(get=HISTORIANS),
    "ledger:verify": Row(post=HISTORIANS),
    "ledger:erase": Row(post=ADMINISTRATOR, body=WORDS),
    # Public by the organization's policy: size, root and hashes, never an event.
    "published:checkpoint": Row(get=EVERYBODY),
    "published:keys": Row(get=EVERYBODY),
    "published:tile": Row(get=EVERYBODY),
    # Imports and jobs.
    "imports:start": Row(get=MANAGER, post=MANAGER),
    "imports:template": Row(get=MANAGER),
    "imports:review": Row(get=MANAGER),
    "imports:run": Row(post=MANAGER),
    "jobs:list": Row(get=STAFF),
    "jobs:detail": Row(get=f"{MANAGER} {ADMINISTRATOR}"),
    "jobs:cancel": Row(post=f"{MANAGER} {ADMINISTRATOR}"),
    # Findings.
    "findings:list": Row(get=READERS),
    "findings:csv": Row(get=READERS),
    "findings:workbook": Row(get=READERS),
    # The world's job is another; what a job wrote is for who asked for it alone.
    "findings:export": Row(),
    "findings:new": Row(get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", body={**FACTS, "do": "report"}),
    "findings:detail": Row(get=READERS),
    "findings:history": Row(get=READERS),
    "findings:act/report": Row(get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", at="draft"),
    "findings:act/edit": Row(get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", at="draft", body=FACTS),
    "findings:act/triage": Row(get=MANAGER, post=MANAGER, at="reported", body=triage),
    "findings:act/analyse": Row(
        get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", at="triaged", body=ANALYSIS
    ),
    "findings:act/plan": Row(get=MANAGER, post=MANAGER, at="analysed", body=PLAN),
    "findings:act/edit-plan": Row(get=MANAGER, post=MANAGER, at="planned", body=PLAN),
    "findings:act/add-task": Row(
        get=MANAGER, post=MANAGER, at="planned", body=lambda world: {"title": "More", "due_on": soon(5)}
    ),
    "findings:act/submit-plan": Row(post=MANAGER, at="planned"),
    "findings:act/ready": Row(get=ENGINEER, post=ENGINEER, at="worked"),
    "findings:act/attach": Row(
        get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", at="in_remediation",
        body=lambda world: {"artifact": world.picture.ref},
    ),
    "findings:act/verify": Row(get=REVIEWER, post=REVIEWER, at="ready", body={"test_result": "Nobody.", **ANSWERS}),
    "findings:act/return": Row(get=REVIEWER, post=REVIEWER, at="ready", body=WORDS),
    "findings:act/request-closure": Row(get=MANAGER, post=MANAGER, at="verified", body={"design_only": "on"}),
    "findings:act/reopen": Row(get=KEEPERS, post=KEEPERS, at="closed", body=WORDS),
    "findings:act/end-acceptance": Row(get=EXECUTIVE, post=EXECUTIVE, at="accepted", body=WORDS),
    "findings:act/still-there": Row(get=MANAGER, post=MANAGER, at="hinted", body=WORDS),
    "findings:act/looks-fixed": Row(get=MANAGER, post=MANAGER, at="hinted", body=WORDS),
    "findings:act/comment": Row(get=READERS, post=READERS, body={"body": "Words."}),
    "findings:act/assign": Row(
        get=MANAGER, post=MANAGER, at="triaged",
        body=lambda world: {"assignee": world.people.ivan.person_id, "reason": "Ines is away."},
    ),
    "findings:act/severity": Row(
        get=MANAGER, post=MANAGER, at="triaged", body={"severity": "critical", "rationale": "Worse."}
    ),
    "findings:act/due": Row(get=MANAGER, post=MANAGER, at="triaged", body={**WORDS, "due_on": soon(200)}),
    "findings:act/map": Row(get=MANAGER, post=MANAGER, at="triaged", body={"criteria": "CC6.3"}),
    "findings:act/narrow": Row(get=MANAGER, post=MANAGER, at="triaged", body={**WORDS, "criteria": "CC6.2"}),
    "findings:act/link": Row(
        get=READERS, post=READERS, body=lambda world: {"other": finding_of(world, "worked"), "kind": "related"}
    ),
    "findings:act/reject": Row(
        get=MANAGER, post=MANAGER, at="triaged", body={**WORDS, "kind": "false_positive", "proof": "In the log."}
    ),
    "findings:act/defer": Row(get=MANAGER, post=MANAGER, at="triaged", body=DEFERRAL),
    "findings:act/accept-risk": Row(get=MANAGER, post=MANAGER, at="triaged", body=RISK),
    "findings:act/restrict": Row(get=MANAGER, post=MANAGER, at="triaged", body=WORDS),
    "findings:act/let-in": Row(
        get=MANAGER, post=MANAGER, at="restricted",
        body=lambda world: {**WORDS, "whom": f"person:{world.people.vera.person_id}", "until": soon(20)},
    ),
    "findings:act/lift-restriction": Row(get=MANAGER, post=MANAGER, at="restricted", body=WORDS),
    # Who can see what. A restricted finding is there for those let in alone: of these callers, for the manager.
    "access:finding": Row(get=READERS),
    "access:let_in": Row(
        post=MANAGER, at="restricted",
        body=lambda world: {**WORDS, "whom": f"person:{world.people.vera.person_id}", "until": soon(20)},
    ),
    "access:take_back": Row(post=MANAGER, at="restricted", body=WORDS),
    "access:artifact": Row(get=KEEPERS),
    "access:engagement": Row(get=BOARD),
    "access:package": Row(get=BOARD),
    "access:person": Row(get=ADMINISTRATOR),
    "access:view_as": Row(post=MANAGER, body=WORDS),
    "access:end_viewing": Row(post=f"{MEMBERS} {SUPPORT}"),
    "support:home": Row(get=SUPPORT),
    "teams:list": Row(get=PEOPLE, post=ADMINISTRATOR, body={"name": "On call", "purpose": "Nights."}),
    "teams:detail": Row(get=PEOPLE),
    "teams:take_in": Row(post=ADMINISTRATOR, body=lambda world: {"person": world.people.ivan.person_id}),
    "teams:take_out": Row(post=ADMINISTRATOR, body=WORDS),
    "teams:end": Row(post=ADMINISTRATOR, body=WORDS),
    "triage:inbox": Row(get=MANAGER),
    "triage:bulk": Row(post=MANAGER, body=lambda world: {
        **triage(world), "do": "commit", "id": [world.findings["reported"].finding.pk]}),
    "triage:judge": Row(post=MANAGER, body=triage),
    # Tasks.
    "tasks:mine": Row(get=READERS),
    "tasks:detail": Row(get=READERS),
    "tasks:act/start": Row(get=ENGINEER, post=ENGINEER),
    "tasks:act/submit": Row(post=ENGINEER),
    "tasks:act/accept": Row(post=f"{MANAGER} {REVIEWER}"),
    "tasks:act/give-back": Row(post=f"{MANAGER} {REVIEWER}", body={"words": "The list is missing."}),
    "tasks:act/attach": Row(
        get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", body=lambda world: {"artifact": world.picture.ref}
    ),
    "tasks:act/change": Row(
        get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", body={"change_ticket": "CHG-1"}
    ),
    "tasks:act/assign": Row(
        get=MANAGER, post=MANAGER, body=lambda world: {"assignee": world.people.ivan.person_id}
    ),
    "tasks:act/edit": Row(get=MANAGER, post=MANAGER, body=lambda world: {"title": "Other", "due_on": soon(5)}),
    # Controls.
    "controls:list": Row(get=READERS),
    "controls:coverage": Row(get=READERS),
    "controls:detail": Row(get=READERS),
    "controls:run": Row(get=READERS),
    "controls:act/record": Row(post=ENGINEER, body={"state": "missed", "note": "It failed."}),
    "controls:act/explain": Row(get=ENGINEER, post=ENGINEER, body={"words": "The session had expired."}),
    # Evidence.
    "evidence:list": Row(get=KEEPERS),
    "evidence:upload": Row(get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", body={"kind": "report"}),
    "evidence:artifact": Row(get=KEEPERS),
    "evidence:version": Row(get=KEEPERS),
    "evidence:download": Row(get=KEEPERS),
    "evidence:preview": Row(get=KEEPERS),
    "evidence:custody": Row(get=KEEPERS),
    "evidence:custody_report": Row(get=KEEPERS),
    "evidence:picture": Row(get=KEEPERS, at="picture"),
    "evidence:verify": Row(post=KEEPERS),
    # One's own file, or a manager: the service asks whose it is, and this one is the engineer's.
    "evidence:keep": Row(post=f"{MANAGER} {ENGINEER}", body=WORDS, at="held"),
    "evidence:scan": Row(post=f"{MANAGER} {REVIEWER}"),
    "evidence:review": Row(
        post=f"{MANAGER} {REVIEWER}", body={"verdict": "returned", "number": "1", "reason": "Totals are missing."}
    ),
    "evidence:link": Row(post=f"{MANAGER} {ENGINEER}", body={"control": "AC-01"}),
    "evidence:redact": Row(get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", body={"do": "look"}),
    "evidence:redact_upload": Row(post=f"{MANAGER} {ENGINEER}", body={"reason": "It names students."}),
    "evidence:redact_page": Row(get=f"{MANAGER} {ENGINEER}", at="picture"),
    "evidence:redaction": Row(
        get=KEEPERS, post=f"{MANAGER} {REVIEWER}", body={"verdict": "refused", "reason": "A name is left in it."}
    ),
    # Keeping and disposing. The administrator sees no content, so no titles either.
    "retention:home": Row(get=DECIDERS),
    "retention:disposal": Row(get=DECIDERS, post=f"{APPROVER} {EXECUTIVE}", body=disposing),
    "retention:run": Row(post=f"{APPROVER} {EXECUTIVE}"),
    "retention:certificate": Row(get=DECIDERS),
    "retention:certificate_pdf": Row(get=DECIDERS),
    "retention:hold_new": Row(
        get=f"{MANAGER} {EXECUTIVE}", post=f"{MANAGER} {EXECUTIVE}",
        body={"kind": "legal", "scope": "organization", "matter": "Case 7", "reason": "A lawsuit."},
    ),
    "retention:hold": Row(get=DECIDERS, post=f"{MANAGER} {APPROVER} {EXECUTIVE}", body=sealing),
    "retention:classify": Row(
        get=MANAGER, post=MANAGER, body={"retention_class": "student_data", "reason": "It names students."}
    ),
    "retention:dispose": Row(
        get=MANAGER, post=MANAGER, body={"numbers": ["1"], "authority": "Policy 4", "reason": "Kept long enough."}
    ),
    # Engagements and packages.
    "engagements:list": Row(get=BOARD),
    "engagements:new": Row(get=MANAGER, post=MANAGER, body=ENGAGEMENT),
    "engagements:detail": Row(get=BOARD),
    "engagements:edit": Row(get=MANAGER, post=MANAGER, body=ENGAGEMENT),
    "engagements:scope": Row(post=MANAGER),
    "engagements:narrow": Row(post=MANAGER, body=WORDS),
    "engagements:release": Row(post=MANAGER, body={"all": "1"}),
    "engagements:grant": Row(
        post=MANAGER, body=lambda world: {"account": world.olga.account_id, "until": "2099-01-31"}
    ),
    "engagements:revoke": Row(post=MANAGER, body=WORDS),
    "engagements:grant_team": Row(
        post=MANAGER, body=lambda world: {"team": world.team_of_auditors.pk, "until": soon(20)}
    ),
    "engagements:revoke_team": Row(post=MANAGER, body=WORDS),
    "engagements:state": Row(post=MANAGER, body={"state": "open"}),
    "package_links:list": Row(get=BOARD, post=MANAGER, body=giving),
    "package_links:revoke": Row(post=MANAGER),
    "package_links:release": Row(post=MANAGER),
    "package_changes:changes": Row(get=BOARD),
    # What opens nothing is the same for everybody.
    "recipients:page": Row(),
    "recipients:file": Row(),
    "recipients:proof": Row(),
    "recipients:volume": Row(),
    "packages:list": Row(get=BOARD),
    "packages:new": Row(get=MANAGER, post=MANAGER, body=lambda world: {"engagement": world.engagement.pk, "paper": "A4"}),
    "packages:detail": Row(get=BOARD),
    "packages:file": Row(get=BOARD),
    "packages:proof": Row(get=BOARD),
    "packages:form": Row(get=BOARD),
    "packages:volume": Row(get=BOARD),
    "packages:everything": Row(get=BOARD),
    "packages:rebuild": Row(post=MANAGER),
    "packages:submit": Row(post=MANAGER, body=WORDS),
    "packages:decide": Row(post=f"{APPROVER} {EXECUTIVE}", body=sealing),
    "packages:seal_again": Row(post=MANAGER),
    "packages:supersede": Row(get=MANAGER, post=MANAGER, body={"change": "Newer rows."}),
    "dashboard:home": Row(get=READERS),
    "search:palette": Row(get=f"{STAFF} support"),
    # The auditor's portal.
    "auditor:start": Row(get="auditor auditor_without"),
    "auditor:home": Row(get="auditor"),
    "auditor:controls": Row(get="auditor"),
    "auditor:findings": Row(get="auditor"),
    "auditor:finding": Row(get="auditor"),
    "auditor:evidence": Row(get="auditor"),
    "auditor:artifact": Row(get="auditor"),
    "auditor:picture": Row(get="auditor", at="picture"),
    "auditor:download": Row(get="auditor"),
    "auditor:custody": Row(get="auditor"),
    "auditor:custody_report": Row(get="auditor"),
    "auditor:packages": Row(get="auditor"),
    # What is not sealed is not there for an auditor.
    "auditor:package": Row(),
    "auditor:package_proof": Row(),
    # The world's package is not sealed yet, so nobody outside gets its file.
    "auditor:package_file": Row(),
    "auditor:package_form": Row(),
    "auditor:package_volume": Row(),
    "auditor:package_everything": Row(),
    "auditor:history": Row(get="auditor"),
    "auditor:opened": Row(get="auditor"),
    # The API.
    "schema": Row(get=EVERYBODY, token=True),
    "api-evidence": Row(
        get=KEEPERS, post=f"{MANAGER} {ENGINEER}", raw=b"week,leavers\n"
    ),
    "api-evidence-file": Row(post=f"{MANAGER} {ENGINEER}", put=f"{MANAGER} {ENGINEER}", raw=b"week,leavers\n"),
    "api-evidence-one": Row(get=KEEPERS),
    "api-evidence-review": Row(
        post=f"{MANAGER} {REVIEWER}", body={"verdict": "returned", "number": 1, "reason": "Totals are missing."}
    ),
    "api-evidence-original": Row(get=KEEPERS),
    "api-uploads": Row(get=f"{MANAGER} {ENGINEER}", post=f"{MANAGER} {ENGINEER}", raw=b""),
    # One person's own; for everybody else it does not exist.
    "api-upload": Row(get=ENGINEER, patch=ENGINEER, delete=ENGINEER, raw=b"piece"),
    "api-findings": Row(
        get=READERS, post=f"{MANAGER} {ENGINEER}",
        body={"title": "New", "asset": "CRM", "detected_at": "2026-01-05T10:00:00Z"},
    ),
    "api-findings-csv": Row(get=READERS),
    "api-findings-xlsx": Row(get=READERS),
    "api-finding": Row(get=READERS),
    "api-finding-triage": Row(post=MANAGER, at="reported", body=api_triage),
    "api-finding-analyse": Row(post=f"{MANAGER} {ENGINEER}", at="triaged", body=ANALYSIS),
    "api-finding-severity": Row(post=MANAGER, at="triaged", body={"severity": "critical", "rationale": "Worse."}),
    "api-finding-reassign": Row(
        post=MANAGER, at="triaged", body=lambda world: {"assignee_id": str(world.people.ivan.person_id)}
    ),
    "api-finding-reject": Row(post=MANAGER, at="triaged", body={**WORDS, "kind": "false_positive", "proof": "Log."}),
    "api-finding-reopen": Row(post=KEEPERS, at="closed", body=WORDS),
    "api-finding-comments": Row(post=READERS, body={"body": "Words."}),
    "api-finding-links": Row(post=READERS, body=lambda world: {"other": finding_of(world, "worked")}),
    "api-finding-access": Row(
        get=f"{MANAGER} {ENGINEER}", post=MANAGER, at="restricted",
        body=lambda world: {**WORDS, "person_id": str(world.people.vera.person_id), "valid_until": f"{soon(20)}T12:00:00Z"},
    ),
    "api-finding-grant": Row(delete=MANAGER, at="restricted"),
    "api-finding-restrict": Row(post=MANAGER, at="triaged", body=WORDS),
    "api-finding-lift-restriction": Row(post=MANAGER, at="restricted", body=WORDS),
    "api-evidence-access": Row(get=KEEPERS),
    "api-engagement-access": Row(get=BOARD),
    "api-package-access": Row(get=BOARD),
    "api-teams": Row(get=PEOPLE, post=ADMINISTRATOR, body={"name": "On call"}),
    "api-team-members": Row(post=ADMINISTRATOR, body=lambda world: {"person_id": str(world.people.ivan.person_id)}),
    "api-team-place": Row(delete=ADMINISTRATOR),
    "api-tasks": Row(get=READERS),
    "api-task": Row(get=READERS),
    "api-task-assign": Row(post=MANAGER, body=lambda world: {"assignee_id": str(world.people.ivan.person_id)}),
    "api-task-start": Row(post=ENGINEER),
    "api-task-change": Row(post=f"{MANAGER} {ENGINEER}", body={"change_ticket": "CHG-1"}),
    "api-task-submit": Row(post=ENGINEER),
    "api-task-return": Row(post=f"{MANAGER} {REVIEWER}", body={"words": "The list is missing."}),
    "api-task-accept": Row(post=f"{MANAGER} {REVIEWER}"),
    "api-task-evidence": Row(
        post=f"{MANAGER} {ENGINEER}", body=lambda world: {"artifact": world.picture.ref}
    ),
    "api-finding-tasks": Row(post=MANAGER, at="planned", body={"title": "More", "due_on": soon(5)}),
    "api-finding-plan": Row(post=MANAGER, at="analysed", body=PLAN),
    "api-finding-submit-plan": Row(post=MANAGER, at="planned"),
    "api-finding-evidence": Row(
        post=f"{MANAGER} {ENGINEER}", at="in_remediation", body=lambda world: {"artifact": world.picture.ref}
    ),
    "api-finding-ready": Row(post=ENGINEER, at="worked"),
    "api-finding-verify": Row(post=REVIEWER, at="ready", body={"test_result": "Nobody.", "answers": ANSWERS}),
    "api-finding-return": Row(post=REVIEWER, at="ready", body=WORDS),
    "api-finding-close": Row(post=MANAGER, at="verified", body={"design_only": True}),
    "api-finding-accept-risk": Row(post=MANAGER, at="triaged", body=RISK),
    "api-finding-defer": Row(post=MANAGER, at="triaged", body=DEFERRAL),
    "api-approvals": Row(get=DECIDERS),
    "api-approval": Row(get=DECIDERS),
    "api-approval-decide": Row(post=APPROVER, body=decision),
    "api-approval-withdraw": Row(post=MANAGER, body=WORDS),
    "api-emergencies": Row(get=STAFF, post="manager reviewer approver executive administrator", body=asking,
                           in_person=True),
    "api-emergency": Row(get="manager approver executive administrator"),
    "api-emergency-activate": Row(post="manager executive administrator", in_person=True),
    "api-emergency-end": Row(post="manager executive administrator"),
    "api-emergency-review": Row(post="manager approver executive", body=WORDS),
    "api-role-requests": Row(
        get=PEOPLE, post=ADMINISTRATOR,
        body=lambda world: {"role": "approver", "reason": "A fourth one who approves.",
                            "person_id": str(world.people.vera.person_id)},
    ),
    "api-role-request-decide": Row(
        post=ADMINISTRATOR, body={"verdict": "grant", "reason": "Agreed with his lead."}
    ),
    "api-role-request-withdraw": Row(post=ADMINISTRATOR),
    "api-absences": Row(get=STAFF, post=STAFF, body={"starts_at": f"{soon(1)}T00:00Z", "ends_at": f"{soon(2)}T00:00Z"}),
    "api-absence-back": Row(post="approver administrator"),
    "api-delegations": Row(get=STAFF, post=EXECUTIVE, body=lending),
    "api-delegation": Row(get="manager reviewer approver executive administrator"),
    "api-delegation-accept": Row(post=REVIEWER),
    "api-delegation-end": Row(post="reviewer approver administrator", body=WORDS),
    "api-controls": Row(get=READERS),
    "api-people": Row(get=READERS),
    "api-identities": Row(
        get=PEOPLE, post=ADMINISTRATOR,
        body=lambda world: {"one": str(world.people.maya.person_id), "other": str(world.people.alba.person_id),
                            "evidence": ["name"], "reason": "One in the payroll only."},
    ),
    "api-identity-apart": Row(
        post=ADMINISTRATOR,
        body=lambda world: {"one": str(world.people.maya.person_id), "other": str(world.people.alba.person_id),
                            "reason": "Mother and daughter they are."},
    ),
    "api-identity-confirm": Row(post=PEOPLE, in_person=True),
    "api-duties-checks": Row(get=BOARD, post=BOARD),
    "api-duties-conflicts": Row(get=BOARD),
    "api-duties-report": Row(get=BOARD),
    "api-duties-decisions": Row(get=BOARD),
    # One's own sessions; the id of the row is nobody's.
    "api-sessions": Row(get=STAFF),
    "api-sessions-end-others": Row(post=STAFF),
    "api-session": Row(),
    "api-access-reviews": Row(get=PEOPLE, post=PEOPLE),
    "api-access-review": Row(get=PEOPLE),
    "api-access-review-decide": Row(post=PEOPLE, body={"verdict": "keep"}),
    "api-access-review-finish": Row(post=PEOPLE),
    "api-rules": Row(get=HISTORIANS),
    "api-rules-policy": Row(get=HISTORIANS),
    "api-rules-preview": Row(post=f"{MANAGER} {ADMINISTRATOR}", body={**WORDS, "policy": {"allow": ["S-09"]}}),
    "api-rules-proposals": Row(post=f"{MANAGER} {ADMINISTRATOR}", body={**WORDS, "policy": {"allow": ["S-09"]}}),
    "api-rules-exceptions": Row(get=HISTORIANS, post=f"{MANAGER} {ADMINISTRATOR}"),
    "api-rules-exception-end": Row(post=f"{MANAGER} {EXECUTIVE} {ADMINISTRATOR}", body=WORDS),
    "api-rules-who-may": Row(get=HISTORIANS),
    "api-events": Row(get=HISTORIANS),
    "api-imports": Row(post=MANAGER, raw=sarif("", "four")),
    "api-job": Row(get=f"{MANAGER} {ADMINISTRATOR}", delete=f"{MANAGER} {ADMINISTRATOR}"),
    "api-engagements": Row(get=BOARD, post=MANAGER, body=ENGAGEMENT),
    "api-engagement": Row(get=BOARD),
    "api-engagement-scope": Row(post=MANAGER, body={"everything": True}),
    "api-engagement-release": Row(post=MANAGER),
    "api-engagement-state": Row(post=MANAGER, body={"state": "open"}),
    "api-packages": Row(get=BOARD, post=MANAGER, body=lambda world: {"engagement": world.engagement.ref}),
    "api-package": Row(get=BOARD),
    "api-package-pdf": Row(get=BOARD),
    "api-package-proof": Row(get=BOARD),
    "api-package-forms": Row(get=BOARD),
    "api-package-form": Row(get=BOARD),
    "api-package-zip": Row(get=BOARD),
    "api-package-volume": Row(get=BOARD),
    "api-package-rebuild": Row(post=MANAGER),
    "api-package-submit": Row(post=MANAGER),
    "api-package-supersede": Row(post=MANAGER, body={"change": "Newer rows."}),
    "api-package-release": Row(post=MANAGER),
    "api-package-changes": Row(get=BOARD),
    "api-package-links": Row(
        get=BOARD, post=MANAGER, body={"recipient": "Bea Buyer", "email": "bea@buyer.example", "days": 30}, in_person=True
    ),
    "api-package-link": Row(get=BOARD),
    "api-package-link-uses": Row(get=BOARD),
    "api-package-link-revoke": Row(post=MANAGER),
}  # fmt: skip
