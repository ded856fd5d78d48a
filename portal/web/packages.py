"""Packages: the list, a new one, one with its progress, contents, integrity and seal, and the files to take away."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence.actors import Actor
from evidence.errors import Invalid, WrongState
from evidence.ledger import queries as ledger
from portal.accounts import proofs
from portal.accounts import services as accounts
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.engagements import queries as engagements
from portal.packages import delivery, outlines, queries, services
from portal.packages.links import queries as links
from portal.packages.links.models import Release
from portal.packages.models import Package
from portal.packages.signing import queries as signatures
from portal.web import history, verifying
from portal.web.components import ApprovalPanel, Candidate, DecisionLine, OwnAct, Slice
from portal.web.package_work import shown_state, work_of
from portal.web.planning import NextForm, PlanForm, carried, grouped

app_name = "packages"
PAGE = 50


@require_GET
@needs("packages.view")
def packages(request: HttpRequest) -> HttpResponse:
    rows = queries.packages(request.actor)  # type: ignore[attr-defined]
    number, _, issue = request.GET.get("before", "").partition(".")
    if number.isdecimal() and issue.isdecimal():
        rows = rows.filter(Q(number__lt=int(number)) | Q(number=int(number), issue__lt=int(issue)))
    page = list(rows.select_related("release")[: PAGE + 1])
    shown, keys = page[:PAGE], [row.pk for row in page[:PAGE]]
    taken, open_links = links.downloads(keys), links.open_links(keys)
    more = f"?before={shown[-1].number}.{shown[-1].issue}" if len(page) > PAGE else ""
    context = {
        "packages": [
            {
                "row": row,
                "state": shown_state(row),
                "work": work_of(row),
                "taken": taken[row.pk],
                "links": open_links.get(row.pk, 0),
            }
            for row in shown
        ],
        "page": Slice(len(shown), None, more, "shown"),
        "may_build": request.actor.may("packages.build"),  # type: ignore[attr-defined]
    }
    return render(request, "packages/list.html", context)


@require_http_methods(["GET", "POST"])
@needs("packages.build")
def new(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    key = request.POST.get("template") or request.GET.get("template", "")
    outline = outlines.BY_KEY.get(key, outlines.FULL)
    data = _with_template(request.POST, outline.key) if request.method == "POST" else None
    initial = {name: request.GET[name] for name in ("engagement", "finding") if name in request.GET}
    form = PlanForm(data, organization_id=actor.organization_id, outline=outline, initial=initial)
    if data is not None and form.is_valid() and (made := _planned(form, actor)):
        return _to(request, made)
    context = {
        "form": form,
        "outline": outline,
        "groups": grouped(),
        "carried": carried(outline),
        "may_manage": actor.may("engagements.manage"),
    }
    return render(request, "packages/new.html", context, status=422 if form.errors else 200)


def _with_template(given: QueryDict, key: str) -> QueryDict:
    """What was sent, with the template that the page was opened for when the form named none."""
    data = given.copy()
    data["template"] = key
    return data


def _planned(form: PlanForm, actor: Actor) -> Package | None:
    """The package that was started; None when the template lacks something, which the form says then."""
    facts = form.cleaned_data
    try:
        return services.build(
            facts["engagement"].pk, actor=actor, title=facts["title"], paper=facts["paper"],
            with_restricted=facts["with_restricted"], template=form.outline.key, wishes=form.wishes(),
        )  # fmt: skip
    except Invalid as refusal:
        _say(form, refusal)
        return None


def _say(form: PlanForm, refusal: Invalid) -> None:
    for name, words in refusal.fields.items():
        form.add_error(name if name in form.fields and name != "template" else None, list(words))


@require_GET
@needs("packages.view")
def detail(request: HttpRequest, package: UUID) -> HttpResponse:
    """The whole page, or for htmx its moving part; once the job is over the page is loaded anew, whatever it came to."""
    row = queries.find(request.actor, package)  # type: ignore[attr-defined]
    if not request.headers.get("HX-Request"):
        return render(request, "packages/detail.html", _page(request, row))
    if row.job is None or row.job.is_over:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "packages/_work.html", _work(request, row))


def _work(request: HttpRequest, row: Package) -> dict[str, Any]:
    actor, job = request.actor, row.job  # type: ignore[attr-defined]
    may_cancel = job is not None and (job.created_by_id == actor.person_id or actor.may("settings.manage"))
    return {"package": row, "job": job, "work": work_of(row), "may_cancel": may_cancel}


def _page(request: HttpRequest, row: Package) -> dict[str, Any]:
    actor = request.actor  # type: ignore[attr-defined]
    running = row.job is not None and not row.job.is_over
    may_build = actor.may("packages.build")
    release = Release.objects.filter(package=row).select_related("released_by").first()
    issues = list(Package.objects.filter(organization_id=row.organization_id, number=row.number).order_by("-issue"))
    return {
        **_work(request, row),
        "state": shown_state(row),
        "running": running,
        "panel": _panel(request, row),
        "forms": delivery.forms_of(row) if row.is_built else [],
        "volumes": list(row.volumes.all()),
        "may_rebuild": may_build and row.state == "draft" and not running,
        "may_submit": may_build and row.state == "draft" and row.is_built and not running,
        "may_seal_again": row.state == "in_review" and row.approved_by_id is not None and not running and may_build,
        "may_supersede": may_build and row.state == "sealed",
        "may_release": row.is_final and release is None and actor.may("engagements.release"),
        "readers": engagements.readers(row.engagement),
        "release": release,
        "links": links.open_links([row.pk]).get(row.pk, 0),
        "taken": links.downloads([row.pk])[row.pk],
        "signature": signatures.of(row),
        **verifying.context(row.organization_id, reverse("packages:proof", args=[request.organization.slug, row.pk])),  # type: ignore[attr-defined]
        "history": history.entries(
            ledger.history("packages.package", row.pk),
            request.organization.slug,  # type: ignore[attr-defined]
        ),
        "issues": issues,
        "newest": next((one for one in issues if one.state == "sealed"), None),
    }


def _panel(request: HttpRequest, row: Package) -> ApprovalPanel | None:
    actor = request.actor  # type: ignore[attr-defined]
    asked = queries.sealing(row, actor)
    if asked is None:
        return None
    position = asked.position
    return ApprovalPanel(
        title="Approval of the seal",
        needed=asked.request.needed,
        given=sum(decision.verdict == "approve" for decision in position.decisions),
        decisions=[
            DecisionLine(
                who=decision.by,
                state=decision.verdict,
                at=decision.at,
                note=decision.department,
                reason=decision.reason,
            )
            for decision in position.decisions
        ],
        blocked=not position.may,
        heading="You cannot seal this package",
        sentence=" ".join(position.sentences),
        rule=position.rule,
        acts=[OwnAct(act) for act in position.acts],
        candidates=[
            *(Candidate(str(one.person_id), one.name, "free", one.department) for one in position.eligible),
            *(Candidate(str(one.person_id), one.name, "ineligible", one.reason) for one in position.blocked),
        ],
        decide_url=reverse("packages:decide", args=[request.organization.slug, row.pk]),  # type: ignore[attr-defined]
        content_sha256=asked.request.content_sha256,
        content_url=reverse("packages:file", args=[request.organization.slug, row.pk]),  # type: ignore[attr-defined]
        expires_at=asked.request.expires_at,
        needs_password=not proofs.fresh_kind(request.session),
    )


@require_POST
@needs("packages.approve")
def decide(request: HttpRequest, package: UUID) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    if any(request.POST.get(name) for name in ("password", "code", "passkey")):
        actor = accounts.reauthenticate(request, request.POST.get("password", ""))
    row = queries.find(actor, package)
    reason = request.POST.get("reason", "")
    if request.POST.get("verdict") == "reject":
        services.send_back(row.pk, actor=actor, reason=reason)
        messages.success(request, "The package went back to its preparer as a draft.")
    else:
        services.seal(row.pk, actor=actor, reason=reason)
        messages.success(request, "Approved. The sealed file is being printed.")
    return _to(request, row)


@require_POST
@needs("packages.build")
def rebuild(request: HttpRequest, package: UUID) -> HttpResponse:
    return _to(request, services.rebuild(package, actor=request.actor))  # type: ignore[attr-defined]


@require_POST
@needs("packages.build")
def submit(request: HttpRequest, package: UUID) -> HttpResponse:
    row = queries.find(request.actor, package)  # type: ignore[attr-defined]
    services.submit_for_review(row.pk, actor=request.actor, reason=request.POST.get("reason", ""))  # type: ignore[attr-defined]
    messages.success(request, "The package waits for somebody else's approval.")
    return _to(request, row)


@require_POST
@needs("packages.build")
def seal_again(request: HttpRequest, package: UUID) -> HttpResponse:
    return _to(request, services.seal_again(package, actor=request.actor))  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@needs("packages.build")
def supersede(request: HttpRequest, package: UUID) -> HttpResponse:
    """The next issue: with the choices of this one, or, from the form that shows them, with what it says."""
    row = queries.find(request.actor, package)  # type: ignore[attr-defined]
    if request.method == "POST" and "planned" not in request.POST:
        change = request.POST.get("change", "")
        return _to(request, services.supersede(row.pk, actor=request.actor, change=change))  # type: ignore[attr-defined]
    if not row.is_final:
        raise WrongState("Only a sealed package gets a new issue; build the draft again instead.")
    form = NextForm(request.POST or None, package=row)
    if form.is_valid() and (made := _next(form, row, request.actor)):  # type: ignore[attr-defined]
        return _to(request, made)
    context = {"form": form, "package": row, "outline": form.outline}
    return render(request, "packages/next.html", context, status=422 if form.errors else 200)


def _next(form: NextForm, row: Package, actor: Actor) -> Package | None:
    """The issue that was started; None when the template lacks something, which the form says then."""
    facts = form.cleaned_data
    given = {name: facts[name] for name in ("change", "title", "paper", "with_restricted")}
    try:
        return services.supersede(row.pk, actor=actor, wishes=form.wishes(), **given)
    except Invalid as refusal:
        _say(form, refusal)
        return None


@require_GET
@outside_transaction
def file(request: HttpRequest, package: UUID) -> StreamingHttpResponse:
    """The PDF as an attachment; the download is an event before the first byte goes out."""
    with inside(request):
        request.actor.require("packages.view")  # type: ignore[attr-defined]
        row = queries.find(request.actor, package)  # type: ignore[attr-defined]
        pieces = services.pdf_bytes(row)
        services.note_download(row, actor=request.actor)  # type: ignore[attr-defined]
    return attachment(pieces, row.filename, "application/pdf", row.size)


@require_GET
@needs("packages.view")
def proof(request: HttpRequest, package: UUID) -> HttpResponse:
    """The ledger's proof of the PDF's SHA-256, to keep beside it."""
    row = queries.find(request.actor, package)  # type: ignore[attr-defined]
    text = delivery.proof(row.recorded_by_event)
    return attachment([text.encode()], f"{row.filename}.tlog-proof", "text/plain; charset=utf-8", len(text.encode()))


@require_GET
@outside_transaction
def form(request: HttpRequest, package: UUID, path: str) -> StreamingHttpResponse:
    """One of the other forms, as the manifest names it; the download is an event before the first byte goes out."""
    with inside(request):
        request.actor.require("packages.view")  # type: ignore[attr-defined]
        row = queries.find(request.actor, package)  # type: ignore[attr-defined]
        taken, pieces = delivery.form(row, path)
        services.note_download(row, actor=request.actor, form=path)  # type: ignore[attr-defined]
    return attachment(pieces, taken.filename, taken.form.media_type, taken.size)


@require_GET
@outside_transaction
def volume(request: HttpRequest, package: UUID, number: int) -> StreamingHttpResponse:
    """A volume of the exhibits as an attachment; the download is an event before the first byte goes out."""
    with inside(request):
        request.actor.require("packages.view")  # type: ignore[attr-defined]
        row = queries.find(request.actor, package)  # type: ignore[attr-defined]
        taken, pieces = delivery.volume(row, number)
        services.note_download(row, actor=request.actor, form=taken.filename)  # type: ignore[attr-defined]
    return attachment(pieces, taken.filename, "application/pdf", taken.size)


@require_GET
@outside_transaction
def everything(request: HttpRequest, package: UUID) -> StreamingHttpResponse:
    """PDF, proof, forms and originals as one archive, made while it goes out."""
    with inside(request):
        request.actor.require("packages.view")  # type: ignore[attr-defined]
        row = queries.find(request.actor, package)  # type: ignore[attr-defined]
        whole = delivery.everything(row)
        services.note_download(row, actor=request.actor, form="zip")  # type: ignore[attr-defined]
    return attachment(whole.pieces, whole.filename, "application/zip")


def attachment(pieces: Any, name: str, kind: str, size: int | None = None) -> StreamingHttpResponse:
    """Bytes to keep, never to show: attachment, nosniff, sandboxed."""
    answer = StreamingHttpResponse(pieces, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    if size is not None:
        answer["Content-Length"] = str(size)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


def _to(request: HttpRequest, row: Package) -> HttpResponse:
    return redirect("packages:detail", organization=request.organization.slug, package=row.pk)  # type: ignore[attr-defined]


urlpatterns = [
    path("packages", packages, name="list"),
    path("packages/new", new, name="new"),
    path("packages/<uuid:package>", detail, name="detail"),
    path("packages/<uuid:package>/file", file, name="file"),
    path("packages/<uuid:package>/proof", proof, name="proof"),
    path("packages/<uuid:package>/everything.zip", everything, name="everything"),
    path("packages/<uuid:package>/forms/<str:path>", form, name="form"),
    path("packages/<uuid:package>/volumes/<int:number>", volume, name="volume"),
    path("packages/<uuid:package>/rebuild", rebuild, name="rebuild"),
    path("packages/<uuid:package>/submit", submit, name="submit"),
    path("packages/<uuid:package>/decide", decide, name="decide"),
    path("packages/<uuid:package>/seal-again", seal_again, name="seal_again"),
    path("packages/<uuid:package>/supersede", supersede, name="supersede"),
]
