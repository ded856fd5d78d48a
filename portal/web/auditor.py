"""The auditor's portal: one engagement, what it released, and nothing else. Every page opened is kept.

These requests read as the database role that can only SELECT; the record of what was opened goes through
`keeping_record`, the one path on which they write.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET

from evidence import clock, previews
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import ArtifactLink, ArtifactVersion
from evidence.errors import NotFound
from evidence.ledger import queries as ledger
from evidence.previews import pictures, texts
from portal.edge.tenancy import keeping_record
from portal.engagements import queries, services
from portal.engagements.models import Engagement
from portal.packages import delivery
from portal.packages import queries as packages_of
from portal.packages import services as package_files
from portal.packages.models import Package
from portal.packages.signing import queries as signatures
from portal.web import custody, downloads, verifying
from portal.web import history as history_lines
from portal.web import packages as package_pages
from portal.web.components import Step, TimelineEntry
from remediation.approvals.actions import ACTIONS
from remediation.approvals.models import Request as ApprovalRequest
from remediation.findings.models import Finding
from remediation.findings.states import OPEN, State
from remediation.risk.models import Acceptance, Deferral
from remediation.tasks.models import Plan, Task, Verification

app_name = "auditor"
PLACES = {
    "engagements.engagement": "Engagement",
    "controls.control": "Controls",
    "findings.finding": "Findings",
    "artifacts.artifact": "Evidence",
    "packages.package": "Packages",
    "ledger": "Event history",
}
PAGE = 50
# What the company's people say among themselves stays with them.
INTERNAL_KINDS = frozenset({"finding.commented", "approval.asked"})


def _engagement(request: HttpRequest, ref: str) -> Engagement:
    if not request.organization.is_auditor:  # type: ignore[attr-defined]
        raise NotFound("There is nothing here, or nothing you may see.")
    return queries.open_to(request.actor, ref)  # type: ignore[attr-defined]


def _opened(request: HttpRequest, engagement: Engagement, object_type: str, row: Any = None) -> None:
    with keeping_record(request):
        services.note_opened(
            engagement, actor=request.actor, object_type=object_type,  # type: ignore[attr-defined]
            object_id=row.pk if row is not None else None, ref=getattr(row, "ref", ""),
        )  # fmt: skip


def _show(request: HttpRequest, engagement: Engagement, template: str, context: dict[str, Any]) -> HttpResponse:
    ends = queries.access_ends(request.actor, engagement)  # type: ignore[attr-defined]
    return render(request, f"auditor/{template}.html", {**context, "engagement": engagement, "access_ends": ends})


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """The engagements somebody was let into; straight on when it is one."""
    if not request.organization.is_auditor:  # type: ignore[attr-defined]
        raise NotFound("There is nothing here, or nothing you may see.")
    found = list(queries.granted_to(request.actor))  # type: ignore[attr-defined]
    if len(found) == 1:
        return redirect("auditor:home", organization=request.organization.slug, engagement=found[0].ref)  # type: ignore[attr-defined]
    return render(request, "auditor/start.html", {"engagements": found})


@require_GET
def home(request: HttpRequest, engagement: str) -> HttpResponse:
    """The engagement at a glance: its scope, what is open, how far the history is signed."""
    here = _engagement(request, engagement)
    _opened(request, here, "engagements.engagement", here)
    found = queries.findings(here, released_only=True)
    states = list(found.values_list("state", flat=True))
    latest = found.select_related("owner").order_by("-severity_since", "-number")[:8]
    return _show(request, here, "home", {
        "controls": queries.controls(here, released_only=True).count(),
        "total": len(states),
        "open": sum(state in OPEN for state in states),
        "closed": sum(state == State.CLOSED for state in states),
        "evidence": queries.artifacts(here, released_only=True).count(),
        "standing": ledger.standing(here.organization_id),
        "latest": latest,
    })  # fmt: skip


@require_GET
def controls(request: HttpRequest, engagement: str) -> HttpResponse:
    here = _engagement(request, engagement)
    _opened(request, here, "controls.control")
    rows = (
        queries.controls(here, released_only=True)
        .select_related("owner")
        .prefetch_related("criterion_links__criterion", "owed")
    )
    return _show(request, here, "controls", {"controls": rows.order_by("number")})


@require_GET
def findings(request: HttpRequest, engagement: str) -> HttpResponse:
    """The released findings, by number, fifty a page."""
    here = _engagement(request, engagement)
    _opened(request, here, "findings.finding")
    rows = queries.findings(here, released_only=True).select_related("owner").order_by("number")
    page, more = _page(rows, request.GET.get("after", ""))
    return _show(request, here, "findings", {"findings": page, "more": more})


def _page(rows: "QuerySet[Any]", after: str) -> tuple[list[Any], int | None]:
    if after.isdigit() and len(after) < 10:
        rows = rows.filter(number__gt=int(after))
    found = list(rows[: PAGE + 1])
    return found[:PAGE], found[PAGE - 1].number if len(found) > PAGE else None


@require_GET
def finding(request: HttpRequest, engagement: str, ref: str) -> HttpResponse:
    """One finding: facts, cause, plan, tasks, evidence, decisions, and its history. No internal comments."""
    here = _engagement(request, engagement)
    row = (
        queries.findings(here, released_only=True)
        .select_related("owner", "assignee", "finder")
        .prefetch_related("criterion_rows__criterion", "control_rows__control")
        .filter(ref=ref)
        .first()
    )
    if row is None:
        raise NotFound(f"There is no finding {ref[:20]} in this engagement.")
    _opened(request, here, "findings.finding", row)
    tasks = list(Task.objects.filter(finding=row, cycle=row.cycle).select_related("assignee").order_by("number"))
    return _show(request, here, "finding", {
        "finding": row,
        "steps": _steps(row),
        "plan": Plan.objects.filter(finding=row, cycle=row.cycle).exclude(state="superseded").order_by("-version").first(),
        "tasks": tasks,
        "evidence": _evidence_of(here, row, tasks),
        "requests": _requests(row),
        "verification": Verification.objects.filter(finding=row, cycle=row.cycle).select_related("verifier").last(),
        "acceptances": Acceptance.objects.filter(finding=row).order_by("pk"),
        "deferrals": Deferral.objects.filter(finding=row).order_by("pk"),
        "comments": row.comments.filter(internal=False).select_related("author").order_by("at"),
        "timeline": _timeline(ledger.history("findings.finding", row.pk), request.organization.slug),
    })  # fmt: skip


def _requests(row: Finding) -> list[tuple[str, ApprovalRequest]]:
    """What was asked about a finding, each with the word for it."""
    asked = ApprovalRequest.objects.filter(subject_type="findings.finding", subject_id=row.pk)
    asked = (
        asked.select_related("requested_by")
        .prefetch_related("decisions__person", "decisions__for_person")
        .order_by("pk")
    )
    return [(ACTIONS[one.action].word if one.action in ACTIONS else one.action, one) for one in asked]


_STEPS = (
    ("Reported", ("reported_at",)),
    ("Triaged", ("triaged_at",)),
    ("Fix done", ("remediated_at",)),
    ("Verified", ("verified_at",)),
    ("Closed", ("closed_at",)),
)


def _steps(row: Finding) -> list[Step]:
    reached = [bool(getattr(row, names[0])) for _, names in _STEPS]
    current = reached.index(False) if False in reached else len(reached)
    return [
        Step(word, "done" if index < current else "now" if index == current else "todo")
        for index, (word, _) in enumerate(_STEPS)
    ]


def _evidence_of(here: Engagement, row: Finding, tasks: Iterable[Task]) -> list[Any]:
    used = ArtifactLink.objects.filter(target_id__in=[row.pk, *(task.pk for task in tasks)]).values("artifact_id")
    visible = queries.artifacts(here, released_only=True).filter(pk__in=used)
    return list(visible.select_related("latest").order_by("number"))


def _timeline(facts: Iterable[ledger.Fact], slug: str) -> list[TimelineEntry]:
    """As the staff's timeline, newest first, without links to pages the auditor has not and without details."""
    shown = [fact for fact in facts if fact.kind not in INTERNAL_KINDS]
    return [replace(entry, url="", details=()) for entry in history_lines.entries(list(reversed(shown)), slug)]


