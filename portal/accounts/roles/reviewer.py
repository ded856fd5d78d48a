from portal.accounts.roles import Role

ROLE = Role(
    key="reviewer",
    word="Technical reviewer",
    sentence="Verifies that a fix works and that its evidence is enough.",
    home="approvals:queue",
    order=3,
    permissions=frozenset(
        {
            "approvals.view",
            "controls.view",
            "delegations.view",
            "emergency.use",
            "evidence.download",
            "evidence.original",
            "evidence.review",
            "evidence.view",
            "findings.comment",
            "findings.reopen",
            "findings.verify",
            "findings.view",
            "jobs.view",
            "ledger.view",
            "retention.view",
            "rules.view",
            "sessions.own",
        }
    ),
)
