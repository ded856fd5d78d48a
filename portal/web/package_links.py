"""Who outside may have a package: its links, made and taken back, and its release to the engagement's auditors."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from evidence.errors import Invalid, NotFound, Refused
from portal.accounts.services import reauthenticate
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.packages import queries
from portal.packages.links import mail, releasing, services
from portal.packages.links import queries as links
from portal.packages.links.models import LONGEST_DAYS
from portal.packages.models import Package

app_name = "package_links"
SHOWN = 200
USES_SHOWN = 50


class LinkForm(forms.Form):
    """For whom, how long, and what it asks for; the proof of who makes it stands below."""

    recipient = forms.CharField(max_length=120, label="Recipient", help_text="The person and the company.")
    email = forms.EmailField(max_length=254, label="Their e-mail address")
    days = forms.IntegerField(
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=30,
        label="Days until it ends",
        help_text=f"At most {LONGEST_DAYS}.",
    )
    send = forms.BooleanField(
        required=False,
        initial=True,
        label="Send the link by e-mail now",
        help_text="Unticked, you copy it from this page and send it yourself.",
    )
    with_passphrase = forms.BooleanField(
        required=False,
        label="Ask for a passphrase too",
        help_text="It is shown here once. Give it by another way than the link: say it on the phone.",
    )


@outside_transaction
@sensitive_post_parameters("password", "code", "passkey")
@require_http_methods(["GET", "POST"])
def links_of(request: HttpRequest, package: UUID) -> HttpResponse:
    """The links of a package with their uses; a new one is shown on the answer that made it, once."""
    if not request.actor.may("packages.view"):  # type: ignore[attr-defined]
        raise NotFound("There is nothing here, or nothing you may see.")
    form = LinkForm(request.POST or None)
    made, status = None, 200
    if request.method == "POST":
        request.actor.require(services.SHARE)  # type: ignore[attr-defined]
        status = 422
        if form.is_valid():
            try:
                made, status = _made(request, package, form.cleaned_data), 200
            except Refused as refused:
                _say(form, refused)
    with inside(request):
        return render(request, "packages/links.html", _context(request, package, form, made), status=status)


def _made(request: HttpRequest, package: UUID, facts: dict[str, Any]) -> services.Made:
    # The proof stands even if the link is refused; what follows is one transaction.
    actor = reauthenticate(request, request.POST.get("password", ""))
    send = facts["send"]
    with inside(request):
        made = services.make(package, actor=actor, **{name: facts[name] for name in facts if name != "send"})
        if send:
            mail.send(
                made, address=address(made.token), sender=actor.name, organization=request.organization.name  # type: ignore[attr-defined]
            )  # fmt: skip
    return made


def _say(form: forms.Form, refused: Refused) -> None:
    if isinstance(refused, Invalid) and refused.fields:
        for name, said in refused.fields.items():
            for sentence in said:
                form.add_error(name if name in form.fields else None, sentence)
        return
    form.add_error(None, " ".join(filter(None, (refused.message, refused.help))))


def _context(request: HttpRequest, package: UUID, form: LinkForm, made: services.Made | None) -> dict[str, Any]:
    actor = request.actor  # type: ignore[attr-defined]
    row = queries.find(actor, package)
    uses = list(links.uses(row, actor)[: USES_SHOWN + 1])
    return {
        "package": row,
        "links": links.of_package(row, actor)[:SHOWN],
        "uses": uses[:USES_SHOWN],
        "has_more_uses": len(uses) > USES_SHOWN,
        "form": LinkForm() if made else form,
        "made": made,
        "address": address(made.token) if made else "",
        "sent": bool(made) and bool(form.cleaned_data.get("send")),
        "may_share": actor.may(services.SHARE) and row.is_final,
    }


def address(token: str) -> str:
    """Where the recipient opens the link."""
    return settings.CLEARHOLD_BASE_URL + reverse("recipients:page", args=[token])


@require_POST
@needs("packages.share")
def revoke(request: HttpRequest, link: UUID) -> HttpResponse:
    row = services.revoke(link, actor=request.actor, reason=request.POST.get("reason", "")[:400])  # type: ignore[attr-defined]
    messages.success(request, f"{row.ref} opens nothing any more.")
    return redirect("package_links:list", organization=request.organization.slug, package=row.package_id)  # type: ignore[attr-defined]


@require_POST
@needs("engagements.release")
def release(request: HttpRequest, package: UUID) -> HttpResponse:
    """Let the auditors of its engagement see it."""
    row: Package = queries.find(request.actor, package)  # type: ignore[attr-defined]
    releasing.release(row.pk, actor=request.actor)  # type: ignore[attr-defined]
    messages.success(request, f"The auditors of {row.engagement.ref} see it from now on.")
    return redirect("packages:detail", organization=request.organization.slug, package=row.pk)  # type: ignore[attr-defined]


urlpatterns = [
    path("packages/<uuid:package>/links", links_of, name="list"),
    path("packages/links/<uuid:link>/revoke", revoke, name="revoke"),
    path("packages/<uuid:package>/release", release, name="release"),
]