@require_GET
def evidence(request: HttpRequest, engagement: str) -> HttpResponse:
    here = _engagement(request, engagement)
    _opened(request, here, "artifacts.artifact")
    rows = queries.artifacts(here, released_only=True).select_related("latest").order_by("number")
    page, more = _page(rows, request.GET.get("after", ""))
    return _show(request, here, "evidence", {"artifacts": page, "more": more})


def _version(here: Engagement, ref: str) -> ArtifactVersion:
    row = (
        queries.artifacts(here, released_only=True).select_related("latest__blob", "latest__collector").filter(ref=ref)
    )
    found = row.first()
    if found is None or found.latest is None:
        raise NotFound(f"There is no evidence {ref[:20]} in this engagement.")
    version: ArtifactVersion = found.latest
    version.artifact = found
    return version


@require_GET
def artifact(request: HttpRequest, engagement: str, ref: str) -> HttpResponse:
    """One piece of evidence: where it comes from, its hash, its custody, and a preview made by the server."""
    here = _engagement(request, engagement)
    version = _version(here, ref)
    _view(request, here, version)
    is_erased = version.blob.erased_at is not None
    kind = previews.Kind.NONE if is_erased else previews.kind_of(version.mime)
    context: dict[str, Any] = {
        "is_erased": is_erased,
        "artifact": version.artifact,
        "version": version,
        "kind": kind.value,
        "custody": custody.short(version.artifact, custody.reader_of(request, here)),
    }
    if kind in (previews.Kind.IMAGE, previews.Kind.PDF):
        context["picture"] = reverse("auditor:picture", args=[request.organization.slug, here.ref, ref, 1])  # type: ignore[attr-defined]
    elif kind is not previews.Kind.NONE:
        context["shown"] = texts.shown(version.blob, kind)
    return _show(request, here, "artifact", context)


