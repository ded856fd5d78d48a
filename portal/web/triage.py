"""The triage inbox: what was reported, a panel to judge one finding, and a bar to judge many after a preview."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from evidence.controls.models import Control, Criterion
from evidence.errors import Invalid
from portal.edge.tenancy import needs
from portal.web import acts, shell
from portal.web.acts import people_choices, person, tokens
from portal.web.components import Filter, Slice, View
from portal.web.finding_acts import ACTS, TriageForm
from remediation.findings import queries, severity, sla
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.findings.states import Severity, Source, State

app_name = "triage"
VIEWS = (
    ("to_triage", "To triage", queries.Filters(states=(State.REPORTED,))),
    ("severe", "Critical and high", queries.Filters(states=(State.REPORTED,), severities=("critical", "high"))),
    ("late", "Past due", queries.Filters(states=(State.REPORTED,), overdue=True)),
    ("fixed_hint", "Maybe fixed", queries.Filters(proposed_fixed=True)),
    ("drafts", "Drafts", queries.Filters(states=(State.DRAFT,))),
)
MOST_AT_ONCE = 200
# What the navigation counts no further than.
WAITING_SHOWN, OPEN_SHOWN = 99, 999


def counted(request: HttpRequest) -> dict[str, queries.Count]:
    """How many findings are open and how many wait for triage; asked once a request."""
    known: dict[str, queries.Count] | None = getattr(request, "finding_counts", None)
    if known is None:
        views = queries.views(request.actor)  # type: ignore[attr-defined]
        wanted = {key: views[key] for key in ("open", "to_triage")}
        known = queries.counts(request.actor, wanted, ceiling=OPEN_SHOWN)  # type: ignore[attr-defined]
        request.finding_counts = known  # type: ignore[attr-defined]
    return known


@shell.count("triage")
def waiting(request: HttpRequest) -> int:
    """How many findings wait for triage, no further than 99."""
    return min(counted(request)["to_triage"].number, WAITING_SHOWN)


@shell.count("findings")
def open_findings(request: HttpRequest) -> int:
    return min(counted(request)["open"].number, OPEN_SHOWN)


class BulkForm(forms.Form):
    """What all ticked findings get. Severity is each finding's own unless one is chosen."""

    owner = forms.ChoiceField(label="Owner")
    severity = forms.ChoiceField(choices=[("", "Each its own"), *Severity.choices], required=False, label="Severity")
    rationale = forms.CharField(label="Why these severities", widget=forms.Textarea({"rows": 2}))
    criteria = forms.CharField(
        required=False, label="Criteria for all", widget=forms.TextInput({"list": "criteria", "placeholder": "CC6.2"})
    )
    duplicates_searched = forms.BooleanField(label="I looked for duplicates")

    def __init__(self, *args: Any, actor: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].choices = people_choices(actor, none="Choose")  # type: ignore[attr-defined]


@require_GET
@needs("findings.triage")
def inbox(request: HttpRequest) -> HttpResponse:
    """The list and, beside it, the finding that ?ref= names or the first."""
    return _show(request, None, None)


@require_POST
@needs("findings.triage")
def judge(request: HttpRequest, ref: str) -> HttpResponse:
    """Accept and assign one finding from the panel, then on to the next."""
    actor = request.actor  # type: ignore[attr-defined]
    finding = queries.find(actor, ref)
    act = acts.find(ACTS, "triage")
    form = TriageForm(request.POST, subject=finding, actor=actor)
    if form.is_valid():
        refusal = acts.refused_onto(form, lambda: act.run(finding, form, actor))
        if refusal is None:
            messages.success(request, f"{finding.ref} is triaged and assigned.")
            return redirect(f"{reverse('triage:inbox', args=[request.organization.slug])}?{request.GET.urlencode()}")  # type: ignore[attr-defined]
        return _show(request, finding, form, status=refusal.status)
    return _show(request, finding, form, status=422)


def _show(request: HttpRequest, finding: Finding | None, form: TriageForm | None, status: int = 200) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    chosen = next((one for one in VIEWS if one[0] == request.GET.get("view")), VIEWS[0])
    given = queries.filters_from(request.GET)
    filters = queries.Filters(
        states=chosen[2].states, severities=given.severities or chosen[2].severities, overdue=chosen[2].overdue,
        proposed_fixed=chosen[2].proposed_fixed, criterion=given.criterion, source=given.source, text=given.text,
    )  # fmt: skip
    page = queries.page(actor, filters, after=request.GET.get("after") or None)
    counts = queries.counts(actor, {key: view for key, _, view in VIEWS})
    if finding is None:
        finding = _chosen(request, page.rows)
    context: dict[str, Any] = {
        "rows": page.rows,
        "page": Slice(len(page.rows), None, _url(request, after=page.next_key) if page.next_key else "", "shown"),
        "views": [View(word, f"?view={key}", str(counts[key]), key == chosen[0]) for key, word, _ in VIEWS],  # type: ignore[arg-type]
        "view": chosen[0],
        "filters": [
            Filter("severity", "Severity", Severity.choices),
            Filter("criterion", "Criteria", list(Criterion.objects.values_list("identifier", "identifier"))),
            Filter("source", "Source", Source.choices),
        ],
        "is_filtered": given.is_narrow,
        "kept": request.GET.urlencode(),
    }
    if finding is not None:
        context |= _panel(request, finding, form, page.rows)
    return render(request, "triage/inbox.html", context, status=status)


