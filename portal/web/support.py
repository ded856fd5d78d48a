"""For support: how the organization's records stand, without one word of them.

The connection of these requests may read nothing but the columns listed in portal/access/structure.py, so a mistake
here shows an error and never a title.
"""

from typing import Any

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from evidence import tenancy
from portal.accounts import roles
from portal.edge.tenancy import needs

app_name = "support"
# The kind of a state in portal/web/vocabulary.py, its word, its table.
COUNTED = (
    ("finding", "Findings", "findings_finding"),
    ("task", "Tasks", "tasks_task"),
    ("evidence", "Evidence", "artifacts_artifact"),
    ("request", "Requests for decisions", "approvals_request"),
    ("package", "Packages", "packages_package"),
    ("engagement", "Engagements", "engagements_engagement"),
)


@require_GET
@needs("support.view")
def home(request: HttpRequest) -> HttpResponse:
    """Jobs, states, policies in force, the history's seal, storage. Every figure is asked in one statement of its kind."""
    with connections[tenancy.alias()].cursor() as cursor:
        counts = [(kind, word, _rows(cursor, f"SELECT state, count(*) AS number FROM {table} GROUP BY 1 ORDER BY 1"))  # noqa: S608
                  for kind, word, table in COUNTED]  # fmt: skip
        context = {
            "counts": counts,
            "jobs": _rows(
                cursor,
                "SELECT id, kind, state, done, total, attempts, created_at, started_at, ended_at FROM jobs_job"
                " ORDER BY created_at DESC LIMIT 50",
            ),
            "people": [
                {**row, "word": roles.ROLES[row["role"]].word if row["role"] in roles.ROLES else row["role"]}
                for row in _rows(
                    cursor,
                    "SELECT role, count(*) AS number FROM accounts_membership WHERE ended_at IS NULL GROUP BY 1 ORDER BY 1",
                )
            ],
            "policies": _rows(
                cursor,
                "SELECT DISTINCT ON (kind) kind, version, effective_from FROM organizations_policy"
                " ORDER BY kind, version DESC",
            ),
            "seal": _rows(cursor, "SELECT size, at FROM ledger_checkpoint ORDER BY size DESC LIMIT 1"),
            "waiting": _rows(cursor, "SELECT count(organization_id) AS number FROM ledger_queue")[0]["number"],
            "alarms": _rows(
                cursor, "SELECT kind, raised_at FROM ledger_alarm WHERE cleared_at IS NULL ORDER BY raised_at"
            ),
            "files": _rows(cursor, "SELECT count(size) AS number, coalesce(sum(size), 0) AS bytes FROM vault_blob")[0],
        }
    return render(request, "support/home.html", context)


def _rows(cursor: Any, sql: str) -> list[dict[str, Any]]:
    cursor.execute(sql)
    columns = [column.name for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


urlpatterns = [path("support", home, name="home")]
