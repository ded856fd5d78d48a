from portal.accounts.roles import Role

ROLE = Role(
    key="approver",
    word="Approver",
    sentence="Decides on plans, closures, rejections and deferrals that others prepared.",
    home="approvals:queue",
    order=4,
    permissions=frozenset(
        {
            "approvals.decide",
            "approvals.view",
            "duties.view",
            "controls.view",
            "delegations.view",
            "disposals.decide",
            "emergency.review",
            "emergency.use",
            "engagements.view",
            "evidence.download",
            "evidence.view",
            "findings.comment",
            "findings.reopen",
            "findings.view",
            "holds.release",
            "jobs.view",
            "ledger.view",
            "packages.approve",
            "packages.view",
            "retention.view",
            "rules.decide",
            "rules.view",
            "sessions.own",
        }
    ),
)
