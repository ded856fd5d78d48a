from portal.accounts.roles import Role

ROLE = Role(
    key="support",
    word="Support",
    sentence="Sees that things run: jobs, states, counts, health. No title, no text, no evidence, and no other role.",
    home="support:home",
    order=8,
    permissions=frozenset({"support.view"}),
)
