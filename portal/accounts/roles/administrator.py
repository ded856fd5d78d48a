from portal.accounts.roles import Role

ROLE = Role(
    key="administrator",
    word="Administrator",
    sentence="Manages people and settings; holds no duty on any finding.",
    home="people:list",
    order=6,
    permissions=frozenset(
        {
            "delegations.view",
            "emergency.activate",
            "emergency.use",
            "jobs.view",
            "ledger.erase",
            "ledger.view",
            "people.manage",
            "people.view",
            "rules.propose",
            "rules.view",
            "sessions.own",
            "settings.manage",
        }
    ),
)
