"""Settings, Documents: what packages and letters are printed with, who signs them, and how large a volume may be."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from evidence.errors import Invalid, NotFound
from evidence.organizations import queries as settings_of
from portal.edge.tenancy import needs
from portal.packages import letterheads
from portal.packages.models import Letterhead, Paper
from portal.packages.signing import queries as signatures

app_name = "documents"
SHOWN = 50


class LetterheadForm(forms.Form):
    name = forms.CharField(
        max_length=200, required=False, label="Name on documents", help_text="Left empty, the organization’s name."
    )
    address = forms.CharField(
        max_length=letterheads.ADDRESS_LINES * (letterheads.LINE + 2),
        required=False,
        label="Address",
        help_text=f"Up to {letterheads.ADDRESS_LINES} lines, on letters only.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    accent = forms.CharField(
        max_length=7,
        required=False,
        label="Accent colour",
        help_text="As #0f5c63. White text on it needs a contrast of 4.5 to 1; left empty, the product’s own.",
    )
    paper = forms.ChoiceField(choices=Paper.choices, label="Paper", help_text="Each package may choose the other.")
    logo = forms.FileField(
        required=False,
        label="Logo",
        help_text="PNG or JPEG up to 2 MB. It is read in a limited process, put on white and made small.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"}),
    )
    without_logo = forms.BooleanField(required=False, label="Take the logo away")


@require_http_methods(["GET", "POST"])
@needs("people.view")
def documents(request: HttpRequest) -> HttpResponse:
    """What is in force, and a new version of it."""
    actor = request.actor  # type: ignore[attr-defined]
    shown = letterheads.in_force(actor.organization_id)
    initial = {name: getattr(shown, name) for name in ("name", "address", "accent", "paper")}
    form = LetterheadForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST":
        actor.require("settings.manage")
        if form.is_valid() and _changed(form, actor):
            messages.success(request, "Documents printed from now on look so.")
            return redirect("documents:home", organization=request.organization.slug)  # type: ignore[attr-defined]
    rows = Letterhead.objects.filter(organization_id=actor.organization_id).select_related("set_by").defer("logo")
    context = {
        "form": form,
        "shown": shown,
        "versions": rows.order_by("-version")[:SHOWN],
        "may_set": actor.may("settings.manage"),
        "signature": signatures.last(actor.organization_id),
        "volume_megabytes": settings_of.policy(actor.organization_id, "packages").body["volume_megabytes"],
    }
    return render(request, "settings/documents.html", context, status=422 if form.errors else 200)


def _changed(form: LetterheadForm, actor: Any) -> bool:
    try:
        letterheads.change(letterheads.Wanted(**form.cleaned_data), actor=actor)
    except Invalid as refusal:
        for name, words in refusal.fields.items():
            form.add_error(name if name in form.fields else None, words)
        return False
    return True


@require_GET
@needs("people.view")
def logo(request: HttpRequest) -> HttpResponse:
    """The picture as it is printed. It was made here, from pixels alone."""
    shown = letterheads.in_force(request.actor.organization_id)  # type: ignore[attr-defined]
    if not shown.logo:
        raise NotFound("There is no logo.")
    answer = HttpResponse(shown.logo, content_type="image/png")
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


urlpatterns = [
    path("settings/documents", documents, name="home"),
    path("settings/documents/logo", logo, name="logo"),
]
