"""Engagements for staff: the list, one with its scope and its auditors, and every change of them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence import clock
from evidence.actors import Actor
from evidence.controls.models import Category
from evidence.errors import Invalid
from portal.access import queries as access
from portal.edge.tenancy import needs
from portal.engagements import queries, services
from portal.engagements.models import Engagement, Kind
from portal.packages.models import Package
from portal.web.acts import refused_onto

app_name = "engagements"
ROWS_SHOWN = 200


class Lines(forms.CharField):
    """One entry a line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return tuple(line.strip() for line in str(value or "").splitlines() if line.strip())


class Vendors(Lines):
    """One vendor a line: name | relied on for | report | note."""

    PARTS = ("name", "service", "report", "note")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return "\n".join(" | ".join(vendor.get(part, "") for part in self.PARTS).rstrip(" |") for vendor in value)
        return value

    def to_python(self, value: Any) -> Any:
        cells = [[cell.strip() for cell in line.split("|")] for line in super().to_python(value)]
        return tuple(dict(zip(self.PARTS, [*row, "", "", ""], strict=False)) for row in cells)


class EngagementForm(forms.Form):
    title = forms.CharField(max_length=200, label="Title")
    auditor_firm = forms.CharField(max_length=200, required=False, label="Audit firm")
    kind = forms.ChoiceField(choices=Kind.choices, initial=Kind.TYPE_2, label="Kind")
    period_start = forms.DateField(label="Period begins", widget=forms.DateInput(attrs={"type": "date"}))
    period_end = forms.DateField(label="Period ends", widget=forms.DateInput(attrs={"type": "date"}))
    access_ends_on = forms.DateField(
        required=False, label="Last day of access", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="No auditor and no team reads longer than this. Empty: a year after the period ends.",
    )  # fmt: skip
    categories = forms.MultipleChoiceField(
        choices=Category.choices,
        required=False,
        label="Criteria in scope",
        help_text="Security is always in scope.",
        widget=forms.CheckboxSelectMultiple,
    )
    system_description = forms.CharField(required=False, label="System", widget=forms.Textarea)
    known_gaps = Lines(required=False, label="Known gaps", help_text="One a line. Packages state them first.")
    exclusions = Lines(required=False, label="Left out", help_text="One a line.")
    vendors = Vendors(required=False, label="Carved-out vendors", help_text="One a line: name | relied on for | report")
    user_controls = Lines(required=False, label="Left to customers", help_text="One a line.")
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def facts(self) -> services.Facts:
        data = dict(self.cleaned_data)
        data.pop("version")
        return services.Facts(**{**data, "categories": tuple(data["categories"])})