@require_GET
def artifact_custody(request: HttpRequest, engagement: str, ref: str) -> HttpResponse:
    """The whole chain of custody of one piece of evidence."""
    here = _engagement(request, engagement)
    found = custody.version_of(here, ref)
    _opened(request, here, "artifacts.artifact", found)
    return _show(request, here, "custody", custody.page_of(request, found, here))


@require_GET
def custody_report(request: HttpRequest, engagement: str, ref: str) -> HttpResponseBase:
    """The chain as a PDF; its event is left before the first byte goes out."""
    here = _engagement(request, engagement)
    found = custody.version_of(here, ref)
    printed, told = custody.report_of(request, found, here)
    with keeping_record(request):
        artifacts.record_custody_report(found.pk, **told, actor=request.actor, engagement=here)  # type: ignore[attr-defined]
    return custody.attachment(printed, found)


def _view(request: HttpRequest, here: Engagement, version: ArtifactVersion, page: int | None = None) -> None:
    with keeping_record(request):
        artifacts.record_view(version.pk, actor=request.actor, engagement=here, page=page)  # type: ignore[attr-defined]


@require_GET
def picture(request: HttpRequest, engagement: str, ref: str, page: int) -> HttpResponseBase:
    """One page of a PDF or an image, drawn by the server."""
    here = _engagement(request, engagement)
    version = _version(here, ref)
    kind = previews.kind_of(version.mime)
    if kind not in (previews.Kind.IMAGE, previews.Kind.PDF):
        raise NotFound("Files of this kind have no pages to show.")
    _view(request, here, version, page)
    drawn = pictures.drawn(version.blob, kind, page)
    return downloads.private(HttpResponse(drawn.png, content_type="image/png"))


