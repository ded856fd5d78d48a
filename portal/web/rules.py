"""The rules of an organization: the rulebook, its own policy with a proposal of change, and its exceptions."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence.errors import Refused
from evidence.organizations.policies import DEFAULTS
from portal.accounts import roles
from portal.accounts.models import Person
from portal.edge.refusals import instead
from portal.edge.tenancy import needs
from portal.web.approvals import panel_of
from remediation.approvals.actions import ACTIONS
from remediation.policies import queries, services, simulation, wording
from remediation.policies.guards import WAIVABLE
from remediation.policies.models import Proposal
from remediation.sod import queries as sod
from remediation.sod import rulebook
from remediation.sod.duties import Duty
from remediation.sod.policy import ALLOWED, CONDITIONAL, parse

app_name = "rules"

SEVERITIES = ("critical", "high", "medium", "low")
# The duties of work that a page may ask about; the others stand on roles or are found out.
ASKABLE = (
    Duty.FINDER, Duty.OWNER, Duty.IMPLEMENTER, Duty.UPLOADER, Duty.VERIFIER, Duty.APPROVER, Duty.ACCEPTOR, Duty.PREPARER,
)  # fmt: skip


def _choices(numbers: frozenset[str] | tuple[str, ...]) -> list[tuple[str, str]]:
    return [(number, f"{number}: {rulebook.rule(number).sentence}") for number in sorted(numbers)]


def _pairs() -> list[tuple[str, str]]:
    keys = [key for key in roles.ROLES if key not in ("administrator", "auditor")]
    return [
        (f"{one}+{other}", f"{roles.ROLES[one].word} and {roles.ROLES[other].word}")
        for index, one in enumerate(sorted(keys))
        for other in sorted(keys)[index + 1 :]
    ]


class PolicyForm(forms.Form):
    """The segregation policy and its quorum, as one change."""

    allow = forms.MultipleChoiceField(
        label="Conditional rules that allow, for Medium and Low only",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    forbid = forms.MultipleChoiceField(
        label="Rules that are forbidden here besides", required=False, widget=forms.CheckboxSelectMultiple
    )
    toxic_roles = forms.MultipleChoiceField(
        label="Roles that never meet here, besides those of the product",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, bodies: dict[str, Any], **kwargs: Any) -> None:
        policy = parse(bodies["sod"])
        initial = {
            "allow": sorted(policy.allow),
            "forbid": sorted(policy.forbid),
            "toxic_roles": ["+".join(sorted(pair)) for pair in policy.toxic],
        }
        super().__init__(*args, initial=initial, **kwargs)
        self.fields["allow"].choices = _choices(CONDITIONAL)  # type: ignore[attr-defined]
        self.fields["forbid"].choices = _choices(ALLOWED)  # type: ignore[attr-defined]
        self.fields["toxic_roles"].choices = _pairs()  # type: ignore[attr-defined]
        for part, word in wording.PARTS.items():
            for severity in SEVERITIES:
                rule = bodies["quorum"][part][severity]
                self.fields[f"{part}_{severity}"] = forms.IntegerField(
                    label=f"{word}, {severity}: people", min_value=0, max_value=99, initial=rule["needed"]
                )
                self.fields[f"{part}_{severity}_departments"] = forms.BooleanField(
                    label="of distinct departments", required=False, initial=rule["distinct_departments"]
                )
        self.fields["votes_expire_days"] = forms.IntegerField(
            label="Days that votes live", min_value=0, max_value=99, initial=bodies["quorum"]["votes_expire_days"]
        )
        self.fields["reason"] = forms.CharField(label="Why", required=False, max_length=5000, widget=forms.Textarea)

    def bodies(self) -> dict[str, dict[str, Any]]:
        given = self.cleaned_data
        quorum: dict[str, Any] = {
            part: {
                severity: {
                    "needed": given[f"{part}_{severity}"],
                    "distinct_departments": given[f"{part}_{severity}_departments"],
                }
                for severity in SEVERITIES
            }
            for part in wording.PARTS
        }
        quorum["votes_expire_days"] = given["votes_expire_days"]
        pairs = [pair.split("+") for pair in given["toxic_roles"]]
        return {"sod": {"allow": given["allow"], "forbid": given["forbid"], "toxic_roles": pairs}, "quorum": quorum}


class ExceptionForm(forms.Form):
    """A dated exception while a team is small."""

    person = forms.ChoiceField(label="Who would do what the rule forbids")
    rules = forms.MultipleChoiceField(label="Rules", widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(label="For how many days, at most 90", initial=30)
    reviewer = forms.CharField(label="Who looks at it from outside", max_length=200)
    reason = forms.CharField(label="Why", max_length=5000, widget=forms.Textarea)

    def __init__(self, *args: Any, people: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].choices = [*people, ("", "Nobody: the quorum (Q-03)")]  # type: ignore[attr-defined]
        self.fields["person"].required = False
        self.fields["rules"].choices = _choices(WAIVABLE)  # type: ignore[attr-defined]


@require_GET
@needs("rules.view")
def table(request: HttpRequest) -> HttpResponse:
    """All families with their rules; `#S-07` is the place of one."""
    return render(request, "rules/rulebook.html", {"families": rulebook.families(), "place": "rulebook"})


@require_http_methods(["GET", "POST"])
@needs("rules.view")
def policy(request: HttpRequest) -> HttpResponse:
    """The policy in force with its versions; a POST shows what a change would do, or asks for it."""
    actor = request.actor  # type: ignore[attr-defined]
    values = queries.in_force(actor.organization_id)
    bodies = {kind: value.body for kind, value in values.items()}
    form = PolicyForm(request.POST or None, bodies=bodies)
    effect, refusal = None, None
    if request.method == "POST":
        actor.require("rules.propose")
        if form.is_valid():
            try:
                if request.POST.get("do") == "propose":
                    made = services.propose(form.bodies(), actor=actor, reason=form.cleaned_data["reason"])
                    messages.success(request, f"{made.ref} waits for somebody else's decision.")
                    return redirect("rules:proposal", request.organization.slug, made.pk)  # type: ignore[attr-defined]
                services.check(form.bodies(), organization_id=actor.organization_id)
                effect = queries.effect(actor.organization_id, form.bodies())
            except Refused as found:
                refusal = found
    context = {
        "place": "policy",
        "values": values,
        "form": form,
        "quorum_rows": _quorum_rows(form),
        "effect": effect,
        "refusal": refusal,
        "instead": instead(refusal) if refusal else "",
        "versions": queries.versions(actor.organization_id),
        "proposals": queries.proposals(actor.organization_id, kind=Proposal.Kind.POLICY),
        "may_propose": actor.may("rules.propose"),
        "default": DEFAULTS,
    }
    status = refusal.status if refusal else 422 if form.errors else 200
    return render(request, "rules/policy.html", context, status=status)


def _quorum_rows(form: PolicyForm) -> list[dict[str, Any]]:
    return [
        {
            "word": f"{word}, {severity}",
            "people": form[f"{part}_{severity}"],
            "places": form[f"{part}_{severity}_departments"],
        }
        for part, word in wording.PARTS.items()
        for severity in SEVERITIES
    ]


@require_GET
@needs("rules.view")
def proposal(request: HttpRequest, proposal_id: UUID) -> HttpResponse:
    """One proposal: what it would change, who gains, and its decision."""
    row = queries.get(proposal_id, actor=request.actor)  # type: ignore[attr-defined]
    asked = queries.Request.objects.filter(subject_type=services.SUBJECT, subject_id=row.pk).order_by("-id").first()
    content = asked.fields if asked else {}
    context = {
        "place": "exceptions" if row.kind == Proposal.Kind.WAIVER else "policy",
        "row": row,
        "asked": asked,
        "changes": content.get("changes", ()),
        "content": content,
        "carrier": _name(content.get("person")),
        "effect": _effect_now(row, asked),
        "panel": panel_of(request, asked) if asked else None,
    }
    return render(request, "rules/proposal.html", context)


def _effect_now(row: Proposal, asked: queries.Request | None) -> queries.Effect | None:
    if row.kind != Proposal.Kind.POLICY or asked is None or asked.state != "open":
        return None
    return queries.effect(row.organization_id, row.body["policies"])


def _name(person: str | None) -> str:
    return Person.objects.filter(pk=person).values_list("name", flat=True).first() or "" if person else ""


@require_http_methods(["GET", "POST"])
@needs("rules.view")
def exceptions(request: HttpRequest) -> HttpResponse:
    """Every exception with what it carried; a POST asks an executive for one."""
    actor = request.actor  # type: ignore[attr-defined]
    members = sod.members(actor.organization_id)
    people = [(str(member.person_id), member.name) for member in members if not member.roles & {"auditor"}]
    form = ExceptionForm(request.POST or None, people=people)
    refusal = None
    if request.method == "POST":
        actor.require("rules.propose")
        if form.is_valid():
            given = form.cleaned_data
            try:
                made = services.ask_exception(
                    person_id=UUID(given["person"]) if given["person"] else None,
                    rules=given["rules"],
                    reviewer=given["reviewer"],
                    days=given["days"],
                    reason=given["reason"],
                    actor=actor,
                )
            except Refused as found:
                refusal = found
            else:
                messages.success(request, f"{made.ref} waits for an executive.")
                return redirect("rules:proposal", request.organization.slug, made.pk)  # type: ignore[attr-defined]
    context = {
        "place": "exceptions",
        "waivers": queries.waivers(actor.organization_id),
        "proposals": queries.proposals(actor.organization_id, kind=Proposal.Kind.WAIVER),
        "form": form,
        "refusal": refusal,
        "instead": instead(refusal) if refusal else "",
        "may_propose": actor.may("rules.propose"),
        "may_end": actor.may("rules.propose") or actor.may("rules.waive"),
    }
    status = refusal.status if refusal else 422 if form.errors else 200
    return render(request, "rules/exceptions.html", context, status=status)


@require_POST
@needs("rules.view")
def end_exception(request: HttpRequest, waiver_id: UUID) -> HttpResponse:
    """End an exception before its date."""
    reason = request.POST.get("reason", "")[:5000]
    row = services.end_exception(waiver_id, actor=request.actor, reason=reason)  # type: ignore[attr-defined]
    messages.success(request, f"{row.ref} has ended.")
    return redirect(reverse("rules:exceptions", args=[request.organization.slug]))  # type: ignore[attr-defined]


class WhoMayForm(forms.Form):
    """Which item, which decision or duty; a person narrows it to one."""

    item = forms.CharField(label="Item, such as F-017", max_length=40)
    action = forms.ChoiceField(label="Decision", required=False)
    duty = forms.ChoiceField(label="Or duty", required=False)
    person = forms.ChoiceField(label="What if it were", required=False)

    def __init__(self, *args: Any, people: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["action"].choices = [("", "Any"), *((key, one.word) for key, one in ACTIONS.items())]  # type: ignore[attr-defined]
        self.fields["duty"].choices = [("", "That of the decision"), *((duty.value, duty.label) for duty in ASKABLE)]  # type: ignore[attr-defined]
        self.fields["person"].choices = [("", "Anybody"), *people]  # type: ignore[attr-defined]


@require_GET
@needs("rules.view")
def who_may(request: HttpRequest) -> HttpResponse:
    """Who could decide, or take a duty, on an item now, and why not the others."""
    actor = request.actor  # type: ignore[attr-defined]
    members = sod.members(actor.organization_id)
    people = [(str(member.person_id), member.name) for member in members]
    asked = bool(request.GET)
    form = WhoMayForm(request.GET if asked else None, people=people)
    answer, refusal = None, None
    if asked and form.is_valid():
        given = form.cleaned_data
        try:
            answer = simulation.ask(
                given["item"], action=given["action"], duty=given["duty"], person_id=given["person"], actor=actor
            )
        except Refused as found:
            refusal = found
    context = {
        "place": "who_may",
        "form": form,
        "answer": answer,
        "refusal": refusal,
        "instead": instead(refusal) if refusal else "",
    }
    return render(
        request, "rules/who_may.html", context, status=refusal.status if refusal else 422 if form.errors else 200
    )


urlpatterns = [
    path("settings/rules", table, name="rulebook"),
    path("settings/rules/policy", policy, name="policy"),
    path("settings/rules/proposals/<uuid:proposal_id>", proposal, name="proposal"),
    path("settings/rules/exceptions", exceptions, name="exceptions"),
    path("settings/rules/who-may", who_may, name="who_may"),
    path("settings/rules/exceptions/<uuid:waiver_id>/end", end_exception, name="end_exception"),
]
