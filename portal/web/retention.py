"""Keeping and disposing: what is due, requests to decide, holds, certificates; the class of one artifact."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence import clock
from evidence.artifacts import queries as artifacts
from evidence.artifacts.models import Artifact
from evidence.errors import Invalid, NotFound, Refused
from evidence.ledger import queries as ledger
from evidence.ledger.services import Subject
from evidence.organizations.models import Organization
from evidence.retention import jobs as work
from evidence.retention import queries, services
from evidence.retention.models import Certificate, Disposal, Hold, HoldKind, RetentionClass, Scope
from evidence.retention.services import disposals as disposing
from evidence.retention.services import holds as holding
from portal.accounts.services import reauthenticate
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.engagements.models import Engagement
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.packages import documents, wording
from portal.web import acts, downloads, shell
from portal.web.components import Slice, View
from remediation.findings.models import Finding

app_name = "retention"
LIST_ROWS = 50
VIEWS = (
    ("due", "Due"),
    ("undated", "Without a date"),
    ("requests", "Requests"),
    ("holds", "Holds"),
    ("certificates", "Certificates"),
)


@shell.count("retention")
def to_decide(request: HttpRequest) -> int:
    """Requests this reader may decide on; their own count for others."""
    actor = request.actor  # type: ignore[attr-defined]
    if not actor.may("disposals.decide"):
        return 0
    return queries.waiting(actor.organization_id).exclude(requested_by_id=actor.person_id).count()


class ClassifyForm(forms.Form):
    """The class of one artifact, with the day from which its years run where the file does not say it."""

    retention_class = forms.ChoiceField(label="Class", choices=RetentionClass.choices)
    needed_until = forms.DateField(
        label="Last needed on, or the end of the engagement",
        required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text="Years run from this day where the policy says so.",
    )
    reason = forms.CharField(label="Reason", max_length=2000, widget=forms.Textarea({"rows": 3}))


class DisposeForm(forms.Form):
    """A request to destroy files."""

    numbers = forms.MultipleChoiceField(label="Versions", widget=forms.CheckboxSelectMultiple)
    authority = forms.CharField(
        label="Authority",
        max_length=disposing.AUTHORITY_LIMIT,
        help_text="The policy, law or contract that allows it, for instance 16 CFR 314.4(c)(6).",
    )
    reason = forms.CharField(label="Reason", max_length=2000, widget=forms.Textarea({"rows": 3}))

    def __init__(self, *args: Any, artifact: Artifact, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        left = [row for row in artifact.versions.select_related("blob") if row.blob.erased_at is None]
        self.fields["numbers"].choices = [  # type: ignore[attr-defined]
            (str(row.number), f"Version {row.number}, received {row.received_at:%d %b %Y}") for row in left
        ]
        self.fields["numbers"].initial = [str(row.number) for row in left]


class HoldForm(forms.Form):
    """A hold and what it covers."""

    kind = forms.ChoiceField(label="Kind", choices=HoldKind.choices)
    scope = forms.ChoiceField(label="Keeps", choices=Scope.choices)
    target = forms.CharField(
        label="Which one",
        required=False,
        max_length=40,
        help_text="The public id, for instance E-012, F-003 or ENG-001. Leave it empty for all evidence.",
    )
    matter = forms.CharField(
        label="Matter", max_length=holding.MATTER_LIMIT, help_text="The case or request it is for."
    )
    reason = forms.CharField(label="Reason", max_length=2000, widget=forms.Textarea({"rows": 3}))


@require_GET
@needs("retention.view")
def home(request: HttpRequest) -> HttpResponse:
    """One list at a time, each in as many queries for ten rows as for many."""
    view = request.GET.get("view", "due")
    show = LISTS.get(view)
    if show is None:
        raise NotFound("There is no such list.")
    organization_id: UUID = request.organization.id  # type: ignore[attr-defined]
    after = request.GET.get("after", "")
    rows, more = show(organization_id, after)
    context = {
        "view": view,
        "tabs": [View(word, f"?view={name}", None, name == view) for name, word in VIEWS],
        "rows": rows,
        "page": Slice(len(rows), None, f"?view={view}&after={more}" if more else "", "shown"),
        "may": _may(request),
    }
    return render(request, "retention/home.html", context)


def _today(organization_id: UUID) -> Any:
    return clock.today(Organization.objects.values_list("timezone", flat=True).get(pk=organization_id))


def _due(organization_id: UUID, after: str) -> tuple[list[Any], str]:
    page = queries.due(organization_id, today=_today(organization_id), after=after)
    return page.rows, page.next


def _undated(organization_id: UUID, after: str) -> tuple[list[Any], str]:
    page = queries.undated(organization_id, after=_number(after))
    return page.rows, page.next


def _requests(organization_id: UUID, after: str) -> tuple[list[Any], str]:
    rows, more = _slice(queries.disposals(organization_id), after)
    return [(row, queries.state_of(row)) for row in rows], more


def _certificates(organization_id: UUID, after: str) -> tuple[list[Any], str]:
    return _slice(queries.certificates(organization_id), after)


def _holds(organization_id: UUID, after: str) -> tuple[list[Any], str]:
    return _slice(queries.holds(organization_id).order_by("-number"), after)


def _slice(rows: Any, after: str) -> tuple[list[Any], str]:
    if number := _number(after):
        rows = rows.filter(number__lt=number)
    found = list(rows[: LIST_ROWS + 1])
    return found[:LIST_ROWS], str(found[LIST_ROWS - 1].number) if len(found) > LIST_ROWS else ""


LISTS: dict[str, Callable[[UUID, str], tuple[list[Any], str]]] = {
    "due": _due,
    "undated": _undated,
    "requests": _requests,
    "holds": _holds,
    "certificates": _certificates,
}


@require_http_methods(["GET", "POST"])
@needs("retention.classify")
def classify(request: HttpRequest, ref: str) -> HttpResponse:
    """Change how long one artifact is kept, with a reason."""
    found = artifacts.artifact(ref)
    kept = queries.standing(found.pk)
    start = {"retention_class": kept.retention_class, "needed_until": _needed(found)}
    form = ClassifyForm(request.POST or None, initial=start)
    actor = request.actor  # type: ignore[attr-defined]
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            refusal = acts.refused_onto(form, lambda: services.classify(found.pk, actor=actor, **form.cleaned_data))
            if refusal is None:
                messages.success(
                    request,
                    f"{found.ref} is kept as {RetentionClass(form.cleaned_data['retention_class']).label.lower()} from now on.",
                )
                return redirect("evidence:artifact", organization=request.organization.slug, ref=ref)  # type: ignore[attr-defined]
            status = refusal.status
    return render(request, "retention/classify.html", {"artifact": found, "form": form, "kept": kept}, status=status)


def _needed(found: Artifact) -> Any:
    """The end of the last engagement whose scope uses it, as a first guess."""
    used = found.links.values("target_id")
    scoped = Engagement.objects.filter(scoped_controls__control_id__in=used) | Engagement.objects.filter(
        scoped_findings__finding_id__in=used
    )
    return scoped.order_by("-period_end").values_list("period_end", flat=True).first()


@require_http_methods(["GET", "POST"])
@needs("disposals.request")
def dispose(request: HttpRequest, ref: str) -> HttpResponse:
    """Ask for the disposal of files; somebody else decides."""
    found = artifacts.artifact(ref)
    form = DisposeForm(request.POST or None, artifact=found)
    actor = request.actor  # type: ignore[attr-defined]
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            given = form.cleaned_data
            numbers = [int(number) for number in given["numbers"]]
            made: list[Disposal] = []
            refusal = acts.refused_onto(
                form,
                lambda: made.append(
                    services.ask(
                        found.pk, actor=actor, reason=given["reason"], authority=given["authority"], numbers=numbers
                    )
                ),
            )
            if refusal is None:
                messages.success(request, f"{made[0].ref} waits for somebody else's decision.")
                return redirect("retention:disposal", request.organization.slug, made[0].ref)  # type: ignore[attr-defined]
            status = refusal.status
    context = {
        "artifact": found,
        "form": form,
        "kept": queries.standing(found.pk),
        "holds": queries.holds_on(found.pk),
    }
    return render(request, "retention/dispose.html", context, status=status)


@require_http_methods(["GET", "POST"])
@needs("retention.view")
def disposal(request: HttpRequest, ref: str) -> HttpResponse:
    """One request: what would go, why, and the decision, which asks for a password."""
    actor = request.actor  # type: ignore[attr-defined]
    found = queries.disposal(actor.organization_id, ref)
    if request.method == "POST":
        try:
            return _decided(request, found)
        except (NotFound, Invalid):
            raise
        except Refused as refusal:
            return _disposal_page(request, found, refusal=refusal, status=refusal.status)
    return _disposal_page(request, found)


def _decided(request: HttpRequest, found: Disposal) -> HttpResponse:
    verdict, reason = request.POST.get("verdict", ""), request.POST.get("reason", "")
    if verdict == "withdraw":
        services.withdraw(found.pk, actor=request.actor, reason=reason)  # type: ignore[attr-defined]
        messages.success(request, f"{found.ref} is withdrawn.")
    elif verdict in ("approve", "refuse"):
        request.actor.require("disposals.decide", found.artifact)  # type: ignore[attr-defined]
        actor = reauthenticate(request, request.POST.get("password", ""))
        if verdict == "approve":
            services.approve(found.pk, actor=actor, reason=reason)
            _carry_out(found, actor)
            messages.success(request, f"{found.ref} is approved; its files are being destroyed.")
        else:
            services.refuse(found.pk, actor=actor, reason=reason)
            messages.success(request, f"{found.ref} is refused; the files stay.")
    else:
        raise Invalid("Choose to approve, refuse or withdraw.", fields={"verdict": ["Unknown."]})
    return redirect("retention:disposal", request.organization.slug, found.ref)  # type: ignore[attr-defined]


def _carry_out(found: Disposal, actor: Any) -> Job:
    args = {"disposal": str(found.pk)}
    return jobs.enqueue(
        work.KIND, actor=actor, args=args, title=f"Dispose of {found.artifact.ref} ({found.ref})", subject=found
    )


@require_POST
@needs("disposals.decide")
def run(request: HttpRequest, ref: str) -> HttpResponse:
    """Carry out an approved disposal whose job failed, for instance because a hold stood meanwhile."""
    actor = request.actor  # type: ignore[attr-defined]
    found = queries.disposal(actor.organization_id, ref)
    if queries.state_of(found) != "approved":
        raise Invalid("Only an approved disposal that was not carried out yet can be tried again.")
    disposing.refuse_held(found.artifact)
    _carry_out(found, actor)
    messages.success(request, "It is being carried out.")
    return redirect("retention:disposal", request.organization.slug, found.ref)  # type: ignore[attr-defined]


def _disposal_page(
    request: HttpRequest, found: Disposal, *, refusal: Refused | None = None, status: int = 200
) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    state = queries.state_of(found)
    job = (
        Job.objects.filter(subject_type="retention.disposal", subject_id=found.pk).order_by("-created_at").first()
        if state == "approved"
        else None
    )
    context = {
        "disposal": found,
        "state": state,
        "items": found.items.select_related("file").order_by("file__number"),
        "holds": queries.holds_on(found.artifact_id),
        "conflict": _refusal_of(lambda: disposing.refuse_own(found, actor=actor)) if state == "waiting" else None,
        "refusal": refusal,
        "words": request.POST.get("reason", ""),
        "is_own": found.requested_by_id == actor.person_id,
        "job": job,
        "may_run": state == "approved" and (job is None or job.is_over),
        "may": _may(request),
    }
    return render(request, "retention/disposal.html", context, status=status)


@require_GET
@needs("retention.view")
def certificate(request: HttpRequest, ref: str) -> HttpResponse:
    """The certificate of a disposal, to print."""
    found = queries.certificate(request.organization.id, ref)  # type: ignore[attr-defined]
    context = {
        "certificate": found,
        "disposal": found.disposal,
        "items": found.disposal.items.select_related("file").order_by("file__number"),
        "fact": ledger.event(found.event_id),
    }
    return render(request, "retention/certificate.html", context)


@outside_transaction
@require_GET
@needs("retention.view")
def certificate_pdf(request: HttpRequest, ref: str) -> HttpResponseBase:
    """The same as a PDF in the look of the packages."""
    with inside(request):
        found = queries.certificate(request.organization.id, ref)  # type: ignore[attr-defined]
        document = _document(request, found)
    printed = documents.printed(document)
    response = HttpResponse(printed.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{found.disposal.ref}-certificate.pdf"'
    response["X-SHA256"] = printed.sha256
    return downloads.private(response)


def _document(request: HttpRequest, found: Certificate) -> documents.Document:
    disposal, fact = found.disposal, ledger.event(found.event_id)
    items = disposal.items.select_related("file").order_by("file__number")
    data = {
        "ref": disposal.ref,
        "artifact": disposal.artifact.ref,
        "title": disposal.artifact.title,
        "at": wording.moment(found.at),
        "size": found.size,
        "requested_by": disposal.requested_by.name,
        "requested_at": wording.moment(disposal.requested_at),
        "approved_by": disposal.decision.person.name,
        "approved_at": wording.moment(disposal.decision.at),
        "authority": disposal.authority,
        "reason": disposal.reason,
        "decision": disposal.decision.reason,
        "class": disposal.get_retention_class_display(),
        "policy_version": disposal.policy_version,
        "dispose_after": wording.day(disposal.dispose_after) if disposal.dispose_after else "Not known",
        "is_early": disposal.is_early,
        "files": [{"number": item.file.number, "sha256": item.sha256, "size": item.size} for item in items],
        "index": fact.index,
        "leaf": fact.leaf,
    }
    organization: str = request.organization.name  # type: ignore[attr-defined]
    return documents.Document(
        template="packages/certificate.html",
        title=f"Certificate of disposal {disposal.ref}",
        subject=f"{organization}: {disposal.artifact.ref} was disposed of",
        organization=organization,
        foot=f"Certificate of disposal · {disposal.ref} · {wording.moment(found.at)}",
        at=found.at,
        data=data,
    )


@require_http_methods(["GET", "POST"])
@needs("holds.set")
def set_hold(request: HttpRequest) -> HttpResponse:
    """Set a hold; it stands at once."""
    form = HoldForm(request.POST or None, initial=request.GET.dict())
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            made: list[Hold] = []
            refusal = acts.refused_onto(form, lambda: made.append(_hold_from(request, form.cleaned_data)))
            if refusal is None:
                messages.success(request, f"{made[0].ref} stands from now on.")
                return redirect("retention:hold", request.organization.slug, made[0].ref)  # type: ignore[attr-defined]
            status = refusal.status
    return render(request, "retention/hold_new.html", {"form": form}, status=status)


TARGETS: dict[str, Any] = {
    Scope.ARTIFACT: ("artifacts.artifact", Artifact),
    Scope.FINDING: ("findings.finding", Finding),
    Scope.ENGAGEMENT: ("engagements.engagement", Engagement),
}


def _hold_from(request: HttpRequest, given: dict[str, Any]) -> Hold:
    target, ref = None, given["target"].strip().upper()
    if given["scope"] != Scope.ORGANIZATION:
        label, model = TARGETS[given["scope"]]
        row = model.objects.filter(organization_id=request.organization.id, ref=ref).first() if ref else None  # type: ignore[attr-defined]
        if row is None:
            raise Invalid("No hold was set.", fields={"target": [f"There is no {ref} here." if ref else "Name it."]})
        target = Subject(label, row.pk, row.ref)
    elif ref:
        raise Invalid("No hold was set.", fields={"target": ["Leave it empty: this hold keeps all evidence."]})
    return services.set_hold(
        actor=request.actor,  # type: ignore[attr-defined]
        scope=given["scope"],
        kind=given["kind"],
        target=target,
        matter=given["matter"],
        reason=given["reason"],
    )


@require_http_methods(["GET", "POST"])
@needs("retention.view")
def hold(request: HttpRequest, ref: str) -> HttpResponse:
    """One hold, and its release by somebody else, which asks for a password."""
    actor = request.actor  # type: ignore[attr-defined]
    found = queries.hold(actor.organization_id, ref)
    refusal: Refused | None = None
    if request.method == "POST":
        actor.require("holds.release", found)
        try:
            proved = reauthenticate(request, request.POST.get("password", ""))
            services.release(found.pk, actor=proved, reason=request.POST.get("reason", ""))
        except Refused as refused:
            refusal = refused
        else:
            messages.success(request, f"{found.ref} is released.")
            return redirect("retention:hold", request.organization.slug, found.ref)  # type: ignore[attr-defined]
    context = {
        "hold": found,
        "release": getattr(found, "release", None),
        "conflict": _refusal_of(lambda: holding.refuse_own(found, actor=actor)),
        "refusal": refusal,
        "words": request.POST.get("reason", ""),
        "target_url": _target_url(request, found),
        "may": _may(request),
    }
    return render(request, "retention/hold.html", context, status=refusal.status if refusal else 200)


def _target_url(request: HttpRequest, found: Hold) -> str:
    names = {"artifact": "evidence:artifact", "finding": "findings:detail", "engagement": "engagements:detail"}
    if found.scope not in names:
        return ""
    return reverse(names[found.scope], args=[request.organization.slug, found.target_ref])  # type: ignore[attr-defined]


def card(request: HttpRequest, found: Artifact) -> dict[str, Any]:
    """What the artifact's page says of its keeping."""
    return {
        "kept": queries.standing(found.pk) if found.latest_id else None,
        "holds": queries.holds_on(found.pk),
        "disposals": [(row, queries.state_of(row)) for row in queries.disposals_of(found.pk)],
        "erased": {
            row.number: row.blob.erased_at
            for row in found.versions.select_related("blob")
            if row.blob.erased_at is not None
        },
        "may": _may(request),
    }


def _refusal_of(ask: Callable[[], None]) -> Refused | None:
    try:
        ask()
    except Refused as refusal:
        return refusal
    return None


def _may(request: HttpRequest) -> dict[str, bool]:
    rights: Iterable[tuple[str, str]] = (
        ("view", "retention.view"),
        ("classify", "retention.classify"),
        ("ask", "disposals.request"),
        ("decide", "disposals.decide"),
        ("set_hold", "holds.set"),
        ("release", "holds.release"),
    )
    return {name: request.actor.may(right) for name, right in rights}  # type: ignore[attr-defined]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


urlpatterns = [
    path("retention", home, name="home"),
    path("retention/disposals/<str:ref>", disposal, name="disposal"),
    path("retention/disposals/<str:ref>/run", run, name="run"),
    path("retention/certificates/<str:ref>", certificate, name="certificate"),
    path("retention/certificates/<str:ref>/pdf", certificate_pdf, name="certificate_pdf"),
    path("retention/holds/new", set_hold, name="hold_new"),
    path("retention/holds/<str:ref>", hold, name="hold"),
    path("evidence/<str:ref>/retention", classify, name="classify"),
    path("evidence/<str:ref>/dispose", dispose, name="dispose"),
]
