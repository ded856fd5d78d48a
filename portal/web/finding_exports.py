"""The findings list to take away: CSV while it is read, a workbook at once or, when it is long, by a job."""

import dataclasses
import functools
import io
from collections.abc import Iterator
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_GET

from evidence.errors import NotFound
from evidence.vault import services as vault
from evidence.vault.models import Blob
from portal.edge.tenancy import inside, outside_transaction
from portal.jobs import queries as job_queries
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.packages import forms, listing
from portal.web.packages import attachment
from remediation.findings import queries

KIND = "packages.list_findings"


def chosen(request: HttpRequest) -> queries.Filters:
    """What the URL of the list narrows it to: its view and its filters."""
    known = queries.views(request.actor)  # type: ignore[attr-defined]
    return narrowed(known.get(request.GET.get("view", "open"), known["open"]), queries.filters_from(request.GET))


def narrowed(view: queries.Filters, given: queries.Filters) -> queries.Filters:
    """A view narrowed further; what the URL says about a field stands above what the view says."""
    fields = {
        name: getattr(given, name) or getattr(view, name)
        for name in queries.Filters.__dataclass_fields__
        if name != "order"
    }
    return queries.Filters(**{**fields, "order": given.order})


@require_GET
@outside_transaction
def as_csv(request: HttpRequest) -> HttpResponseBase:
    """The rows of the list as it is filtered, streamed."""
    with inside(request):
        request.actor.require("findings.view")  # type: ignore[attr-defined]
        filters = chosen(request)
    return attachment(csv_of(request, filters), "findings.csv", "text/csv; charset=utf-8")


def csv_of(request: Any, filters: queries.Filters) -> Iterator[bytes]:
    return listing.table(request.actor, filters, functools.partial(inside, request), zone_of(request))


@require_GET
@outside_transaction
def as_workbook(request: HttpRequest) -> HttpResponseBase:
    """The same as a workbook; a long one is written by a job, whose page offers it."""
    actor, organization = request.actor, request.organization  # type: ignore[attr-defined]
    with inside(request):
        actor.require("findings.view")
        filters = chosen(request)
        if queries.count(actor, filters, ceiling=listing.AT_ONCE).is_more:
            told = dataclasses.asdict(filters)
            job = jobs.enqueue(KIND, actor=actor, args={"filters": told}, title="Findings as a workbook")
            return redirect("jobs:detail", organization=organization.slug, job=job.pk)
    return attachment(*workbook_of(request, filters))


def workbook_of(request: Any, filters: queries.Filters) -> tuple[Iterator[bytes], str, str, int]:
    """Its pieces, name, kind and size; short enough to be held in memory."""
    found = listing.rows(request.actor, filters, functools.partial(inside, request), zone_of(request))
    draft = io.BytesIO()
    listing.write_workbook(draft, listing.about(request.organization.name), found)
    return iter([draft.getvalue()]), "findings.xlsx", forms.XLSX, draft.tell()


@require_GET
@outside_transaction
def written(request: HttpRequest, job: UUID) -> HttpResponseBase:
    """A workbook that a job wrote, for the person who asked for it: it holds what that person may see."""
    actor = request.actor  # type: ignore[attr-defined]
    with inside(request):
        actor.require("findings.view")
        done = job_queries.visible(actor).filter(pk=job, kind=KIND, state=Job.State.SUCCEEDED)
        row = done.filter(created_by_id=actor.person_id).first()
        blob = Blob.objects.filter(pk=row.result.get("blob")).first() if row else None
        if blob is None:
            raise NotFound("There is no such workbook, or it is somebody else's.", help="Export the list again.")
        pieces = vault.open(blob)
    return attachment(pieces, "findings.xlsx", forms.XLSX, blob.size)


def zone_of(request: Any) -> ZoneInfo:
    return ZoneInfo(request.organization.timezone)


urlpatterns = [
    path("findings.csv", as_csv, name="csv"),
    path("findings.xlsx", as_workbook, name="workbook"),
    path("findings/exports/<uuid:job>", written, name="export"),
]
