"""People and roles: who is here, invite, grant, end; what each role may do; one's own profile and tokens."""

from collections import defaultdict

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence.errors import Invalid, NotAllowed, NotFound
from portal.accounts import leaving, role_requests, roles, services, sessions
from portal.accounts.models import ApiToken, Invitation, Membership, Person
from portal.edge.tenancy import needs
from portal.web import role_grants
from portal.web.acts import refused_onto

app_name = "people"


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, label="Name", help_text="The system that will use it, for instance “deploy”.")
    days = forms.IntegerField(min_value=1, max_value=services.TOKEN_DAYS_MAX, initial=90, label="Days until it expires")
    scopes = forms.MultipleChoiceField(label="What it may do", widget=forms.CheckboxSelectMultiple)

    networks = forms.CharField(
        max_length=1000,
        required=False,
        label="Only from these networks",
        help_text="Addresses or networks with commas, for instance 203.0.113.0/24. Empty means from everywhere.",
    )

    def clean_networks(self) -> list[str]:
        return self.cleaned_data["networks"].replace(",", " ").split()

    def __init__(self, *args: object, allowed: list[str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["scopes"].choices = [(scope, scope) for scope in allowed]  # type: ignore[attr-defined]


@require_GET
@needs("people.view")
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with their live roles, open invitations, and the matrix of what roles may do."""
    return render(request, "people/list.html", _page(request, role_grants.InviteForm()))


def _page(request: HttpRequest, form: role_grants.InviteForm) -> dict[str, object]:
    memberships = Membership.objects.filter(organization_id=request.organization.id, ended_at=None)  # type: ignore[attr-defined]
    by_person: dict[object, dict[str, object]] = defaultdict(lambda: {"memberships": []})
    for membership in memberships.select_related("person").order_by("person__name", "role"):
        entry = by_person[membership.person_id]
        entry["person"] = membership.person
        entry["memberships"].append({"row": membership, "role": roles.ROLES[membership.role]})  # type: ignore[attr-defined]
    invitations = Invitation.objects.filter(
        organization_id=request.organization.id,
        accepted_at=None,
        withdrawn_at=None,  # type: ignore[attr-defined]
    ).order_by("-created_at")
    waiting = role_requests.requests(request.actor, state="open")  # type: ignore[attr-defined]
    for asked in waiting:
        asked.role_word = roles.ROLES[asked.role].word  # type: ignore[attr-defined]
        if asked.person_id in by_person:
            by_person[asked.person_id].setdefault("waiting", []).append(asked)  # type: ignore[attr-defined]
    permissions = sorted({permission for role in roles.ROLES.values() for permission in role.permissions})
    return {
        "form": form,
        "people": list(by_person.values()),
        "waiting": waiting,
        "invitations": [{"row": row, "role": roles.ROLES[row.role]} for row in invitations],
        "roles": list(roles.ROLES.values()),
        "matrix": [
            {"permission": permission, "held": [permission in role.permissions for role in roles.ROLES.values()]}
            for permission in permissions
        ],
        "may_view_as": request.actor.may("people.view_as"),  # type: ignore[attr-defined]
        "may_manage": request.actor.may("people.manage"),  # type: ignore[attr-defined]
    }


@require_POST
@needs("people.manage")
def invite(request: HttpRequest) -> HttpResponse:
    """Send an invitation, or ask a second administrator where the role is privileged."""
    form, status = role_grants.InviteForm(request.POST), 422
    if form.is_valid():
        done: list[str] = []
        refusal = refused_onto(form, lambda: done.append(role_grants.send_or_ask(request, dict(form.cleaned_data))))
        if refusal is None:
            messages.success(request, done[0])
            return redirect("people:list", organization=request.organization.slug)  # type: ignore[attr-defined]
        status = refusal.status
    return render(request, "people/list.html", _page(request, form), status=status)


@require_POST
@needs("people.manage")
def end(request: HttpRequest, membership: str) -> HttpResponse:
    services.end_role(membership, actor=request.actor, reason=request.POST.get("reason", ""))  # type: ignore[arg-type, attr-defined]
    messages.success(request, "The role was ended. It stops working with the person's next request.")
    return redirect("people:list", organization=request.organization.slug)  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """One's own roles and tokens; a new token's secret is shown on the page that made it, once."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.organization.is_auditor:  # type: ignore[attr-defined]
        return _profile_of_auditor(request)
    allowed = sorted(roles.permissions_of(list(request.organization.roles)))  # type: ignore[attr-defined]
    form = TokenForm(request.POST or None, allowed=allowed)
    issued = None
    if request.method == "POST" and form.is_valid():
        try:
            issued = services.create_token(**form.cleaned_data, actor=actor)
        except Invalid as refusal:
            for field, words in refusal.fields.items():
                form.add_error(field, words)
        else:
            form = TokenForm(allowed=allowed)
    return render(
        request, "people/profile.html", _profile(request, form=form, issued=issued), status=422 if form.errors else 200
    )


def _profile(request: HttpRequest, *, form: TokenForm | None = None, issued: object = None) -> dict[str, object]:
    actor, held = request.actor, list(request.organization.roles)  # type: ignore[attr-defined]
    tokens = ApiToken.objects.filter(organization_id=actor.organization_id, account_id=actor.account_id)
    return {
        "form": form or TokenForm(allowed=sorted(roles.permissions_of(held))),
        "issued": issued,
        "tokens": tokens.order_by("-created_at"),
        "held": [roles.ROLES[key] for key in held],
    }


def _profile_of_auditor(request: HttpRequest) -> HttpResponse:
    # A token would carry none of an auditor's grants, and these requests may only read.
    if request.method == "POST":
        raise NotAllowed("An auditor's access has no tokens.", help="Sign in to read what was released to you.")
    context = {"form": None, "issued": None, "tokens": (), "held": [roles.ROLES["auditor"]]}
    return render(request, "people/profile.html", context)


@require_POST
def revoke(request: HttpRequest, token: str) -> HttpResponse:
    if request.organization.is_auditor:  # type: ignore[attr-defined]
        raise NotFound("There is no such token.")
    services.revoke_token(token, actor=request.actor)  # type: ignore[arg-type, attr-defined]
    messages.success(request, "The token was revoked. It no longer works.")
    return redirect("people:profile", organization=request.organization.slug)  # type: ignore[attr-defined]


@require_POST
def rotate(request: HttpRequest, token: str) -> HttpResponse:
    """Exchange a token; the new secret is shown on this answer, once."""
    if request.organization.is_auditor:  # type: ignore[attr-defined]
        raise NotFound("There is no such token.")
    issued = services.rotate_token(token, actor=request.actor)  # type: ignore[arg-type, attr-defined]
    return render(request, "people/profile.html", _profile(request, issued=issued))


@require_GET
@needs("people.manage")
def tokens(request: HttpRequest) -> HttpResponse:
    """Every token of the organization that works or was refused lately: whose, what for, from where, last used."""
    rows = ApiToken.objects.filter(organization_id=request.organization.id)  # type: ignore[attr-defined]
    rows = rows.select_related("account__person").order_by("-created_at")[:200]
    return render(request, "people/tokens.html", {"tokens": rows})


@require_http_methods(["GET", "POST"])
@needs("people.manage")
def leave(request: HttpRequest, person: str) -> HttpResponse:
    """What somebody owns, before all their access ends; and what ended, after."""
    actor, found = request.actor, Person.objects.filter(pk=person).first()  # type: ignore[attr-defined]
    held = Membership.objects.filter(organization_id=actor.organization_id, person_id=person)
    if found is None or not held.exists():
        raise NotFound("There is no such person here.")
    left = None
    if request.method == "POST":
        left = leaving.leave(person, actor=actor, reason=request.POST.get("reason", "")[:300])  # type: ignore[arg-type]
    context = {
        "person": found,
        "left": left,
        "held": [roles.ROLES[role].word for role in held.filter(ended_at=None).values_list("role", flat=True)],
        "owned": left.owned if left else leaving.owned_by(found.pk, actor.organization_id),
        "sessions": sessions.of(list(found.accounts.values_list("pk", flat=True))),
    }
    return render(request, "people/leave.html", context)


@require_POST
@needs("people.manage")
def end_sessions(request: HttpRequest, person: str) -> HttpResponse:
    """Sign a member out everywhere, at once."""
    count = services.end_sessions(person, actor=request.actor)  # type: ignore[arg-type, attr-defined]
    messages.success(request, f"{count} sessions were ended." if count != 1 else "One session was ended.")
    return redirect("people:leave", request.organization.slug, person)  # type: ignore[attr-defined]


urlpatterns = [
    path("settings/people", people, name="list"),
    path("settings/people/invite", invite, name="invite"),
    path("settings/memberships/<uuid:membership>/end", end, name="end"),
    path("profile", profile, name="profile"),
    path("profile/tokens/<uuid:token>/revoke", revoke, name="revoke"),
    path("profile/tokens/<uuid:token>/rotate", rotate, name="rotate"),
    path("settings/tokens", tokens, name="tokens"),
    path("settings/people/<uuid:person>/leave", leave, name="leave"),
    path("settings/people/<uuid:person>/sessions/end", end_sessions, name="end_sessions"),
]