@require_GET
def download(request: HttpRequest, engagement: str, ref: str) -> HttpResponseBase:
    """The original bytes, as an attachment."""
    here = _engagement(request, engagement)
    version = _version(here, ref)
    return downloads.serve(request, downloads.record(request, version.pk, engagement=here))


@require_GET
def packages(request: HttpRequest, engagement: str) -> HttpResponse:
    """The sealed packages of this engagement; drafts and reviews are not shown."""
    here = _engagement(request, engagement)
    _opened(request, here, "packages.package")
    return _show(request, here, "packages", {"packages": packages_of.released(here)[:PAGE]})


@require_GET
def package(request: HttpRequest, engagement: str, package: UUID) -> HttpResponse:
    """One sealed package: its files, how to verify it without this portal, the others, and what this auditor took."""
    here = _engagement(request, engagement)
    row = _released(here, package)
    _opened(request, here, "packages.package", row)
    proof_url = reverse("auditor:package_proof", args=[request.organization.slug, here.ref, row.pk])  # type: ignore[attr-defined]
    taken = ledger.Filters(kind="package.downloaded", person_id=request.actor.person_id, object_ref=row.ref)  # type: ignore[attr-defined]
    return _show(request, here, "package", {
        "package": row,
        "forms": delivery.forms_of(row),
        "signature": signatures.of(row),
        "volumes": list(row.volumes.all()),
        "packages": packages_of.released(here)[:PAGE],
        "taken": ledger.events(here.organization_id, taken, limit=5).facts,
        **verifying.context(here.organization_id, proof_url),
    })  # fmt: skip


@require_GET
def package_proof(request: HttpRequest, engagement: str, package: UUID) -> HttpResponseBase:
    """The ledger's proof of the PDF's SHA-256, to keep beside it."""
    row = _released(_engagement(request, engagement), package)
    text = delivery.proof(row.recorded_by_event).encode()
    return package_pages.attachment([text], f"{row.filename}.tlog-proof", "text/plain; charset=utf-8", len(text))


def _released(here: Engagement, package: UUID) -> Package:
    row = packages_of.released(here).select_related("pdf", "made", "manifest", "snapshot").filter(pk=package).first()
    if row is None:
        raise NotFound("There is no such package in this engagement.")
    return row


@require_GET
def package_file(request: HttpRequest, engagement: str, package: UUID) -> HttpResponseBase:
    """The sealed PDF as an attachment; the download is an event before the first byte goes out."""
    here = _engagement(request, engagement)
    row = _released(here, package)
    pieces = package_files.pdf_bytes(row)
    with keeping_record(request):
        package_files.note_download(row, actor=request.actor)  # type: ignore[attr-defined]
    return package_pages.attachment(pieces, row.filename, "application/pdf", row.size)


@require_GET
def package_form(request: HttpRequest, engagement: str, package: UUID, path: str) -> HttpResponseBase:
    """One of the other forms of a sealed package."""
    row = _released(_engagement(request, engagement), package)
    taken, pieces = delivery.form(row, path)
    with keeping_record(request):
        package_files.note_download(row, actor=request.actor, form=path)  # type: ignore[attr-defined]
    return package_pages.attachment(pieces, taken.filename, taken.form.media_type, taken.size)


@require_GET
def package_volume(request: HttpRequest, engagement: str, package: UUID, number: int) -> HttpResponseBase:
    """A volume of the exhibits of a sealed package."""
    row = _released(_engagement(request, engagement), package)
    taken, pieces = delivery.volume(row, number)
    with keeping_record(request):
        package_files.note_download(row, actor=request.actor, form=taken.filename)  # type: ignore[attr-defined]
    return package_pages.attachment(pieces, taken.filename, "application/pdf", taken.size)


