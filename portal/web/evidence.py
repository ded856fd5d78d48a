"""Evidence: the list, the upload page, one artifact with its custody and preview, its judgement, its download."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence import clock, crashing, previews
from evidence.artifacts import custody as chain_of_custody
from evidence.artifacts import facts, holding, queries
from evidence.artifacts import redaction as redactions
from evidence.artifacts import services as artifacts
from evidence.artifacts.flags import Period, flags_of
from evidence.artifacts.models import Artifact, ArtifactLink, ArtifactVersion, Method, ScanState, State
from evidence.controls import queries as controls
from evidence.controls.models import EvidenceKind
from evidence.errors import Invalid, Refused
from evidence.intake.services import Received
from evidence.previews import pictures, texts
from evidence.retention import services as keeping
from evidence.retention.models import RetentionClass
from evidence.uploads import services as incoming
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.engagements.models import Engagement
from portal.engagements.models import State as Engagements
from portal.jobs import looks as jobs
from portal.web import custody, downloads, evidence_looks, redaction, retention, uploads, vault
from portal.web.components import Filter, Slice
from portal.web.shell import named
from remediation.findings.models import Finding
from remediation.tasks import services as tasks
from remediation.tasks.models import Task

app_name = "evidence"

AGES = [("yes", "Stale")]
PLACES = {
    "controls.control": ("shield-check", "Control", "controls:detail"),
    "findings.finding": ("flag", "Finding", "findings:detail"),
    "tasks.task": ("list-checks", "Task", "tasks:detail"),
    "monitoring.run": ("calendar-check", "Control run", ""),
}


_WRITTEN = frozenset({"control_total", "query_reviewed_by"})


def _ipe_field(name: str, words: str) -> forms.Field:
    if name in _WRITTEN:
        return forms.CharField(label=words, required=False, max_length=facts.SHORT_LIMIT)
    answers = [("", "Not stated"), ("yes", "Yes"), ("no", "No")]
    return forms.ChoiceField(label=words, required=False, choices=answers)


class UploadForm(forms.Form):
    """What is stated about files; the files themselves are received past it."""

    title = forms.CharField(
        max_length=facts.TITLE_LIMIT, required=False, help_text="What it shows. Left empty, the file's name."
    )
    kind = forms.ChoiceField(choices=EvidenceKind.choices, initial=EvidenceKind.REPORT)
    period_from = forms.DateField(label="Covers from", required=False, widget=forms.DateInput({"type": "date"}))
    period_to = forms.DateField(label="to", required=False, widget=forms.DateInput({"type": "date"}))
    as_of = forms.DateTimeField(
        label="Or true at this moment (UTC)", required=False, widget=forms.DateTimeInput({"type": "datetime-local"})
    )
    source_system = forms.CharField(label="System", max_length=facts.SHORT_LIMIT, required=False)
    is_production = forms.ChoiceField(
        label="Production system", required=False, choices=[("", "Not stated"), ("yes", "Yes"), ("no", "No")]
    )
    method = forms.ChoiceField(label="How it was produced", choices=Method.choices, initial=Method.EXPORT)
    query = forms.CharField(
        label="Query or steps",
        required=False,
        widget=forms.Textarea({"rows": 3, "class": "mono"}),
        help_text="Lets the auditor repeat it. This proves completeness.",
    )
    row_count = forms.IntegerField(label="Rows", required=False, min_value=0)
    control = forms.CharField(
        label="Control",
        required=False,
        max_length=16,
        widget=forms.TextInput({"list": "controls", "placeholder": "AC-01"}),
    )
    retention_class = forms.ChoiceField(
        label="Keep it as", required=False, choices=[("", "Worked out from its use"), *RetentionClass.choices]
    )
    note = forms.CharField(label="What is new in this version", required=False, max_length=facts.SHORT_LIMIT)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in facts.IPE_QUESTIONS.items():
            self.fields[name] = _ipe_field(name, words)

    @property
    def ipe(self) -> list[forms.BoundField]:
        """The questions on completeness and accuracy (PRACTICE.md section 5)."""
        return [self[name] for name in facts.IPE_QUESTIONS]


@require_GET
@needs("evidence.view")
def evidence(request: HttpRequest) -> HttpResponse:
    """Evidence, newest first, fifty at a time; every state of the list is a URL."""
    filters = queries.filters_from(request.GET.dict())
    page = queries.evidence(filters)
    more = ""
    if page.next_before is not None:
        params = request.GET.copy()
        params["after"] = str(page.next_before)
        more = f"?{params.urlencode()}"
    today = clock.now().date()
    refs = controls.controls().values_list("ref", "title")
    rows = [
        {
            "artifact": row,
            "links": [_place(request, link) for link in _distinct(row)],
            "is_stale": bool(row.fresh_until and row.fresh_until < today),
            "alarm": _alarm(row),
        }
        for row in page.rows
    ]
    return render(
        request,
        "evidence/list.html",
        {
            "rows": rows,
            "page": Slice(len(rows), None, more, "shown"),
            "filters": [
                Filter("state", "State", State.choices),
                Filter("kind", "Kind", EvidenceKind.choices),
                Filter("stale", "Age", AGES),
                Filter("control", "Control", [(ref, f"{ref} {title}") for ref, title in refs]),
            ],
            "is_filtered": any(
                request.GET.get(name) for name in ("state", "kind", "stale", "control", "q", "from", "to")
            ),
            "may_upload": _may(request, "evidence.upload"),
        },
    )


@csrf_exempt  # checked below, once the body's files go into the vault instead of temporary files
@outside_transaction
@require_http_methods(["GET", "POST"])
@needs("evidence.upload")
def upload(request: HttpRequest) -> HttpResponseBase:
    """The page, and its two ways in: one raw file from the page's script, or a plain form with several."""
    if request.method == "GET":
        with inside(request):
            return _upload_page(request, UploadForm(initial=_initial(request.GET)))
    return _upload_form(request) if uploads.is_form(request) else _upload_raw(request)