class GrantForm(forms.Form):
    account = forms.ModelChoiceField(None, label="Auditor", empty_label=None)
    until = forms.DateField(label="Until, inclusive", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, organization_id: UUID, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["account"]
        field.queryset = queries.auditors(organization_id)  # type: ignore[attr-defined]
        field.label_from_instance = lambda account: f"{account.person.name}, {account.email}"  # type: ignore[attr-defined]


class TeamGrantForm(forms.Form):
    """A team of auditors, until a day."""

    team = forms.ModelChoiceField(None, label="Team of auditors", empty_label="Choose")
    until = forms.DateField(label="Until, inclusive", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["team"]
        field.queryset = access.teams(actor)  # type: ignore[attr-defined]
        field.label_from_instance = lambda team: f"{team.name}, {team.size} now"  # type: ignore[attr-defined]


@require_GET
@needs("engagements.view")
def engagements(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    context = {"engagements": queries.engagements(actor), "may_manage": actor.may("engagements.manage")}
    return render(request, "engagements/list.html", context)


@require_http_methods(["GET", "POST"])
@needs("engagements.manage")
def new(request: HttpRequest) -> HttpResponse:
    form = EngagementForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create(form.facts(), actor=request.actor)  # type: ignore[attr-defined]
        except Invalid as refusal:
            _blame(form, refusal)
        else:
            messages.success(request, f"{made.ref} was created. Choose what is in its scope.")
            return _to(request, made)
    return render(request, "engagements/edit.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@needs("engagements.manage")
def edit(request: HttpRequest, ref: str) -> HttpResponse:
    row = queries.find(request.actor, ref)  # type: ignore[attr-defined]
    known = {name: getattr(row, name) for name in EngagementForm.base_fields}
    form = EngagementForm(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"]
        try:
            services.edit(row.pk, form.facts(), actor=request.actor, version=version)  # type: ignore[attr-defined]
        except Invalid as refusal:
            _blame(form, refusal)
        else:
            messages.success(request, "Saved. Packages already built keep what was said then.")
            return _to(request, row)
    context = {"form": form, "engagement": row}
    return render(request, "engagements/edit.html", context, status=422 if form.errors else 200)


@require_GET
@needs("engagements.view")
def detail(request: HttpRequest, ref: str) -> HttpResponse:
    row = queries.find(request.actor, ref)  # type: ignore[attr-defined]
    return render(request, "engagements/detail.html", _page(request, row))


def _page(
    request: HttpRequest,
    row: Engagement,
    grant_form: GrantForm | None = None,
    team_form: TeamGrantForm | None = None,
) -> dict[str, Any]:
    actor = request.actor  # type: ignore[attr-defined]
    controls, findings = queries.scope_rows(row)
    return {
        "engagement": row,
        "categories": [Category(name).label for name in row.categories],
        "controls": controls[:ROWS_SHOWN],
        "control_count": controls.count(),
        "controls_released": controls.filter(released_at__isnull=False).count(),
        "findings": findings[:ROWS_SHOWN],
        "finding_count": findings.count(),
        "findings_released": findings.filter(released_at__isnull=False).count(),
        "grants": queries.grants(row),
        "team_grants": queries.team_grants(row),
        "now": clock.now(),
        "grant_form": grant_form or GrantForm(organization_id=actor.organization_id),
        "team_form": team_form or TeamGrantForm(actor=actor, auto_id="id_team_%s"),
        "packages": Package.objects.filter(engagement=row).order_by("-number", "-issue")[:20],
        "may_manage": actor.may("engagements.manage"),
        "may_release": actor.may("engagements.release"),
        "may_build": actor.may("packages.build"),
    }


@require_POST
@needs("engagements.manage")
def scope(request: HttpRequest, ref: str) -> HttpResponse:
    """Everything in use, or the findings named by their references."""
    row = queries.find(request.actor, ref)  # type: ignore[attr-defined]
    controls, findings = services.scope_everything(row.pk, actor=request.actor)  # type: ignore[attr-defined]
    messages.success(request, f"{controls} controls and {findings} findings came into the scope.")
    return _to(request, row)


@require_POST
@needs("engagements.manage")
def narrow(request: HttpRequest, ref: str) -> HttpResponse:
    row = queries.find(request.actor, ref)  # type: ignore[attr-defined]
    gone = services.narrow(
        row.pk,
        actor=request.actor,  # type: ignore[attr-defined]
        reason=request.POST.get("reason", ""),
        controls=_ids(request, "control"),
        findings=_ids(request, "finding"),
    )
    messages.success(request, f"{gone} left the scope." if gone else "What was released stays in the scope.")
    return _to(request, row)


@require_POST
@needs("engagements.release")
def release(request: HttpRequest, ref: str) -> HttpResponse:
    """All that waits, or the ticked rows."""
    row = queries.find(request.actor, ref)  # type: ignore[attr-defined]
    chosen = (
        {} if "all" in request.POST else {"controls": _ids(request, "control"), "findings": _ids(request, "finding")}
    )
    count = services.release(row.pk, actor=request.actor, **chosen)  # type: ignore[attr-defined]
    messages.success(request, f"{count} released to the auditors." if count else "Nothing new was released.")
    return _to(request, row)


@require_POST
@needs("engagements.manage")
def grant(request: HttpRequest, ref: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = queries.find(actor, ref)
    form = GrantForm(request.POST, organization_id=actor.organization_id)
    if form.is_valid():
        until = access.end_of(form.cleaned_data["until"], actor)
        try:
            services.grant(row.pk, account_id=form.cleaned_data["account"].pk, valid_until=until, actor=actor)
        except Invalid as refusal:
            form.add_error("until", [word for words in refusal.fields.values() for word in words] or refusal.message)
        else:
            messages.success(request, "The auditor can read what was released until then.")
            return _to(request, row)
    return render(request, "engagements/detail.html", _page(request, row, form), status=422)


@require_POST
@needs("engagements.manage")
def grant_team(request: HttpRequest, ref: str) -> HttpResponse:
    """Let a team of auditors read, no longer than the engagement's last day of access."""
    actor = request.actor  # type: ignore[attr-defined]
    row = queries.find(actor, ref)
    form = TeamGrantForm(request.POST, actor=actor, auto_id="id_team_%s")

    def run() -> None:
        until = access.end_of(form.cleaned_data["until"], actor)
        services.grant_team(row.pk, team_id=form.cleaned_data["team"].pk, valid_until=until, actor=actor)

    status = 422
    if form.is_valid():
        refusal = refused_onto(form, run)
        if refusal is None:
            messages.success(request, "Whoever is in the team can read what was released until then.")
            return _to(request, row)
        status = refusal.status
    return render(request, "engagements/detail.html", _page(request, row, team_form=form), status=status)


@require_POST
@needs("engagements.manage")
def revoke_team(request: HttpRequest, ref: str, grant: UUID) -> HttpResponse:
    """End a team's access now."""
    services.revoke_team(grant, actor=request.actor, reason=request.POST.get("reason", ""))  # type: ignore[attr-defined]
    messages.success(request, "The team's access has ended. It stops working with the next request.")
    return redirect("engagements:detail", organization=request.organization.slug, ref=ref)  # type: ignore[attr-defined]


@require_POST
@needs("engagements.manage")
def revoke(request: HttpRequest, ref: str, grant: UUID) -> HttpResponse:
    services.revoke(grant, actor=request.actor, reason=request.POST.get("reason", ""))  # type: ignore[attr-defined]
    messages.success(request, "The access has ended. It stops working with the auditor's next request.")
    return redirect("engagements:detail", organization=request.organization.slug, ref=ref)  # type: ignore[attr-defined]


@require_POST
@needs("engagements.manage")
def state(request: HttpRequest, ref: str) -> HttpResponse:
    row = queries.find(request.actor, ref)  # type: ignore[attr-defined]
    reason = request.POST.get("reason", "")
    services.change_state(row.pk, request.POST.get("state", ""), actor=request.actor, reason=reason)  # type: ignore[attr-defined]
    return _to(request, row)


def _ids(request: HttpRequest, name: str) -> list[UUID]:
    try:
        return [UUID(value) for value in request.POST.getlist(name)]
    except ValueError as fault:
        raise Invalid("One of the ticked rows is unknown. Nothing was changed.") from fault


def _blame(form: forms.Form, refusal: Invalid) -> None:
    for name, words in refusal.fields.items():
        form.add_error(name if name in form.fields else None, words)


def _to(request: HttpRequest, row: Engagement) -> HttpResponse:
    return redirect("engagements:detail", organization=request.organization.slug, ref=row.ref)  # type: ignore[attr-defined]


urlpatterns = [
    path("engagements", engagements, name="list"),
    path("engagements/new", new, name="new"),
    path("engagements/<slug:ref>", detail, name="detail"),
    path("engagements/<slug:ref>/edit", edit, name="edit"),
    path("engagements/<slug:ref>/scope", scope, name="scope"),
    path("engagements/<slug:ref>/narrow", narrow, name="narrow"),
    path("engagements/<slug:ref>/release", release, name="release"),
    path("engagements/<slug:ref>/grants", grant, name="grant"),
    path("engagements/<slug:ref>/grants/<uuid:grant>/revoke", revoke, name="revoke"),
    path("engagements/<slug:ref>/team-grants", grant_team, name="grant_team"),
    path("engagements/<slug:ref>/team-grants/<uuid:grant>/revoke", revoke_team, name="revoke_team"),
    path("engagements/<slug:ref>/state", state, name="state"),
]