@require_GET
def package_everything(request: HttpRequest, engagement: str, package: UUID) -> HttpResponseBase:
    """A sealed package as one archive: PDF, proof, forms, and the originals that are open to this auditor."""
    row = _released(_engagement(request, engagement), package)
    whole = delivery.everything(row)
    with keeping_record(request):
        package_files.note_download(row, actor=request.actor, form="zip")  # type: ignore[attr-defined]
    return package_pages.attachment(whole.pieces, whole.filename, "application/zip")


@require_GET
def history(request: HttpRequest, engagement: str) -> HttpResponse:
    """How far the organization's history is signed, and what happened to this engagement."""
    here = _engagement(request, engagement)
    _opened(request, here, "ledger")
    return _show(request, here, "history", {
        "standing": ledger.standing(here.organization_id),
        "timeline": _timeline(
            (fact for fact in ledger.history("engagements.engagement", here.pk) if fact.kind != "engagement.opened"),
            request.organization.slug,
        ),
    })  # fmt: skip


@require_GET
def opened(request: HttpRequest, engagement: str) -> HttpResponse:
    """What this auditor opened; the company sees the same list."""
    here = _engagement(request, engagement)
    filters = ledger.Filters(person_id=request.actor.person_id)  # type: ignore[attr-defined]
    page = ledger.events(here.organization_id, filters, after=request.GET.get("after", ""))
    opened_things = [{"fact": fact, "what": _said(fact)} for fact in page.facts]
    return _show(request, here, "opened", {"opened": opened_things, "next": page.next, "now": clock.now()})


def _said(fact: ledger.Fact) -> str:
    if fact.kind != "engagement.opened":
        sentence = fact.sentence.format(actor="", subject=fact.object_ref).strip()
        return sentence[:1].upper() + sentence[1:]
    place = PLACES.get(fact.data.get("object_type", ""), "A page")
    ref = fact.data.get("ref")
    return f"{place}: {ref}" if ref else place


urlpatterns = [
    path("audit/", start, name="start"),
    path("audit/<str:engagement>/", home, name="home"),
    path("audit/<str:engagement>/controls", controls, name="controls"),
    path("audit/<str:engagement>/findings", findings, name="findings"),
    path("audit/<str:engagement>/findings/<str:ref>", finding, name="finding"),
    path("audit/<str:engagement>/evidence", evidence, name="evidence"),
    path("audit/<str:engagement>/evidence/<str:ref>", artifact, name="artifact"),
    path("audit/<str:engagement>/evidence/<str:ref>/page/<int:page>", picture, name="picture"),
    path("audit/<str:engagement>/evidence/<str:ref>/download", download, name="download"),
    path("audit/<str:engagement>/evidence/<str:ref>/custody", artifact_custody, name="custody"),
    path("audit/<str:engagement>/evidence/<str:ref>/custody.pdf", custody_report, name="custody_report"),
    path("audit/<str:engagement>/packages", packages, name="packages"),
    path("audit/<str:engagement>/packages/<uuid:package>", package, name="package"),
    path("audit/<str:engagement>/packages/<uuid:package>/file", package_file, name="package_file"),
    path("audit/<str:engagement>/packages/<uuid:package>/proof", package_proof, name="package_proof"),
    path(
        "audit/<str:engagement>/packages/<uuid:package>/everything.zip", package_everything, name="package_everything"
    ),
    path("audit/<str:engagement>/packages/<uuid:package>/forms/<str:path>", package_form, name="package_form"),
    path("audit/<str:engagement>/packages/<uuid:package>/volumes/<int:number>", package_volume, name="package_volume"),
    path("audit/<str:engagement>/history", history, name="history"),
    path("audit/<str:engagement>/opened", opened, name="opened"),
]
