"""The readiness page: the score with its parts, due dates, age, burn-down, coverage, evidence going stale."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from evidence import clock
from evidence.artifacts.models import Artifact
from evidence.controls.models import Control
from portal.edge.tenancy import needs
from portal.engagements.models import Engagement
from portal.web import controls, readiness
from portal.web.components import BurnDown, Segment
from remediation.findings import queries as findings
from remediation.monitoring import queries as monitoring

app_name = "dashboard"
LOWEST = 10


@require_GET
@needs("findings.view")
def home(request: HttpRequest) -> HttpResponse:
    """Readiness. Without an engagement it looks at the last 26 weeks."""
    organization = request.organization  # type: ignore[attr-defined]
    today = clock.today(organization.timezone)
    engagement = (
        Engagement.objects.filter(organization_id=organization.id).exclude(state="closed").order_by("-number").first()
    )
    start, end = _period(engagement, today)
    coverage = monitoring.coverage(
        organization.id, list(Control.objects.filter(organization_id=organization.id, retired_at=None).order_by("number")),
        start, end,
    )  # fmt: skip
    operated = sum(line.operated + 0.5 * line.partial for line in coverage.lines)
    due = sum(line.operated + line.partial + line.missed for line in coverage.lines)
    ready = readiness.readiness(organization.id, (operated, due), today)
    dues = readiness.dues(organization.id)
    ages = readiness.by_severity_and_age(organization.id)
    still_open = sum(row.total for row in ages)
    actor = request.actor  # type: ignore[attr-defined]
    return render(request, "dashboard/home.html", {
        "engagement": engagement,
        "start": start,
        "end": end,
        "day": (min(today, end) - start).days + 1,
        "days": (end - start).days + 1,
        "ready": ready,
        "gain": ready.gain_of_one_finding(),
        "movers": readiness.movers(organization.id),
        "ages": ages,
        "age_heads": readiness.AGES,
        "open": still_open,
        "to_triage": findings.count(actor, findings.views(actor)["to_triage"]),
        "dues": dues,
        "due_segments": [
            Segment("Overdue", dues.overdue, "crit"),
            Segment("Due in 7 days", dues.week, "warn"),
            Segment("On track", dues.on_track, "ok"),
        ],
        "overdue": findings.page(actor, findings.Filters(overdue=True), limit=3).rows,
        "burndown": _burndown(organization, start, end, today),
        "heat": replace(
            controls.heat(request, coverage, _lowest(coverage), monitoring.this_week(today), None), mini=True
        ),
        "control_count": len(coverage.lines),
        "stale": _stale(organization.id, today),
        "kept": Artifact.objects.filter(organization_id=organization.id, state="accepted").count(),
    })  # fmt: skip


def _period(engagement: Engagement | None, today: date) -> tuple[date, date]:
    if engagement is not None:
        return engagement.period_start, engagement.period_end
    return today - timedelta(weeks=25), today


def _lowest(coverage: monitoring.Coverage) -> list[monitoring.Line]:
    judged = [line for line in coverage.lines if line.due]
    return sorted(judged, key=lambda line: (line.operated + 0.5 * line.partial) / line.due)[:LOWEST]


def _burndown(organization: Any, start: date, end: date, today: date) -> BurnDown | None:
    actual = readiness.open_over_time(organization.id, start, min(today, end), organization.timezone)
    if not actual:
        return None
    most = max(number for _, number in actual)
    peak = next(day for day, number in actual if number == most)
    forecast: list[tuple[date, int]] = []
    if today < end and len(actual) > 3 and most > actual[-1][1]:
        since = max(1, (today - peak).days)
        rate = (most - actual[-1][1]) / since
        forecast = [(today, actual[-1][1]), (end, max(0, round(actual[-1][1] - rate * (end - today).days)))]
    return BurnDown(
        label=f"Open findings from {start:%d %b %Y} to {today:%d %b %Y}",
        actual=actual, plan=[(peak, most), (end, 0)], forecast=forecast, today=min(today, end),
    )  # fmt: skip


def _stale(organization_id: Any, today: date) -> list[Artifact]:
    soon = today + timedelta(days=14)
    rows = Artifact.objects.filter(organization_id=organization_id, state="accepted", fresh_until__lte=soon)
    return list(rows.select_related("latest", "created_by").order_by("fresh_until")[:5])


urlpatterns = [path("", home, name="home")]
