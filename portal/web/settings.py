"""The organization's policies: what is in force, since when, and a new version of it."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from evidence.errors import NotFound
from evidence.organizations import queries, services
from evidence.organizations.models import Policy
from evidence.organizations.policies import DEFAULTS, LIMITS
from evidence.retention.models import Trigger
from portal.edge.tenancy import needs

app_name = "settings"

WORDS = {
    "sla": ("Due dates", "How long triage and remediation may take, by severity, and which days are no business days."),
    "risk_expiry": ("Risk acceptance", "How long an acceptance may last at most, and how often it may be renewed."),
    "access": (
        "Access",
        "Which roles must show a second factor, and when sessions end: only sooner than 15 minutes and 8 hours.",
    ),
    "publication": (
        "Publication",
        "Whether anyone may fetch the signed checkpoints of the history: its size, its root and hashes, nothing else.",
    ),
    "uploads": ("Uploads", "How large one piece of evidence may be."),
    "packages": (
        "Packages",
        "How large one volume of exhibits may be, 1 to 500 MB; what is larger is split. How much of the originals stands in the PDF, 0 to 1,000 MB; the others go in a ZIP beside it.",
    ),
    "scrub": (
        "Checks of stored files",
        "After how many days at most every stored file was read and hashed again, 1 to 30.",
    ),
    "retention": (
        "Retention",
        "How many years evidence is kept, by class, and from which day they run. Nothing is disposed of by itself.",
    ),
    "personal_data": ("Personal data", "Whose e-mail addresses are your own people's, so that they hold no file."),
    "freshness": ("Freshness", "After how many days evidence counts as stale, by how often a control runs."),
    "operating_history": (
        "Operating history",
        "How often a repaired control must run before it may count as operating.",
    ),
}


# Leaves with a closed set of answers, by the policy and the leaf's name.
CHOICES = {("retention", "from"): [(trigger.value, trigger.label) for trigger in Trigger]}


def _flatten(body: Any, prefix: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(body, dict):
        return [pair for key, value in body.items() for pair in _flatten(value, (*prefix, key))]
    return [(prefix, body)]


class PolicyForm(forms.Form):
    """One field per leaf of the policy's default, of the default's own kind."""

    def __init__(self, *args: Any, kind: str, body: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.leaves = _flatten(DEFAULTS[kind])
        current = dict(_flatten(body))
        for path_, default in self.leaves:
            choices = CHOICES.get((kind, path_[-1]))
            field = _field(path_, default, current.get(path_, default), choices)
            if limits := LIMITS.get(kind, {}).get(".".join(path_)):
                field.validators += [MinValueValidator(limits[0]), MaxValueValidator(limits[1])]
            self.fields[".".join(path_)] = field

    def body(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for path_, default in self.leaves:
            value = self.cleaned_data[".".join(path_)]
            if isinstance(default, list):
                value = [item.strip() for item in value.split(",") if item.strip()]
                value = [int(item) for item in value] if default and isinstance(default[0], int) else value
            target = made
            for key in path_[:-1]:
                target = target.setdefault(key, {})
            target[path_[-1]] = value
        return made


def _field(
    path_: tuple[str, ...], default: Any, current: Any, choices: list[tuple[str, str]] | None = None
) -> forms.Field:
    label = " · ".join(
        part.replace("_", " ").capitalize() if index == 0 else part.replace("_", " ")
        for index, part in enumerate(path_)
    )
    if choices:
        return forms.ChoiceField(label=label, initial=current, choices=choices)
    if isinstance(default, bool):
        return forms.BooleanField(label=label, initial=current, required=False)
    if isinstance(default, int):
        return forms.IntegerField(label=label, initial=current, min_value=0)
    if path_ == ("own_domains",):
        return forms.RegexField(
            r"^\s*([a-z0-9.-]+\s*(,\s*[a-z0-9.-]+\s*)*)?$",
            label=label,
            required=False,
            initial=", ".join(map(str, current)),
            help_text="Domains as lumenroll.com, with commas. Addresses there hold no file back.",
        )
    if isinstance(default, list):
        pattern = r"^\s*(\d+\s*(,\s*\d+\s*)*)?$" if default else r"^\s*(\d{4}-\d\d-\d\d\s*(,\s*\d{4}-\d\d-\d\d\s*)*)?$"
        return forms.RegexField(
            pattern,
            label=label,
            required=False,
            initial=", ".join(map(str, current)),
            help_text="Numbers, with commas." if default else "Dates as 2026-12-25, with commas.",
        )
    return forms.CharField(label=label, initial=current)


@require_GET
@needs("people.view")
def policies(request: HttpRequest) -> HttpResponse:
    """All policies with the version in force."""
    in_force = [
        {"kind": kind, "word": word, "sentence": sentence, "value": queries.policy(request.organization.id, kind)}  # type: ignore[attr-defined]
        for kind, (word, sentence) in WORDS.items()
    ]
    return render(
        request, "settings/policies.html", {"policies": in_force, "may_set": request.actor.may("settings.manage")}
    )  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@needs("people.view")
def policy(request: HttpRequest, kind: str) -> HttpResponse:
    """One policy with its versions; saving makes a new version and changes none."""
    if kind not in WORDS:
        raise NotFound("There is no such policy.")
    actor = request.actor  # type: ignore[attr-defined]
    value = queries.policy(actor.organization_id, kind)
    form = PolicyForm(request.POST or None, kind=kind, body=value.body)
    if request.method == "POST":
        actor.require("settings.manage")
        if form.is_valid():
            made = services.set_policy(kind, form.body(), actor=actor)
            messages.success(request, f"Version {made.version} is in force from now on.")
            return redirect("settings:policy", organization=request.organization.slug, kind=kind)  # type: ignore[attr-defined]
    versions = Policy.objects.filter(organization_id=actor.organization_id, kind=kind).select_related("set_by")
    context = {
        "form": form,
        "kind": kind,
        "word": WORDS[kind][0],
        "sentence": WORDS[kind][1],
        "value": value,
        "versions": [
            {"row": row, "body": json.dumps(row.body, indent=1)} for row in versions.order_by("-version")[:50]
        ],
        "may_set": actor.may("settings.manage"),
    }
    return render(request, "settings/policy.html", context, status=422 if form.errors else 200)


urlpatterns = [
    path("settings/policies", policies, name="policies"),
    path("settings/policies/<slug:kind>", policy, name="policy"),
]
