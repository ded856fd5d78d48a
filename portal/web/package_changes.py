"""Two issues of a package side by side: what was added, closed and changed from the one to the other."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
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
#: How the two sides of a field are shown; what is not listed is plain text.
SHOWN_AS = {
    "state": "state", "review": "state", "severity": "severity", "current_due_on": "day", "period_start": "day",
    "period_end": "day",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One field that differs; without sides its word alone says that it does."""

    word: str
    kind: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One finding or exhibit that differs; `long` names the texts and lists that changed and are too long to show."""

    ref: str
    title: str
    lines: tuple[Line, ...]
    long: tuple[str, ...]


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
    context: dict[str, Any] = {"package": row, "before": before, "others": others}
    if before is not None and row.is_built:
        compared = comparing.compare(comparing.kept(before), comparing.kept(row))
        context |= {
            "compared": compared,
            "findings": list(_rows(compared.findings_changed)),
            "exhibits": list(_rows(compared.exhibits_changed)),
        }
    return render(request, "packages/changes.html", context)


def _rows(changes: Iterable[comparing.Change]) -> Iterable[Row]:
    for change in changes:
        shown = [one for one in change.differences if one.name in comparing.SHOWN]
        yield Row(
            change.ref,
            change.title,
            tuple(Line(one.word, SHOWN_AS.get(one.name, "text"), one.before, one.after) for one in shown),
            tuple(one.word for one in change.differences if one.name not in comparing.SHOWN),
        )


def _before(row: Package, others: list[Package], asked: str) -> Package | None:
    if not asked:
        return next((one for one in others if one.issue < row.issue), None)
    found = next((one for one in others if str(one.issue) == asked), None)
    if found is None:
        raise NotFound("There is no such issue of this package, or it was not built.")
    return found


urlpatterns = [path("packages/<uuid:package>/changes", changes, name="changes")]