def _upload_raw(request: HttpRequest) -> HttpResponseBase:
    if (forged := _forged(request)) is not None:
        return forged
    values = uploads.stated(request)
    name = uploads.first(values, "filename")
    about = uploads.facts_from(values)
    received = uploads.receive_raw(request, filename=name)
    try:
        with inside(request):
            artifact = keep(request.actor, received, values, about=about)  # type: ignore[attr-defined]
    except Refused as refusal:
        uploads.discarding([received], refusal)
        raise
    crashing.point("upload.committed")
    return _stored(request, artifact)


def _upload_form(request: HttpRequest) -> HttpResponseBase:
    handler = uploads.sealing_form(request)
    try:
        forged = _forged(request)
        files = [file for field in request.FILES for file in request.FILES.getlist(field)]
        handler.refuse_incomplete()
    except BaseException:
        handler.abandon()
        raise
    if forged is not None:
        handler.abandon()
        return forged
    form = UploadForm(request.POST)
    try:
        if not form.is_valid():
            raise Invalid("The evidence was not recorded; some fields don't fit.")
        if not files:
            raise Invalid("Choose a file first.", fields={"file": ["No file was chosen."]})
        about = uploads.facts_from(request.POST)
        digest = request.POST.get("client_sha256", "") if len(files) == 1 else ""
        received = [uploads.examined(file, expected=digest) for file in files]
        with inside(request):
            kept = [keep(request.actor, one, request.POST, about=about) for one in received]  # type: ignore[attr-defined]
            if not _by_script(request):
                messages.success(request, _thanks(kept))
    except Invalid as refusal:
        handler.abandon()
        if _by_script(request):
            raise
        for field, words in (refusal.fields or {"": [refusal.message]}).items():
            form.add_error(field if field in form.fields else None, words)
        with inside(request):
            return _upload_page(request, form, status=422)
    except Refused:
        handler.abandon()
        raise
    crashing.point("upload.committed")
    if _by_script(request):
        return _stored(request, kept[0])
    if len(kept) == 1:
        return redirect(address(request, kept[0]))
    return redirect("evidence:list", organization=request.organization.slug)  # type: ignore[attr-defined]


