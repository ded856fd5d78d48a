"""Two issues of a package side by side: what was added, closed and changed from the one to the other."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from evidence.errors import NotFound
from portal.edge.tenancy import needs
from portal.packages import comparing, queries
from portal.packages.models import Package

app_name = "package_changes"


@require_GET
@needs("packages.view")
def changes(request: HttpRequest, package: UUID) -> HttpResponse:
    """From the issue that `from` names, else from the one before."""
    row = queries.find(request.actor, package)  # type: ignore[attr-defined]
    others = list(
        Package.objects.filter(organization_id=row.organization_id, number=row.number, snapshot__isnull=False)
        .exclude(pk=row.pk)
        .select_related("snapshot")
        .order_by("-issue")
    )
    before = _before(row, others, request.GET.get("from", ""))
    context = {"package": row, "before": before, "others": others}
    if before is not None and row.is_built:
        context["compared"] = comparing.compare(comparing.kept(before), comparing.kept(row))
    return render(request, "packages/changes.html", context)


def _before(row: Package, others: list[Package], asked: str) -> Package | None:
    if not asked:
        return next((one for one in others if one.issue < row.issue), None)
    found = next((one for one in others if str(one.issue) == asked), None)
    if found is None:
        raise NotFound("There is no such issue of this package, or it was not built.")
    return found


urlpatterns = [path("packages/<uuid:package>/changes", changes, name="changes")]
