from portal.accounts.roles import Role

ROLE = Role(
    key="engineer",
    word="Engineer",
    sentence="Carries out remediation tasks and gives evidence.",
    home="tasks:mine",
    order=2,
    permissions=frozenset(
        {
            "controls.operate",
            "controls.view",
            "delegations.view",
            "emergency.use",
            "evidence.download",
            "evidence.redact",
            "evidence.upload",
            "evidence.view",
            "findings.analyse",
            "findings.comment",
            "findings.reopen",
            "findings.report",
            "findings.view",
            "jobs.view",
            "sessions.own",
            "tasks.work",
        }
    ),
)
