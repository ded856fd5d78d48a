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
            "engagements.view",
            "findings.comment",
            "findings.view",
            "jobs.view",
            "ledger.view",
            "packages.approve",
            "packages.view",
            "people.view",
            "risk.accept",
        }
    ),
)
