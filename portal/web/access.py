"""Who can see one thing, and why; taking a grant back; what one person can see."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from evidence import clock
from evidence.artifacts.models import Artifact
from evidence.errors import Invalid, NotFound
from portal.access import queries as access
from portal.access import services
from portal.accounts import viewing
from portal.accounts.models import Person
from portal.edge.tenancy import VIEWING, needs, while_viewing
from portal.engagements import queries as engagements
from portal.packages.models import Package
from portal.seeing import queries
from portal.web.acts import refused_onto
from remediation.findings import queries as findings
from remediation.findings.models import Finding
from remediation.findings.services.restriction import may_keep

app_name = "access"
# What one click gives; both can be changed before.
DAYS = 30
WHY = "Needs to know what this finding is about."


def _slug(request: HttpRequest) -> str:
    return request.organization.slug  # type: ignore[attr-defined, no-any-return]


def _shown(request: HttpRequest, page: queries.Page, *, status: int = 200, **about: Any) -> HttpResponse:
    return render(request, "access/who.html", {"page": page, "may_keep": False, **about}, status=status)


class LetInForm(forms.Form):
    """Until when and why; whom says the button that sends it."""

    until = forms.DateField(label="Until, inclusive", widget=forms.DateInput({"type": "date"}))
    reason = forms.CharField(label="Why they need to know", max_length=300)


def _in_a_month(request: HttpRequest) -> date:
    return clock.today(request.organization.timezone) + timedelta(days=DAYS)  # type: ignore[attr-defined]


@require_GET
@needs("findings.view")
def finding(request: HttpRequest, ref: str) -> HttpResponse:
    """Everybody who sees a finding; on a restricted one those who keep it can take access back here."""
    actor = request.actor  # type: ignore[attr-defined]
    row = findings.find(actor, ref)
    return _of_finding(request, row, LetInForm(initial={"until": _in_a_month(request), "reason": WHY}))


def _of_finding(request: HttpRequest, row: Finding, form: "LetInForm", *, status: int = 200) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    page = queries.of_finding(actor, row, after=request.GET.get("after", ""))
    keeps = row.is_restricted and may_keep(row, actor=actor)
    return _shown(
        request, page, status=status, ref=row.ref, title=row.title, restricted=row.is_restricted, kind="finding",
        back=reverse("findings:detail", args=[_slug(request), row.ref]),
        may_keep=keeps, finding=row, form=form, outside=access.outside(actor, row.pk) if keeps else (),
        restriction=row.restrictions.filter(lifted_at=None).select_related("by").first(),
    )  # fmt: skip


@require_GET
@needs("evidence.view")
def artifact(request: HttpRequest, ref: str) -> HttpResponse:
    """Everybody who sees a piece of evidence."""
    actor = request.actor  # type: ignore[attr-defined]
    row = Artifact.objects.filter(organization_id=actor.organization_id, ref=ref).first()
    if row is None:
        raise NotFound(f"There is no evidence {ref[:40]} here.")
    page = queries.of_artifact(actor, row, after=request.GET.get("after", ""))
    back = reverse("evidence:artifact", args=[_slug(request), row.ref])
    return _shown(request, page, ref=row.ref, title=row.title, back=back, kind="evidence")


@require_GET
@needs("engagements.view")
def engagement(request: HttpRequest, ref: str) -> HttpResponse:
    """Everybody who sees an engagement."""
    actor = request.actor  # type: ignore[attr-defined]
    row = engagements.find(actor, ref)
    page = queries.of_engagement(actor, row, after=request.GET.get("after", ""))
    back = reverse("engagements:detail", args=[_slug(request), row.ref])
    return _shown(request, page, ref=row.ref, title=row.title, back=back, kind="engagement")


@require_GET
@needs("packages.view")
def package(request: HttpRequest, package: UUID) -> HttpResponse:
    """Everybody who sees a package."""
    actor = request.actor  # type: ignore[attr-defined]
    row = Package.objects.filter(organization_id=actor.organization_id, pk=package).first()
    if row is None:
        raise NotFound("There is no such package.")
    page = queries.of_package(actor, row, after=request.GET.get("after", ""))
    back = reverse("packages:detail", args=[_slug(request), row.pk])
    return _shown(request, page, ref=f"{row.ref}, issue {row.issue}", title=row.title, back=back, kind="package")


@require_POST
@needs("findings.view")
def let_in(request: HttpRequest, ref: str) -> HttpResponse:
    """Let one person or team in to a restricted finding: one button of its page, with the end and the reason there."""
    actor = request.actor  # type: ignore[attr-defined]
    row = findings.find(actor, ref)
    form = LetInForm(request.POST)
    kind, _, key = request.POST.get("whom", "").partition(":")
    if kind not in ("person", "team") or not key:
        raise Invalid("Nobody was let in.", fields={"whom": ["Choose a person or a team."]})

    def run() -> None:
        data = form.cleaned_data
        given = {"valid_until": access.end_of(data["until"], actor), "reason": data["reason"], "actor": actor}
        if kind == "team":
            services.let_team_in(row.pk, team_id=_key(key), **given)
        else:
            services.let_in(row.pk, person_id=_key(key), **given)

    refusal = refused_onto(form, run) if form.is_valid() else None
    if refusal is None and not form.errors:
        messages.success(request, f"They are let in to {row.ref}. It works with their next request.")
        return redirect("access:finding", organization=_slug(request), ref=row.ref)
    return _of_finding(request, row, form, status=refusal.status if refusal else 422)


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as fault:
        raise NotFound("There is nobody of that kind here.") from fault


@require_POST
@needs("findings.view")
def take_back(request: HttpRequest, ref: str, grant: UUID) -> HttpResponse:
    """End a person's or a team's access to a restricted finding."""
    actor = request.actor  # type: ignore[attr-defined]
    row = findings.find(actor, ref)
    services.take_back(grant, actor=actor, reason=request.POST.get("reason", ""))
    messages.success(request, "The access has ended. It stops working with the next request.")
    return redirect("access:finding", organization=_slug(request), ref=row.ref)


@require_GET
@needs("people.manage")
def person(request: HttpRequest, person: UUID) -> HttpResponse:
    """For administrators: roles, teams, engagements, and how much that is restricted a person sees."""
    sight = queries.of_person(request.actor, person)  # type: ignore[attr-defined]
    return render(request, "access/person.html", {"sight": sight, "person": Person.objects.get(pk=person)})


@require_POST
@needs(viewing.RIGHT)
def view_as(request: HttpRequest, person: UUID) -> HttpResponse:
    """Begin to see what a colleague sees."""
    made = viewing.start(person, actor=request.actor, reason=request.POST.get("reason", ""))  # type: ignore[attr-defined]
    request.session[VIEWING] = str(made.pk)
    return redirect("accounts:enter", slug=_slug(request))


@while_viewing
@require_POST
def end_viewing(request: HttpRequest) -> HttpResponse:
    """Back to one's own eyes. It works at any time, and twice."""
    running = getattr(request, "viewing", None)
    if running is not None:
        viewing.end(running.pk, actor=request.actor)  # type: ignore[attr-defined]
        messages.success(request, "You see with your own eyes again.")
    request.session.pop(VIEWING, None)
    return redirect("accounts:enter", slug=_slug(request))


urlpatterns = [
    path("findings/<str:ref>/access", finding, name="finding"),
    path("findings/<str:ref>/access/let-in", let_in, name="let_in"),
    path("findings/<str:ref>/access/<uuid:grant>/end", take_back, name="take_back"),
    path("evidence/<str:ref>/access", artifact, name="artifact"),
    path("engagements/<str:ref>/access", engagement, name="engagement"),
    path("packages/<uuid:package>/access", package, name="package"),
    path("settings/people/<uuid:person>/sees", person, name="person"),
    path("settings/people/<uuid:person>/view-as", view_as, name="view_as"),
    path("viewing/end", end_viewing, name="end_viewing"),
]
