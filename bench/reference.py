"""The yardstick: a bare view that fetches the same fifty rows by raw SQL and returns the same JSON."""

import json

from django.db import connection
from django.http import HttpResponse

from portal.edge.tenancy import outside_transaction


@outside_transaction
def reference(request, organization_id):
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.organization', %s, false)", [str(organization_id)])
        cursor.execute(
            "SELECT f.id, f.ref, f.number, f.title, f.severity, f.state, f.source, f.asset, f.audit_rating, f.cycle,"
            " f.version, f.detected_at, f.reported_at, f.clock_started_at, f.triage_due_at, f.due_at, f.current_due_at,"
            " f.proposed_fixed_at, f.closed_at, f.design_only, f.owner_id, f.assignee_id, o.name AS owner, a.name AS assignee,"
            " ARRAY(SELECT c.criterion_id FROM findings_findingcriterion c WHERE c.finding_id = f.id ORDER BY 1) AS criteria,"
            " ARRAY(SELECT k.ref FROM findings_findingcontrol c JOIN controls_control k ON k.id = c.control_id"
            " WHERE c.finding_id = f.id ORDER BY 1) AS controls"
            " FROM findings_finding f LEFT JOIN accounts_person o ON o.id = f.owner_id"
            " LEFT JOIN accounts_person a ON a.id = f.assignee_id"
            " WHERE f.organization_id = %s ORDER BY f.current_due_at, f.id LIMIT 51",
            [organization_id],
        )
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return HttpResponse(json.dumps({"results": rows[:50], "next": None}, default=str), content_type="application/json")
