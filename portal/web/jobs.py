"""Long work: the list of jobs, one job's page that refreshes itself, and the button that asks it to stop."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from evidence.errors import NotFound
from portal.edge.tenancy import needs
from portal.jobs import queries, services
from portal.jobs.models import Job
from portal.packages.models import Package

app_name = "jobs"
PAGE = 50


@require_GET
@needs("jobs.view")
def jobs(request: HttpRequest) -> HttpResponse:
    """One's own jobs; everybody's for those who manage people or packages."""
    rows = queries.visible(request.actor).order_by("-created_at", "-id").select_related("created_by", "emergency")
    before = request.GET.get("before")
    if before:
        rows = rows.filter(pk__lt=before)
    page = list(rows[: PAGE + 1])
    return render(
        request, "jobs/list.html", {"jobs": page[:PAGE], "more": page[PAGE - 1].pk if len(page) > PAGE else None}
    )


def _job(request: HttpRequest, pk: str) -> Job:
    found: Job | None = queries.visible(request.actor).select_related("created_by", "emergency").filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such job, or it is somebody else's.")
    return found


@require_GET
@needs("jobs.view")
def job(request: HttpRequest, job: str) -> HttpResponse:
    """The whole page, or its moving part for htmx, which stops asking when the job is over."""
    template = "jobs/_progress.html" if request.headers.get("HX-Request") else "jobs/detail.html"
    return render(request, template, {"job": _job(request, job)})


@require_POST
@needs("jobs.view")
def cancel(request: HttpRequest, job: str) -> HttpResponse:
    """Back to where the button stood: the job's page, or that of the package it builds."""
    row = services.cancel(_job(request, job).pk, actor=request.actor)  # type: ignore[attr-defined]
    if request.POST.get("from") == "package" and row.subject_type == Package._meta.label_lower:
        return redirect("packages:detail", organization=request.organization.slug, package=row.subject_id)  # type: ignore[attr-defined]
    return redirect("jobs:detail", organization=request.organization.slug, job=job)  # type: ignore[attr-defined]


urlpatterns = [
    path("jobs/", jobs, name="list"),
    path("jobs/<uuid:job>", job, name="detail"),
    path("jobs/<uuid:job>/cancel", cancel, name="cancel"),
]
