"""Teams: who is in them, who put whom there and until when. Administrators change them; nobody adds themselves."""

from datetime import date
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access import queries, teams
from portal.edge.tenancy import needs
from portal.web.acts import refused_onto
from remediation.sod import queries as sod

app_name = "teams"


class TeamForm(forms.Form):
    name = forms.CharField(max_length=80, label="Name")
    purpose = forms.CharField(max_length=300, required=False, label="What for")


class PlaceForm(forms.Form):
    person = forms.ChoiceField(label="Person")
    until = forms.DateField(
        required=False, label="Until, inclusive", help_text="Empty: until somebody ends it.",
        widget=forms.DateInput({"type": "date"}),
    )  # fmt: skip

    def __init__(self, *args: object, people: list[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["person"].choices = people  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@needs("people.view")
def listing(request: HttpRequest) -> HttpResponse:
    """All teams that last, and a form for a new one."""
    actor = request.actor  # type: ignore[attr-defined]
    form = TeamForm(request.POST or None)
    if request.method == "POST":
        actor.require(teams.RIGHT)
        if form.is_valid() and refused_onto(form, lambda: teams.found(actor=actor, **form.cleaned_data)) is None:
            messages.success(request, f"The team “{form.cleaned_data['name']}” is there. Nobody is in it yet.")
            return redirect("teams:list", organization=request.organization.slug)  # type: ignore[attr-defined]
    context = {"teams": queries.teams(actor), "form": form, "may_manage": actor.may(teams.RIGHT)}
    return render(request, "teams/list.html", context, status=422 if form.errors else 200)


@require_GET
@needs("people.view")
def detail(request: HttpRequest, team: UUID) -> HttpResponse:
    """One team: who is in it now, who was and who will be."""
    return _page(request, team, None)


@require_POST
@needs(teams.RIGHT)
def take_in(request: HttpRequest, team: UUID) -> HttpResponse:
    """Put a member of the organization into the team."""
    actor = request.actor  # type: ignore[attr-defined]
    form = PlaceForm(request.POST, people=_people(request))

    def run() -> object:
        until: date | None = form.cleaned_data["until"]
        return teams.take_in(
            team, person_id=UUID(form.cleaned_data["person"]), actor=actor,
            ends_at=queries.end_of(until, actor) if until else None,
        )  # fmt: skip

    if form.is_valid() and refused_onto(form, run) is None:
        messages.success(request, "They are in the team. What it is let in to is open to them with their next request.")
        return redirect("teams:detail", organization=request.organization.slug, team=team)  # type: ignore[attr-defined]
    return _page(request, team, form)


@require_POST
@needs(teams.RIGHT)
def take_out(request: HttpRequest, place: UUID) -> HttpResponse:
    """End somebody's place in a team."""
    ended = teams.take_out(place, actor=request.actor, reason=request.POST.get("reason", ""))  # type: ignore[attr-defined]
    messages.success(request, "They are out of the team. It stops working with their next request.")
    return redirect("teams:detail", organization=request.organization.slug, team=ended.team_id)  # type: ignore[attr-defined]


@require_POST
@needs(teams.RIGHT)
def end(request: HttpRequest, team: UUID) -> HttpResponse:
    """End a team and every place in it."""
    teams.end(team, actor=request.actor, reason=request.POST.get("reason", ""))  # type: ignore[attr-defined]
    messages.success(request, "The team has ended. What it was let in to is closed to those who were in it.")
    return redirect("teams:list", organization=request.organization.slug)  # type: ignore[attr-defined]


def _people(request: HttpRequest) -> list[tuple[str, str]]:
    actor = request.actor  # type: ignore[attr-defined]
    members = sod.members(actor.organization_id)
    return [(str(one.person_id), one.name) for one in members if one.person_id != actor.person_id]


def _page(request: HttpRequest, team_id: UUID, form: PlaceForm | None) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    team = queries.team(actor, team_id)
    may_manage = actor.may(teams.RIGHT) and team.ended_at is None
    context = {
        "team": team,
        "places": queries.places(team),
        "form": (form or PlaceForm(people=_people(request))) if may_manage else None,
        "may_manage": may_manage,
    }
    return render(request, "teams/detail.html", context, status=422 if form is not None else 200)


urlpatterns = [
    path("settings/people/teams", listing, name="list"),
    path("settings/people/teams/<uuid:team>", detail, name="detail"),
    path("settings/people/teams/<uuid:team>/members", take_in, name="take_in"),
    path("settings/people/teams/<uuid:team>/end", end, name="end"),
    path("settings/people/places/<uuid:place>/end", take_out, name="take_out"),
]
