from portal.accounts.roles import Role

ROLE = Role(
    key="executive",
    word="Executive",
    sentence="Accepts risk within authority; sees readiness, coverage and history.",
    home="dashboard:home",
    order=5,
    permissions=frozenset(
        {
            "approvals.view",
            "controls.view",
            "deals.view",
            "delegations.view",
            "disposals.decide",
            "emergency.activate",
            "emergency.review",
            "emergency.use",
            "duties.view",
            "engagements.view",
            "findings.comment",
            "findings.view",
            "holds.release",
            "holds.set",
            "jobs.view",
            "ledger.view",
            "packages.approve",
            "packages.view",
            "people.view",
            "retention.view",
            "risk.accept",
            "rules.decide",
            "rules.view",
            "rules.waive",
            "sessions.own",
        }
    ),
)
