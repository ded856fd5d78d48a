"""Findings: the list with its filters, the page of one finding, and every form that moves it."""

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods

from evidence.controls.models import Control, Criterion
from evidence.ledger import queries as ledger
from portal.edge.tenancy import needs
from portal.web import acts, finding_exports, history
from portal.web.approvals import panel_of
from portal.web.components import Filter, Slice, Step, View
from portal.web.finding_acts import ACTS, FactsForm
from remediation.approvals import queries as approvals
from remediation.approvals.actions import ACTIONS
from remediation.findings import queries
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.findings.services import operation
from remediation.findings.states import Severity, Source, State
from remediation.findings.transitions import next_step
from remediation.risk import queries as risks
from remediation.sod import queries as sod
from remediation.tasks import queries as tasks
from remediation.tasks.models import Plan, PlanState

app_name = "findings"
SUBJECT = "findings.finding"
VIEWS = (
    ("open", "Open"),
    ("mine", "Mine"),
    ("overdue", "Overdue"),
    ("verify", "To verify"),
    ("accepted", "Accepted or deferred"),
    ("fixed_hint", "Maybe fixed"),
    ("settled", "Closed"),
    ("all", "All"),
)
# The lifecycle as a reader sees it: the word, and the states in which a finding stands before its end.
STEPS = (
    ("Reported", (State.DRAFT,)),
    ("Triaged", (State.REPORTED,)),
    ("Root cause", (State.TRIAGED,)),
    ("Plan approved", (State.ANALYSED, State.PLANNED)),
    ("Fix and evidence", (State.IN_REMEDIATION,)),
    ("Verified", (State.READY_FOR_VERIFICATION,)),
    ("Closure approved", (State.VERIFIED,)),
    ("Closed", ()),
)
TIMELINE = 8


@require_GET
@needs("findings.view")
def listing(request: HttpRequest) -> HttpResponse:
    """Findings, soonest due first, fifty a page; every state of the list is a URL."""
    actor = request.actor  # type: ignore[attr-defined]
    known = queries.views(actor)
    chosen = request.GET.get("view", "open")
    chosen = chosen if chosen in known else "open"
    given = queries.filters_from(request.GET)
    filters = finding_exports.narrowed(known[chosen], given)
    page = queries.page(actor, filters, after=request.GET.get("after") or None)
    context = {
        "rows": page.rows,
        "page": Slice(len(page.rows), None, _next_url(request, page.next_key), "shown"),
        "filters": _filters(request),
        "is_filtered": given.is_narrow,
        "query": request.GET.urlencode(),
        "here": reverse("findings:list", args=[_slug(request)]),
        "may_report": actor.may("findings.report"),
        "may_import": actor.may("findings.import"),
        "view": chosen,
    }
    if not request.headers.get("HX-Request") or not request.GET.get("after"):
        wanted = {"to_triage": known["to_triage"], **{key: known[key] for key, _ in VIEWS}}
        # The navigation shows two of them, too.
        counts = request.finding_counts = queries.counts(actor, wanted)  # type: ignore[attr-defined]
        context["views"] = [
            View(word, f"?view={key}", str(counts[key]), key == chosen)  # type: ignore[arg-type]
            for key, word in VIEWS
        ]
    return render(request, "findings/list.html", context)


def _next_url(request: HttpRequest, key: str | None) -> str:
    if key is None:
        return ""
    params: QueryDict = request.GET.copy()
    params["after"] = key
    return f"?{params.urlencode()}"


def _filters(request: HttpRequest) -> list[Filter]:
    actor = request.actor  # type: ignore[attr-defined]
    people = [(str(one.person_id), one.name) for one in sod.members(actor.organization_id)]
    controls = Control.objects.filter(organization_id=actor.organization_id).order_by("number")
    named = controls.values_list("ref", "title")
    return [
        Filter("severity", "Severity", Severity.choices),
        Filter("state", "State", State.choices),
        Filter("owner", "Owner", [("none", "Nobody"), *people]),
        Filter("assignee", "Assignee", [("none", "Nobody"), *people]),
        Filter("criterion", "Criteria", list(Criterion.objects.values_list("identifier", "identifier"))),
        Filter("control", "Control", [(ref, f"{ref} {title}") for ref, title in named]),
        Filter("source", "Source", Source.choices),
        Filter("due", "Due", [("7", "Within 7 days"), ("30", "Within 30 days")]),
        Filter("order", "Order", [("new", "Newest first")]),
    ]


@require_GET
@needs("findings.view")
def detail(request: HttpRequest, ref: str) -> HttpResponse:
    """One finding with everything around it, and what its reader may do next."""
    actor = request.actor  # type: ignore[attr-defined]
    found = queries.detail(actor, ref)
    finding = found.finding
    work = tasks.work_of(finding)
    facts = ledger.history(SUBJECT, finding.pk)
    requests = approvals.requests_about(SUBJECT, finding.pk)
    waiting = [one for one in requests if one.state == "open"]
    for one in requests:
        one.word = ACTIONS[one.action].word  # type: ignore[attr-defined]
    panels = _panels(request, waiting)
    offered = acts.offered(ACTS, finding, actor)
    context = {
        "found": found,
        "finding": finding,
        "work": work,
        "steps": _steps(finding, work.plan),
        "timeline": history.entries(facts[: -TIMELINE - 1 : -1], _slug(request)),
        "events": len(facts),
        "last": facts[-1] if facts else None,
        "panels": panels,
        "decisions": [one for one in requests if not panels or one.pk != waiting[-1].pk],
        "acceptances": risks.acceptances(finding.pk),
        "deferrals": risks.deferrals(finding.pk),
        "acts": {group: [act for act in offered if act.group == group] for group in _groups(offered)},
        "next_step": next_step(finding.state),
        "is_paused": "Paused: deferred" if finding.state == State.DEFERRED else "",
        "operating": operation.is_satisfied(finding),
        "next_refs": _neighbours(finding),
    }
    return render(request, "findings/detail.html", context)


