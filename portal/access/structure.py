"""What support may read, column by column: states, counts, times and kinds. No column here holds a person's words."""

ROLE = "clearhold_support"
COLUMNS = {
    "accounts_membership": ("organization_id", "role", "ended_at"),
    "approvals_request": ("organization_id", "state"),
    "artifacts_artifact": ("organization_id", "state"),
    "engagements_engagement": ("organization_id", "state"),
    "findings_finding": ("organization_id", "state"),
    "jobs_job": (
        "id", "organization_id", "kind", "state", "done", "total", "attempts", "created_at", "started_at", "ended_at",
    ),
    "ledger_alarm": ("organization_id", "kind", "raised_at", "cleared_at"),
    "ledger_checkpoint": ("organization_id", "size", "at"),
    "ledger_queue": ("organization_id",),
    "organizations_policy": ("organization_id", "kind", "version", "effective_from"),
    "packages_package": ("organization_id", "state"),
    "tasks_task": ("organization_id", "state"),
    "vault_blob": ("organization_id", "size"),
}  # fmt: skip

INSTALL = "".join(f"GRANT SELECT ({', '.join(names)}) ON {table} TO {ROLE};\n" for table, names in COLUMNS.items())
REMOVE = "".join(f"REVOKE ALL ON {table} FROM {ROLE};\n" for table in COLUMNS)
