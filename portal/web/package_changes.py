"""Two issues of a package side by side: what was added, closed and changed from the one to the other."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from evidence.errors import WrongState
from portal.edge.tenancy import needs
from portal.packages import comparing, queries

app_name = "package_changes"


@require_GET
@needs("packages.view")
def changes(request: HttpRequest, package: UUID) -> HttpResponse:
    """From the issue that `from` names, else from the one before."""
    row = queries.find(request.actor, package)  # type: ignore[attr-defined]
    context: dict[str, Any] = {"package": row, "before": None, "others": comparing.issues_beside(row)}
    with suppress(WrongState):
        context["before"] = comparing.issue_before(row, request.GET.get("from", ""))
        context["compared"] = comparing.between(context["before"], row)
    return render(request, "packages/changes.html", context)


urlpatterns = [path("packages/<uuid:package>/changes", changes, name="changes")]