def _slug(request: HttpRequest) -> str:
    return request.organization.slug  # type: ignore[attr-defined, no-any-return]


def _groups(offered: list[acts.Act]) -> list[str]:
    return list(dict.fromkeys(act.group for act in offered))


def _panels(request: HttpRequest, requests: list[Any]) -> list[Any]:
    """The panel of the open request that waits longest; the others stand in the list of decisions."""
    if not requests or not request.actor.may("approvals.view"):  # type: ignore[attr-defined]
        return []
    return [panel_of(request, requests[-1])]


def _neighbours(finding: Finding) -> dict[str, str]:
    around = Finding.objects.filter(organization_id=finding.organization_id)
    before = around.filter(number__lt=finding.number).order_by("-number").values_list("ref", flat=True).first()
    after = around.filter(number__gt=finding.number).order_by("number").values_list("ref", flat=True).first()
    return {"before": before or "", "after": after or ""}


def _steps(finding: Finding, plan: Plan | None) -> list[Step]:
    stands = finding.returns_to or finding.state
    if finding.state == State.RISK_ACCEPTED:
        stands = finding.returns_to or State.TRIAGED
    if finding.state == State.CLOSED:
        at = len(STEPS)
    elif finding.state == State.REJECTED:
        at = 2 if finding.triaged_at else 1
    else:
        at = next((place for place, (_, states) in enumerate(STEPS) if stands in states), 0)
    steps = []
    for place, (word, _) in enumerate(STEPS):
        note = ""
        if word == "Closure approved" and finding.operating_needed:
            note = f"control ran {finding.operating_seen} of {finding.operating_needed}"
        if word == "Plan approved" and plan is not None and plan.state == PlanState.SUBMITTED:
            note = "waiting"
        state = "done" if place < at else "now" if place == at and finding.is_open else "todo"
        steps.append(Step(word, state, note))
    if finding.state == State.REJECTED:
        steps = [*steps[:at], Step("Rejected", "now")]
    return steps


@require_GET
@needs("findings.view")
def whole_history(request: HttpRequest, ref: str) -> HttpResponse:
    """Everything that happened to a finding, newest first."""
    finding = queries.find(request.actor, ref)  # type: ignore[attr-defined]
    facts = ledger.history(SUBJECT, finding.pk)
    return render(
        request,
        "findings/history.html",
        {"finding": finding, "timeline": history.entries(facts[::-1], _slug(request)), "events": len(facts)},
    )


@require_http_methods(["GET", "POST"])
@needs("findings.view")
def act(request: HttpRequest, ref: str, verb: str) -> HttpResponse:
    """One form, one service: /findings/F-017/do/verify."""
    finding = queries.find(request.actor, ref)  # type: ignore[attr-defined]
    to = reverse("findings:detail", args=[request.organization.slug, finding.ref])  # type: ignore[attr-defined]
    context = {
        "finding": finding,
        "criteria": _criteria(),
        "controls": _controls(request),
    }
    return acts.carry_out(request, acts.find(ACTS, verb), finding, template="findings/act.html", context=context, to=to)


@require_http_methods(["GET", "POST"])
@needs("findings.report")
def new(request: HttpRequest) -> HttpResponse:
    """Report a finding, or keep it as a draft."""
    actor = request.actor  # type: ignore[attr-defined]
    form = FactsForm(request.POST or None, actor=actor)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            made: list[Finding] = []
            keep = findings.draft if request.POST.get("do") == "draft" else findings.report
            refusal = acts.refused_onto(form, lambda: made.append(keep(actor=actor, **form.facts())))
            if refusal is None:
                return redirect("findings:detail", organization=request.organization.slug, ref=made[0].ref)  # type: ignore[attr-defined]
            status = refusal.status
    context = {"form": form, "criteria": _criteria(), "controls": _controls(request)}
    return render(request, "findings/new.html", context, status=status)


def _criteria() -> list[tuple[str, str]]:
    return list(Criterion.objects.values_list("identifier", "title"))


def _controls(request: HttpRequest) -> list[tuple[str, str]]:
    rows = Control.objects.filter(organization_id=request.organization.id, retired_at=None)  # type: ignore[attr-defined]
    return list(rows.order_by("number").values_list("ref", "title"))


urlpatterns = [
    *finding_exports.urlpatterns,
    path("findings", listing, name="list"),
    path("findings/new", new, name="new"),
    path("findings/<str:ref>", detail, name="detail"),
    path("findings/<str:ref>/history", whole_history, name="history"),
    path("findings/<str:ref>/do/<slug:verb>", act, name="act"),
]
