"""Two issues of a package side by side: what was added, closed and changed from the one to the other."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
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
    context: dict[str, Any] = {"package": row, "before": None, "others": comparing.issues_beside(row)}
    with suppress(WrongState):
        context["before"] = comparing.issue_before(row, request.GET.get("from", ""))
        compared = comparing.between(context["before"], row)
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


urlpatterns = [path("packages/<uuid:package>/changes", changes, name="changes")]
