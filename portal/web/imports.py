"""Bringing findings in: choose a file, see what it would do row by row, then import it as a job."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence.errors import Invalid, NotFound, Refused, TooLarge
from evidence.vault.models import Blob
from portal.edge.tenancy import needs
from portal.jobs import services as jobs
from portal.web.components import View
from remediation.findings.models import ImportBatch
from remediation.importers import services, template
from remediation.importers.jobs import KIND

app_name = "imports"
PAGE = 50
OUTCOMES = (
    ("", "All rows"),
    ("created", "Created"),
    ("updated", "Updated"),
    ("reopened", "Reopened"),
    ("unchanged", "Unchanged"),
    ("merged", "Merged"),
    ("ignored", "Left out"),
    ("error", "In error"),
)


class ImportForm(forms.Form):
    file = forms.FileField(label="File", help_text="Report exceptions, scanner output or a spreadsheet.")
    format = forms.ChoiceField(label="Format", required=False, choices=[])
    date_order = forms.ChoiceField(
        label="Dates such as 03/04/2026", required=False,
        choices=[("", "Refuse them"), ("dmy", "Day first"), ("mdy", "Month first")],
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(each["name"], each["title"]) for each in services.formats()]
        self.fields["format"].choices = [("", "Detect it"), *known]  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@needs("findings.import")
def start(request: HttpRequest) -> HttpResponse:
    """Choose a file. It is kept sealed until the import; the next page shows what it would do."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            held = services.hold(given["file"], actor=request.actor)  # type: ignore[attr-defined]
        except Refused as refusal:
            form.add_error("file", f"{refusal.message} {refusal.help or ''}".strip())
        else:
            query = {"name": given["file"].name, "format": given["format"], "dates": given["date_order"]}
            return redirect(f"{_url(request, 'review', held.pk)}?{urlencode(query)}")
    batches = ImportBatch.objects.filter(organization_id=request.organization.id).select_related("imported_by")  # type: ignore[attr-defined]
    context = {"form": form, "formats": services.formats(), "batches": list(batches.order_by("-at")[:20])}
    return render(request, "imports/start.html", context, status=422 if form.errors else 200)


def _url(request: HttpRequest, name: str, blob: UUID) -> str:
    return reverse(f"imports:{name}", args=[request.organization.slug, blob])  # type: ignore[attr-defined]


def _held(request: HttpRequest, blob: UUID) -> Blob:
    found = Blob.objects.filter(pk=blob, organization_id=request.organization.id).first()  # type: ignore[attr-defined]
    if found is None:
        raise NotFound("The uploaded file is not there any more.", help="Upload it again.")
    return found


def _asked(given: Any) -> dict[str, Any]:
    """How to read the file: what the forms of the review page carry from step to step."""
    mapping = {key.removeprefix("map_"): value for key, value in given.items() if key.startswith("map_") and value}
    return {
        "name": given.get("name", "")[:255],
        "format": given.get("format", "")[:40] or None,
        "date_order": given.get("dates", "")[:3],
        "mapping": mapping or None,
    }


@require_GET
@needs("findings.import")
def review(request: HttpRequest, blob: UUID) -> HttpResponse:
    """The dry run: each row with what would happen and why. Nothing is saved."""
    held, asked = _held(request, blob), _asked(request.GET)
    only = request.GET.get("only", "")
    offset = int(request.GET["offset"]) if request.GET.get("offset", "").isdigit() else 0
    actor = request.actor  # type: ignore[attr-defined]
    try:
        seen = services.preview(held, actor=actor, only=only, offset=offset, limit=PAGE, **asked)
    except (Invalid, TooLarge) as refusal:
        context = {"refusal": refusal, "blob": blob, "asked": asked, "formats": services.formats()}
        return render(request, "imports/review.html", context, status=refusal.status)
    query = {"name": asked["name"], "format": asked["format"] or "", "dates": asked["date_order"]}
    query |= {f"map_{field}": column for field, column in (asked["mapping"] or {}).items()}
    counts = {**seen.counts.outcomes, "ignored": sum(seen.counts.ignored.values()), "error": len(seen.counts.errors)}
    counts[""] = seen.counts.rows + counts["ignored"] + counts["error"]
    following = offset + PAGE
    return render(request, "imports/review.html", {
        "blob": blob,
        "asked": asked,
        "seen": seen,
        "kept": sorted(query.items()),
        "format_title": next(each["title"] for each in services.formats() if each["name"] == seen.counts.format),
        "fields": _mappable(seen, asked),
        "tabs": [
            View(word, f"?{urlencode({**query, 'only': key})}", counts.get(key, 0), key == only)
            for key, word in OUTCOMES
            if key == only or counts.get(key, 0) or not key
        ],
        "next": f"?{urlencode({**query, 'only': only, 'offset': following})}" if seen.total > following else "",
    })  # fmt: skip


def _mappable(seen: services.Preview, asked: dict[str, Any]) -> list[dict[str, Any]]:
    if not seen.header:
        return []
    known = next(each["fields"] for each in services.formats() if each["name"] == seen.counts.format)
    chosen = asked["mapping"] or {}
    return [{"name": name, "column": chosen.get(name, "")} for name in known]


@require_POST
@needs("findings.import")
def run(request: HttpRequest, blob: UUID) -> HttpResponse:
    """Start the import; its page shows progress and can cancel it."""
    held, asked = _held(request, blob), _asked(request.POST)
    job = jobs.enqueue(
        KIND, actor=request.actor, title=f"Import of {asked['name'] or 'a file'}",  # type: ignore[attr-defined]
        args={"blob": str(held.pk), **asked},
    )  # fmt: skip
    return redirect("jobs:detail", organization=request.organization.slug, job=job.pk)  # type: ignore[attr-defined]


@require_GET
@needs("findings.import")
def sheet(request: HttpRequest, kind: str) -> HttpResponse:
    """The template for an audit report's exceptions."""
    if kind not in ("csv", "xlsx"):
        raise NotFound("The template comes as csv or xlsx.")
    mime = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}[kind]
    response = HttpResponse(template.as_csv() if kind == "csv" else template.as_xlsx(), content_type=mime)
    response["Content-Disposition"] = f'attachment; filename="audit-report-exceptions.{kind}"'
    return response


urlpatterns = [
    path("import", start, name="start"),
    path("import/template.<str:kind>", sheet, name="template"),
    path("import/<uuid:blob>/review", review, name="review"),
    path("import/<uuid:blob>/run", run, name="run"),
]