def _chosen(request: HttpRequest, rows: Sequence[queries.Row]) -> Finding | None:
    ref = request.GET.get("ref", "")
    if ref:
        return queries.find(request.actor, ref)  # type: ignore[attr-defined]
    return queries.find(request.actor, rows[0].ref) if rows else None  # type: ignore[attr-defined]


def _panel(
    request: HttpRequest, finding: Finding, form: TriageForm | None, rows: Sequence[queries.Row]
) -> dict[str, Any]:
    actor = request.actor  # type: ignore[attr-defined]
    refs = [row.ref for row in rows]
    place = refs.index(finding.ref) if finding.ref in refs else -1
    rules = sla.rules(finding.organization_id)
    criteria = [row.criterion_id for row in finding.criterion_rows.order_by("criterion__position")]
    controls = [row.control.ref for row in finding.control_rows.select_related("control")]
    if form is None:
        form = TriageForm(
            subject=finding, actor=actor,
            initial={"criteria": ", ".join(criteria), "controls": ", ".join(controls), "severity": finding.severity},
        )  # fmt: skip
    return {
        "finding": finding,
        "form": form,
        "may_judge": finding.state == State.REPORTED,
        "similar": queries.similar(finding),
        "suggestion": _suggestion(finding),
        "dues": [
            (choice, Severity(choice).label, sla.due_for(choice, finding.clock_started_at, rules), rules.remediate_days[choice])
            for choice in Severity.values
        ],
        "mapped": [*criteria, *controls],
        "previous_url": _url(request, ref=refs[place - 1]) if place > 0 else "",
        "next_url": _url(request, ref=refs[place + 1]) if 0 <= place < len(refs) - 1 else "",
        "offered": [act for act in acts.offered(ACTS, finding, actor) if act.verb != "triage"],
        "criteria": list(Criterion.objects.values_list("identifier", "title")),
        "controls": list(
            Control.objects.filter(organization_id=actor.organization_id, retired_at=None)
            .order_by("number")
            .values_list("ref", "title")
        ),
    }  # fmt: skip


def _suggestion(finding: Finding) -> tuple[str, str]:
    """A severity worth considering, and why; empty when nothing speaks for another."""
    if finding.kev:
        return Severity.CRITICAL, "It is known to be exploited, which makes it critical."
    if finding.likelihood and finding.impact:
        found = severity.suggested(finding.likelihood, finding.impact)
        if found != finding.severity:
            return found, f"Likelihood {finding.likelihood} times impact {finding.impact}."
    return "", ""


def _url(request: HttpRequest, **changes: str | None) -> str:
    params = request.GET.copy()
    for name, value in changes.items():
        if value is None:
            params.pop(name, None)
        else:
            params[name] = value
    return f"?{params.urlencode()}"


@require_POST
@needs("findings.triage")
def bulk(request: HttpRequest) -> HttpResponse:
    """Many findings at once: first a preview that says which can and which cannot, then the change."""
    actor = request.actor  # type: ignore[attr-defined]
    ids = _ids(request)
    is_first = request.POST.get("do") == "triage"
    form = BulkForm(None if is_first else request.POST, actor=actor)
    preview: list[findings.Outcome] = []
    if not is_first and form.is_valid():
        data = form.cleaned_data
        given = {
            "owner_id": person(data["owner"]),
            "rationale": data["rationale"],
            "criteria": tokens(data["criteria"]),
        }
        if request.POST.get("do") == "commit":
            return _commit(request, ids, {**given, "severity": data["severity"] or None})
        preview = findings.preview_triage(ids, actor=actor, **given)
    rows = Finding.objects.filter(organization_id=actor.organization_id, pk__in=ids).order_by("number")
    context = {
        "rows": rows,
        "form": form,
        "preview": preview,
        "can": sum(one.refusal is None for one in preview),
        "cannot": sum(one.refusal is not None for one in preview),
        "criteria": list(Criterion.objects.values_list("identifier", "title")),
    }
    return render(request, "triage/bulk.html", context, status=422 if form.is_bound and form.errors else 200)


def _commit(request: HttpRequest, ids: list[UUID], given: dict[str, Any]) -> HttpResponse:
    outcomes = findings.triage_many(ids, actor=request.actor, **given)  # type: ignore[attr-defined]
    changed = [one for one in outcomes if one.refusal is None]
    left = [one for one in outcomes if one.refusal is not None]
    if changed:
        messages.success(request, f"{len(changed)} triaged and assigned: {', '.join(one.ref for one in changed)}.")
    for one in left[:5]:
        messages.warning(request, f"{one.ref} was left: {one.refusal}")
    if len(left) > 5:
        messages.warning(request, f"{len(left) - 5} more were left as they are.")
    return redirect("triage:inbox", organization=request.organization.slug)  # type: ignore[attr-defined]


def _ids(request: HttpRequest) -> list[UUID]:
    given = request.POST.getlist("id")
    if not given:
        raise Invalid("Nothing is ticked.", help="Tick the findings first, then choose what to do.")
    if len(given) > MOST_AT_ONCE:
        raise Invalid(f"At most {MOST_AT_ONCE} findings at once.", help="Tick fewer of them.")
    try:
        return [UUID(one) for one in given]
    except ValueError as error:
        raise Invalid("These are no findings.") from error


urlpatterns = [
    path("triage", inbox, name="inbox"),
    path("triage/bulk", bulk, name="bulk"),
    path("triage/<str:ref>", judge, name="judge"),
]