def _by_script(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _stored(request: HttpRequest, artifact: Artifact) -> JsonResponse:
    url = address(request, artifact)
    return JsonResponse({**brief(artifact), "url": url}, status=201, headers={"Location": url})


def keep(actor: Any, received: Received, values: uploads.Values, *, about: facts.VersionFacts) -> Artifact:
    """Record one stored file as new evidence, or as a version of what `artifact` names, and link it."""
    ref = uploads.first(values, "artifact")
    if ref:
        found = queries.artifact(ref)
        version = uploads.first(values, "version")
        expected = int(version) if version.isdigit() else found.version
        artifact = artifacts.add_version(found.pk, received, version=expected, actor=actor, about=about)
    else:
        title = uploads.first(values, "title") or received.filename[: facts.TITLE_LIMIT]
        kind = uploads.first(values, "kind") or EvidenceKind.REPORT
        artifact = artifacts.add(received, title=title, kind=kind, actor=actor, about=about)
        if chosen := uploads.first(values, "retention_class"):
            keeping.choose(artifact.pk, retention_class=chosen, actor=actor)
    for control in uploads.several(values, "control"):
        artifacts.link_control(artifact.pk, control, actor=actor)
    _attach(artifact, values, actor)
    kept = queries.artifact(artifact.pk)
    if kept.latest is not None:
        jobs.enqueue_for(kept.latest, actor=actor)
    crashing.point("upload.recorded")
    return kept


def _alarm(artifact: Artifact) -> tuple[str, str] | None:
    """The one thing about the latest version that somebody has to see in a list."""
    latest = artifact.latest
    if latest is None:
        return None
    if latest.scan_state in (ScanState.INFECTED, ScanState.WAITING, ScanState.UNSCANNABLE):
        return "scan", latest.scan_state
    return ("personal", latest.personal.outcome) if latest.personal and latest.is_held else None


def _attach(artifact: Artifact, values: uploads.Values, actor: Any) -> None:
    """Give it as evidence of a fix: remediation links it and keeps the uploader's hand."""
    for ref in uploads.several(values, "finding"):
        finding = Finding.objects.filter(ref=ref.upper()).first()
        if finding is None:
            raise Invalid(f"There is no finding {ref} here.", fields={"finding": ["Unknown."]})
        tasks.attach_evidence(artifact.pk, finding_id=finding.pk, actor=actor)
    for ref in uploads.several(values, "task"):
        task = task_named(ref)
        owed = [row.pk for row in task.owed.all() if str(row.pk) in uploads.several(values, "owed")]
        for owed_id in owed or [None]:
            tasks.attach_evidence(artifact.pk, task_id=task.pk, owed_id=owed_id, actor=actor)


def task_named(ref: str) -> Task:
    found = Task.objects.select_related("finding").prefetch_related("owed").filter(ref=ref.strip().upper()).first()
    if found is None:
        raise Invalid(f"There is no task {ref} here.", fields={"task": ["Unknown."]})
    return found


def brief(artifact: Artifact) -> dict[str, Any]:
    """What an uploader needs to know at once."""
    latest = artifact.latest
    hold = holding.hold_of(latest) if latest else None
    return {
        "ref": artifact.ref,
        "number": latest.number if latest else 0,
        "title": artifact.title,
        "state": artifact.state,
        "sha256": latest.sha256 if latest else "",
        "size": latest.size if latest else 0,
        "type": latest.mime if latest else "",
        "scan": latest.scan_state if latest else "",
        "held": [place.sentence for place in hold.places] if hold else [],
        "is_held": hold is not None,
        "notes": [note["sentence"] for note in (latest.intake_notes if latest else [])],
    }


def address(request: HttpRequest, artifact: Artifact) -> str:
    return reverse("evidence:artifact", args=[request.organization.slug, artifact.ref])  # type: ignore[attr-defined]


@require_GET
@needs("evidence.view")
def artifact(request: HttpRequest, ref: str, number: int | None = None) -> HttpResponse:
    """One artifact: facts, period, versions, integrity, custody and where it is used."""
    found = queries.artifact(ref)
    version = queries.version(ref, number) if number else found.latest
    is_erased = version is not None and version.blob.erased_at is not None
    kind = previews.kind_of(version.mime) if version and not is_erased else previews.Kind.NONE
    reviews = list(found.reviews.all())
    examined = _examination()
    kept = retention.card(request, found)
    return render(
        request,
        "evidence/artifact.html",
        {
            "artifact": found,
            "version": version,
            "is_erased": is_erased,
            "is_latest": version is not None and version.pk == found.latest_id,
            "flags": flags_of(found, version, period=examined) if version else [],
            "questions": _questions(version),
            "versions": [
                (row, "disposed" if row.number in kept["erased"] else _judged(row, reviews))
                for row in found.versions.all()
            ],
            "used_by": [_place(request, link) for link in _distinct(found)] + _packages(request, found),
            "period": _period(version, examined),
            "custody": custody.short(found, custody.reader_of(request)),
            "returned": next((row for row in reviews if row.verdict == "returned"), None),
            "has_preview": kind is not previews.Kind.NONE,
            "checked": vault.state_of(version.blob_id) if version else None,
            "is_picture": kind in (previews.Kind.IMAGE, previews.Kind.PDF),
            "may": {
                "download": _may(request, "evidence.download") and not is_erased,
                "upload": _may(request, "evidence.upload") and found.state != State.DISPOSED,
                "review": _may(request, "evidence.review") and found.state != State.DISPOSED,
                "redact": _may(request, "evidence.redact"),
            },
            "redactions": redactions.redactions(found),
            "keeping": kept,
            "states": State,
            **evidence_looks.context(request, found, version),
        },
    )


@require_POST
@needs("evidence.review")
def review(request: HttpRequest, ref: str) -> HttpResponse:
    """Accept, return with words, or release from quarantine."""
    found = queries.artifact(ref)
    verdict, reason = request.POST.get("verdict", ""), request.POST.get("reason", "")
    number = _number(request.POST.get("number", ""))
    judge = {"accepted": artifacts.accept, "returned": artifacts.give_back, "released": artifacts.release}.get(verdict)
    if judge is None:
        raise Invalid("Choose to accept, return or release.", fields={"verdict": ["Unknown."]})
    judge(found.pk, number=number, actor=request.actor, reason=reason)  # type: ignore[attr-defined, operator]
    messages.success(request, f"{found.ref}, version {number}: {State(queries.artifact(ref).state).label.lower()}.")
    return redirect("evidence:artifact", organization=request.organization.slug, ref=ref)  # type: ignore[attr-defined]


@require_POST
@needs("evidence.upload")
def link(request: HttpRequest, ref: str) -> HttpResponse:
    """Link to a control."""
    artifacts.link_control(queries.artifact(ref).pk, request.POST.get("control", ""), actor=request.actor)  # type: ignore[attr-defined]
    return redirect("evidence:artifact", organization=request.organization.slug, ref=ref)  # type: ignore[attr-defined]


@require_POST
@needs("evidence.view")
def verify(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """Read and hash the stored bytes now."""
    version = queries.version(ref, number)
    if artifacts.verify(version.pk, actor=request.actor):  # type: ignore[attr-defined]
        messages.success(request, f"The stored bytes of {ref}, version {number}, have the SHA-256 on record.")
    else:
        messages.error(
            request, f"The stored bytes of {ref}, version {number}, are not those on record. Tell your administrator."
        )
    return redirect("evidence:version", organization=request.organization.slug, ref=ref, number=number)  # type: ignore[attr-defined]


@require_GET
@needs("evidence.download")
def download(request: HttpRequest, ref: str, number: int) -> HttpResponseBase:
    """The original file, as an attachment."""
    version = downloads.record(request, queries.version(ref, number).pk, reason=request.GET.get("reason", "")[:500])
    return downloads.serve(request, version)


@require_GET
@needs("evidence.view")
def preview(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """What can be shown of the file: its beginning as text, or links to its drawn pages."""
    version = queries.version(ref, number)
    evidence_looks.refuse_withheld(request, version)
    kind = previews.kind_of(version.mime)
    context: dict[str, Any] = {"artifact": version.artifact, "version": version, "kind": kind.value}
    if kind in (previews.Kind.IMAGE, previews.Kind.PDF):
        context["page"] = max(1, min(pictures.MAX_PAGE, _number(request.GET.get("page", ""), 1)))
        context["is_leafed"] = version.mime == "image/tiff"
    elif kind is not previews.Kind.NONE:
        version = artifacts.record_view(version.pk, actor=request.actor)  # type: ignore[attr-defined]
        shown = texts.shown(version.blob, kind, sheet=_number(request.GET.get("sheet", ""), 1))
        context |= {"shown": shown, "sheet_urls": _sheets(request, shown)}
    fragment = request.headers.get("HX-Request") == "true"
    response = render(request, "evidence/_preview.html" if fragment else "evidence/preview.html", context)
    response["Cache-Control"] = "private, no-store"
    response["Vary"] = "HX-Request"
    return response


def _sheets(request: HttpRequest, shown: texts.Shown) -> list[tuple[str, str, bool, bool]]:
    """Address, name, hidden, current of each sheet of a workbook."""
    return [
        (f"{request.path}?sheet={number}", name or f"Sheet {number}", is_hidden, number == shown.sheet)
        for number, (name, is_hidden) in enumerate(shown.sheets, 1)
    ]


@require_GET
@needs("evidence.view")
def picture(request: HttpRequest, ref: str, number: int, page: int) -> HttpResponseBase:
    """One page as PNG, drawn by us."""
    version = queries.version(ref, number)
    kind = previews.kind_of(version.mime)
    if kind not in (previews.Kind.IMAGE, previews.Kind.PDF):
        raise pictures.NoPicture("Files of this kind have no pages to show.")
    version = artifacts.record_view(version.pk, actor=request.actor, page=page)  # type: ignore[attr-defined]
    drawn = pictures.drawn(version.blob, kind, page)
    return downloads.private(HttpResponse(drawn.png, content_type="image/png"))


def _nobody(request: HttpRequest) -> HttpResponse:
    raise AssertionError("only stands in for a view that needs its token")


def _forged(request: HttpRequest) -> HttpResponse | None:
    """Django's answer to a request without its CSRF token, or None."""
    return CsrfViewMiddleware(_nobody).process_view(request, _nobody, (), {})


def _number(text: str, otherwise: int = 0) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _may(request: HttpRequest, permission: str) -> bool:
    return bool(request.actor.may(permission))  # type: ignore[attr-defined]


def _initial(given: QueryDict) -> dict[str, str]:
    return {name: given.get(name, "") for name in UploadForm.base_fields if given.get(name)}


def _upload_page(request: HttpRequest, form: UploadForm, status: int = 200) -> HttpResponse:
    given = {**request.GET.dict(), **request.POST.dict()}
    ref, task = given.get("artifact", ""), task_named(given["task"]) if given.get("task") else None
    chosen = uploads.several(request.POST or request.GET, "owed")
    context = {
        "task": task,
        "task_url": named("tasks:detail", organization=request.organization.slug, ref=task.ref) if task else "",  # type: ignore[attr-defined]
        "finding_ref": given.get("finding", "") if task is None else "",
        "owed": [(row, str(row.pk) in chosen) for row in task.owed.all()] if task else [],
        "form": form,
        "limit_bytes": queries.upload_limit_bytes(request.organization.id),  # type: ignore[attr-defined]
        "controls": list(controls.controls().values_list("ref", "title")),
        "of": queries.artifact(ref) if ref else None,
        "unfinished": incoming.under_way(actor=request.actor),  # type: ignore[attr-defined]
    }
    return render(request, "evidence/upload.html", context, status=status)


def _thanks(kept: list[Artifact]) -> str:
    names = ", ".join(one.ref for one in kept)
    quarantined = [one.ref for one in kept if one.state == State.QUARANTINED]
    held = [one.ref for one in kept if one.latest is not None and one.latest.is_held]
    said = f"Received as {names}."
    if quarantined:
        said += f" {', '.join(quarantined)} waits in quarantine for a reviewer."
    if held:
        said += f" {', '.join(held)} may hold personal data: say whether it is kept as it is, or replace it."
    return said


def _questions(version: ArtifactVersion | None) -> list[tuple[str, str]]:
    answers = version.ipe if version else {}
    words = {True: "Yes", False: "No"}
    return [
        (word, words[answers[key]] if isinstance(answers[key], bool) else str(answers[key]))
        for key, word in facts.IPE_QUESTIONS.items()
        if key in answers
    ]


def _distinct(artifact: Artifact) -> Iterable[Any]:
    """One link for each target, the closing one first."""
    best: dict[tuple[str, UUID], Any] = {}
    for row in artifact.links.all():
        key = (row.target_type, row.target_id)
        if key not in best or row.closing:
            best[key] = row
    return best.values()


def _place(request: HttpRequest, link: ArtifactLink) -> dict[str, Any]:
    icon, word, page = PLACES.get(link.target_type, ("link", link.target_type.rpartition(".")[2].capitalize(), ""))
    slug = request.organization.slug  # type: ignore[attr-defined]
    url = named(page, organization=slug, ref=link.target_ref) if page and link.target_ref else ""
    return {"icon": icon, "word": word, "ref": link.target_ref or word, "closing": link.closing, "url": url}


def _packages(request: HttpRequest, artifact: Artifact) -> list[dict[str, Any]]:
    """The sealed packages whose exhibit it is, as its chain of custody names them."""
    slug = request.organization.slug  # type: ignore[attr-defined]
    may = request.actor.may("packages.view")  # type: ignore[attr-defined]
    return [
        {
            "icon": "package-check",
            "word": f"Package, issue {told['issue']}",
            "ref": told["ref"],
            "closing": False,
            "url": named("packages:detail", organization=slug, package=told["id"]) if may else "",
        }
        for told in chain_of_custody.packages(artifact.pk)
    ]


def _judged(version: ArtifactVersion, reviews: list[Any]) -> str:
    """The state of one version: the last judgement of it, else received."""
    verdicts = [row.verdict for row in reviews if row.reviewed_id == version.pk and row.verdict != "released"]
    return verdicts[0] if verdicts else "received"


def _examination() -> Period | None:
    """The period of the audit that is open, which evidence should speak about."""
    found = Engagement.objects.filter(state=Engagements.OPEN).order_by("-period_start").first()
    return Period(found.period_start, found.period_end) if found else None


def _period(version: ArtifactVersion | None, examined: Period | None) -> dict[str, Any] | None:
    """What a bar shows: the days covered, within the examination when there is one, else up to today."""
    if version is None or version.period_from is None or version.period_to is None:
        return None
    first, last = version.period_from, version.period_to
    found = {"parts": [(first, last, "ok")], "first": first, "last": last, "days": (last - first).days + 1}
    if examined is None:
        return {**found, "start": first.replace(day=1), "end": max(last, clock.now().date())}
    inside_days = (min(last, examined.last) - max(first, examined.first)).days + 1
    whole = (examined.last - examined.first).days + 1
    return {**found, "start": examined.first, "end": examined.last, "inside": max(0, inside_days), "of": whole}


urlpatterns = [
    path("evidence/", evidence, name="list"),
    path("evidence/upload", upload, name="upload"),
    path("evidence/<str:ref>", artifact, name="artifact"),
    path("evidence/<str:ref>/v/<int:number>", artifact, name="version"),
    path("evidence/<str:ref>/v/<int:number>/original", download, name="download"),
    path("evidence/<str:ref>/v/<int:number>/preview", preview, name="preview"),
    path("evidence/<str:ref>/v/<int:number>/page/<int:page>.png", picture, name="picture"),
    path("evidence/<str:ref>/v/<int:number>/verify", verify, name="verify"),
    path("evidence/<str:ref>/v/<int:number>/keep", evidence_looks.keep, name="keep"),
    path("evidence/<str:ref>/v/<int:number>/scan", evidence_looks.scan, name="scan"),
    path("evidence/<str:ref>/review", review, name="review"),
    path("evidence/<str:ref>/link", link, name="link"),
    *custody.urlpatterns,
    *redaction.urlpatterns,
]
