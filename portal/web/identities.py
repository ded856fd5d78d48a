"""Possibly one person: pairs to look at, claims to confirm or dismiss, and the links there are."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from evidence.errors import Invalid, NotFound
from portal.accounts import likenesses, linking
from portal.accounts.models import IdentityClaim
from portal.edge.tenancy import needs
from portal.web.components import Slice, View

app_name = "identities"
VIEWS = {"open": "To look at", "linked": "One person", "dismissed": "Two people"}
# What an administrator can say; that the person confirms it, only the person can.
SAYABLE = [(kind, word) for kind, word in likenesses.EVIDENCE.items() if kind != "confirmed"]


class ClaimForm(forms.Form):
    """Who may be one person, what shows it, and why."""

    one = forms.UUIDField(widget=forms.Select, label="Person")
    other = forms.UUIDField(widget=forms.Select, label="Same as")
    evidence = forms.MultipleChoiceField(choices=SAYABLE, widget=forms.CheckboxSelectMultiple, label="What shows it")
    reason = forms.CharField(max_length=400, label="Why they are one person")


class ApartForm(forms.Form):
    one = forms.UUIDField()
    other = forms.UUIDField()
    reason = forms.CharField(max_length=400, label="Why they are two people")


@require_GET
@needs("people.view")
def pairs(request: HttpRequest) -> HttpResponse:
    """Suggested pairs and open claims; or the links; or what was dismissed."""
    return render(request, "people/same.html", _page(request))


def _page(request: HttpRequest, form: ClaimForm | None = None) -> dict[str, object]:
    view = request.GET.get("view", "open")
    view = view if view in VIEWS else "open"
    context: dict[str, object] = {
        "view": view,
        "tabs": [View(word, f"?view={key}", None, key == view) for key, word in VIEWS.items()],
        "may_manage": request.actor.may("people.manage"),  # type: ignore[attr-defined]
        "sayable": SAYABLE,
        "form": form,
    }
    if view == "open":
        suggested, more = likenesses.suggestions(after=request.GET.get("after", ""))
        next_url = f"?view=open&after={more}" if more else ""
        context |= {"suggested": suggested, "page": Slice(len(suggested), None, next_url, "pairs")}
        return context | {"claims": likenesses.claims(IdentityClaim.State.OPEN)}
    claims = likenesses.claims(view, before=_key(request.GET.get("before")))
    next_url = f"?view={view}&before={claims[-1].row.pk}" if len(claims) == likenesses.PAGE else ""
    return context | {"claims": claims, "page": Slice(len(claims), None, next_url, "pairs")}


def _key(given: str | None) -> UUID | None:
    try:
        return UUID(given) if given else None
    except ValueError:
        return None


@require_POST
@needs("people.manage")
def claim(request: HttpRequest) -> HttpResponse:
    form = ClaimForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = linking.claim(
                given["one"], given["other"], evidence=given["evidence"], reason=given["reason"], actor=request.actor
            )  # type: ignore[attr-defined]
        except Invalid as refusal:
            for name, words in refusal.fields.items():
                form.add_error(name, words)
        else:
            messages.success(request, "Said. It counts once another administrator, or the person, confirms it.")
            return redirect("identities:detail", organization=request.organization.slug, claim=made.pk)  # type: ignore[attr-defined]
    return render(request, "people/same.html", _page(request, form), status=422)


@require_POST
@needs("people.manage")
def apart(request: HttpRequest) -> HttpResponse:
    form = ApartForm(request.POST)
    if not form.is_valid():
        raise Invalid("Say in a few words why these are two people.", fields=dict(form.errors.items()))
    linking.tell_apart(**form.cleaned_data, actor=request.actor)  # type: ignore[attr-defined]
    messages.success(request, "Remembered: these are two people. Nobody is asked about them again.")
    return redirect("identities:pairs", organization=request.organization.slug)  # type: ignore[attr-defined]


def _visible(request: HttpRequest, claim: UUID) -> likenesses.Claimed:
    """The claim, for who looks after people and for the two it is about. Raises NotFound."""
    actor = request.actor  # type: ignore[attr-defined]
    _keep_auditors_out(request)
    found = likenesses.claimed(claim)
    if found is None or not (actor.may("people.view") or actor.person_id in (found.row.first_id, found.row.second_id)):
        raise NotFound("There is no such claim, or it is not about you.")
    return found


def _keep_auditors_out(request: HttpRequest) -> None:
    # An auditor holds no other role, so there is nobody here whom they could also be.
    if request.organization.is_auditor:  # type: ignore[attr-defined]
        raise NotFound("There is nothing here, or nothing you may see.")


@require_GET
def detail(request: HttpRequest, claim: UUID) -> HttpResponse:
    """One claim, what speaks for it, and what a link would uncover."""
    found = _visible(request, claim)
    actor = request.actor  # type: ignore[attr-defined]
    is_own = actor.person_id in (found.row.first_id, found.row.second_id)
    may_judge = actor.may("people.manage") or "executive" in request.organization.roles  # type: ignore[attr-defined]
    is_open = found.row.state == IdentityClaim.State.OPEN
    uncovered = likenesses.conflicts_if_one(found.row.first_id, found.row.second_id) if is_open and not is_own else []
    context = {
        "claimed": found,
        "is_own": is_own,
        "uncovered": uncovered,
        "toxic": likenesses.toxic_pair(found.row.first_id, found.row.second_id) if is_open else None,
        "may_confirm": is_open and (is_own or (may_judge and found.row.made_by_id != actor.person_id)),
        "may_dismiss": is_open and actor.may("people.manage"),
        "waits_for_another": is_open and found.row.made_by_id == actor.person_id,
    }
    return render(request, "people/same_claim.html", context)


@require_POST
def confirm(request: HttpRequest, claim: UUID) -> HttpResponse:
    """The link, made by whoever may confirm it; the service says who that is."""
    found = _visible(request, claim)
    linking.confirm(found.row.pk, actor=request.actor)  # type: ignore[attr-defined]
    messages.success(request, "Linked. From now on both count as one person.")
    return redirect("identities:detail", organization=request.organization.slug, claim=claim)  # type: ignore[attr-defined]


@require_GET
def own(request: HttpRequest) -> HttpResponse:
    """What others say of one's own accounts."""
    _keep_auditors_out(request)
    return render(request, "people/same_own.html", {"claims": likenesses.about([request.actor.person_id])})  # type: ignore[attr-defined]


urlpatterns = [
    path("settings/people/same", pairs, name="pairs"),
    path("settings/people/same/claim", claim, name="claim"),
    path("settings/people/same/apart", apart, name="apart"),
    path("settings/people/same/<uuid:claim>", detail, name="detail"),
    path("settings/people/same/<uuid:claim>/confirm", confirm, name="confirm"),
    path("profile/same", own, name="own"),
]
