"""The review of access to the portal: open one, decide line by line, finish it as evidence."""

from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence.controls.models import Control
from evidence.errors import Refused
from portal.accounts import reviews
from portal.edge.tenancy import needs
from portal.web.acts import ON_THE_FORM
from remediation.sod import queries as sod

app_name = "reviews"


@require_http_methods(["GET", "POST"])
@needs("people.view")
def home(request: HttpRequest) -> HttpResponse:
    """Every review with how far it is; a new one is opened here."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        review = reviews.begin(actor=actor)
        messages.success(request, f"{review.ref} holds everybody's access as it stands now.")
        return redirect("reviews:detail", request.organization.slug, review.pk)  # type: ignore[attr-defined]
    found = list(reviews.listed(actor=actor)[:50])
    is_open = any(row.finished_at is None for row in found)
    return render(request, "reviews/home.html", {"reviews": found, "is_open": is_open})


@require_GET
@needs("people.view")
def detail(request: HttpRequest, review: str) -> HttpResponse:
    return _page(request, review)


@require_POST
@needs("people.view")
def decide(request: HttpRequest, line: str) -> HttpResponse:
    """Keep or revoke; what is revoked ends with this."""
    given = {"verdict": request.POST.get("verdict", ""), "reason": request.POST.get("reason", "")[:300]}
    decided = reviews.decide(line, actor=request.actor, **given)  # type: ignore[arg-type, attr-defined]
    return redirect("reviews:detail", request.organization.slug, decided.review_id)  # type: ignore[attr-defined]


@require_POST
@needs("people.view")
def finish(request: HttpRequest, review: str) -> HttpResponse:
    """Freeze it as evidence."""
    try:
        done = reviews.finish(review, actor=request.actor, control=request.POST.get("control", ""))  # type: ignore[arg-type, attr-defined]
    except ON_THE_FORM as refusal:
        return _page(request, review, refusal=refusal)
    messages.success(request, f"{done.ref} stands as evidence {done.artifact_ref}.")
    return redirect("reviews:detail", request.organization.slug, done.pk)  # type: ignore[attr-defined]


def _page(request: HttpRequest, key: str, refusal: Refused | None = None) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    review = reviews.find(key, actor=actor)  # type: ignore[arg-type]
    people: dict[Any, dict[str, Any]] = defaultdict(lambda: {"lines": []})
    waiting, own = 0, sod.same_people(actor.person_id)
    for line in review.lines.select_related("person", "decided_by").order_by("person__name", "kind", "id"):
        entry = people[line.person_id]
        entry["person"], entry["is_own"] = line.person, line.person_id in own
        entry["factors"], entry["last_seen"] = line.facts.get("factors"), line.facts.get("last_seen")
        entry["lines"].append(line)
        waiting += not line.verdict
    context = {
        "review": review,
        "people": list(people.values()),
        "waiting": waiting,
        "refusal": refusal,
        "controls": Control.objects.filter(organization_id=actor.organization_id).order_by("ref")[:200],
        "may_open_evidence": actor.may("evidence.view"),
    }
    return render(request, "reviews/detail.html", context, status=refusal.status if refusal else 200)


urlpatterns = [
    path("settings/access-reviews", home, name="home"),
    path("settings/access-reviews/<uuid:review>", detail, name="detail"),
    path("settings/access-reviews/<uuid:review>/finish", finish, name="finish"),
    path("settings/access-reviews/lines/<uuid:line>", decide, name="decide"),
]
