from portal.accounts.roles import Role

ROLE = Role(
    key="auditor",
    word="Auditor",
    sentence="Reads what an engagement released to them, for as long as the grant runs.",
    home="auditor:start",
    order=7,
    permissions=frozenset(),
)
