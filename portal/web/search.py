"""The command palette: what a few words find, and where the reader may go. Each group asks once, eight at most."""

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_GET

from evidence.artifacts.models import Artifact
from evidence.controls.models import Control
from evidence.errors import NotFound
from portal.accounts.models import Membership
from portal.web import shell
from portal.web.components import PaletteGroup, PaletteItem
from remediation.findings import queries as findings

app_name = "search"
EACH = 8
LONGEST = 100
# What can be done from anywhere: the right it takes, the page's name, the words, the glyph.
COMMANDS = (
    ("findings.report", "findings:new", "Report a finding", "flag"),
    ("findings.import", "imports:start", "Import findings", "import"),
    ("evidence.upload", "evidence:upload", "Upload evidence", "upload"),
    ("packages.build", "packages:new", "Build a package", "package-check"),
    ("engagements.manage", "engagements:new", "Open an engagement", "landmark"),
)


@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """The list of the palette for ?q=. Without words it offers only places and commands."""
    if request.organization.is_auditor:  # type: ignore[attr-defined]
        raise NotFound("There is nothing here, or nothing you may see.")
    text = request.GET.get("q", "").replace("\x00", "")[:LONGEST].strip()
    groups = [*_records(request, text), PaletteGroup("Go to", _places(request, text))]
    groups.append(PaletteGroup("Commands", _commands(request, text)))
    return render(request, "ui/palette_results.html", {"groups": [group for group in groups if group.items]})


def _records(request: HttpRequest, text: str) -> list[PaletteGroup]:
    if not text:
        return []
    found: tuple[tuple[str, str, Callable[[HttpRequest, str], list[PaletteItem]]], ...] = (
        ("findings.view", "Findings", _findings),
        ("controls.view", "Controls", _controls),
        ("evidence.view", "Evidence", _evidence),
        ("people.view", "People", _people),
    )
    actor = request.actor  # type: ignore[attr-defined]
    return [PaletteGroup(word, search(request, text)) for right, word, search in found if actor.may(right)]


def _findings(request: HttpRequest, text: str) -> list[PaletteItem]:
    page = findings.page(request.actor, findings.Filters(text=text), limit=EACH)  # type: ignore[attr-defined]
    return [PaletteItem(_at(request, "findings:detail", row.ref), row.title, row.ref) for row in page.rows]


def _controls(request: HttpRequest, text: str) -> list[PaletteItem]:
    rows = _named(Control.objects.filter(organization_id=_here(request), retired_at=None), text)
    return [PaletteItem(_at(request, "controls:detail", ref), title, ref, "shield-check") for ref, title in rows]


def _evidence(request: HttpRequest, text: str) -> list[PaletteItem]:
    rows = _named(Artifact.objects.filter(organization_id=_here(request)), text)
    return [PaletteItem(_at(request, "evidence:artifact", ref), title, ref, "file") for ref, title in rows]


def _named(rows: "QuerySet[Any]", text: str) -> "QuerySet[Any, tuple[str, str]]":
    for word in text.split()[:6]:
        rows = rows.filter(Q(title__icontains=word) | Q(ref__iexact=word))
    return rows.order_by("number").values_list("ref", "title")[:EACH]


def _people(request: HttpRequest, text: str) -> list[PaletteItem]:
    held = Membership.objects.filter(organization_id=_here(request), ended_at=None, person__name__icontains=text)
    names = held.order_by("person__name").values_list("person__name", flat=True).distinct()[:EACH]
    return [PaletteItem(_at(request, "people:list"), name, icon="users") for name in names]


def _places(request: HttpRequest, text: str) -> list[PaletteItem]:
    items = [PaletteItem(item.url, item.word, icon=item.icon) for item in shell.Shell(request).items]
    return [item for item in items if _fits(item.word, text)][:EACH]


def _commands(request: HttpRequest, text: str) -> list[PaletteItem]:
    actor = request.actor  # type: ignore[attr-defined]
    return [
        PaletteItem(_at(request, name), word, icon=icon)
        for right, name, word, icon in COMMANDS
        if actor.may(right) and _fits(word, text)
    ][:EACH]


def _fits(word: str, text: str) -> bool:
    return all(part in word.lower() for part in text.lower().split())


def _here(request: HttpRequest) -> Any:
    return request.organization.id  # type: ignore[attr-defined]


def _at(request: HttpRequest, name: str, *arguments: Any) -> str:
    return reverse(name, args=[request.organization.slug, *arguments])  # type: ignore[attr-defined]


urlpatterns = [path("palette", palette, name="palette")]
