"""Controls: the list, one control with its runs, coverage by week, and recording or explaining a run."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods

from evidence import clock
from evidence.actors import Actor
from evidence.controls.models import Control, Criterion, Frequency
from evidence.errors import NotFound
from evidence.ledger import queries as ledger
from portal.edge.tenancy import needs
from portal.web import acts, history
from portal.web.acts import Act, ActForm
from portal.web.components import Cell, Filter, HeatMap, HeatRow
from portal.web.finding_acts import artifact_id, lines
from remediation.findings.models import FindingControl
from remediation.monitoring import queries, services
from remediation.monitoring.models import Run, RunState
from remediation.sod import queries as sod

app_name = "controls"
WEEKS = 26
POOR = 50


@dataclass(frozen=True)
class Period:
    """The weeks a page shows: half a year that begins thirteen weeks ago, or what ?from= and ?to= say."""

    start: date
    end: date


def _period(request: HttpRequest) -> Period:
    today = clock.today(request.organization.timezone)  # type: ignore[attr-defined]
    start = _day(request.GET.get("from")) or today - timedelta(days=today.weekday() + 7 * 12)
    end = _day(request.GET.get("to")) or start + timedelta(days=7 * WEEKS - 1)
    if end < start or (end - start).days > 7 * 60:
        end = start + timedelta(days=7 * WEEKS - 1)
    return Period(start, end)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _controls(request: HttpRequest) -> list[Control]:
    rows = Control.objects.filter(organization_id=request.organization.id, retired_at=None)  # type: ignore[attr-defined]
    rows = rows.select_related("owner").prefetch_related("criterion_links")
    if criterion := request.GET.get("criterion", "")[:8]:
        rows = rows.filter(criterion_links__criterion_id=criterion)
    if owner := request.GET.get("owner", ""):
        rows = rows.filter(owner=None) if owner == "none" else rows.filter(owner_id=owner) if _is_id(owner) else rows
    if frequency := request.GET.get("frequency", "")[:12]:
        rows = rows.filter(frequency=frequency)
    if text := request.GET.get("q", "")[:100].strip():
        rows = rows.filter(title__icontains=text) | rows.filter(ref__iexact=text)
    return list(rows.order_by("number").distinct())


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _filters(request: HttpRequest) -> list[Filter]:
    people = [(str(one.person_id), one.name) for one in sod.members(request.organization.id)]  # type: ignore[attr-defined]
    return [
        Filter("criterion", "Criteria", list(Criterion.objects.values_list("identifier", "identifier"))),
        Filter("owner", "Owner", [("none", "Nobody"), *people]),
        Filter("frequency", "Frequency", Frequency.choices),
    ]


@require_GET
@needs("controls.view")
def listing(request: HttpRequest) -> HttpResponse:
    """Every control with its coverage so far and the open findings about it."""
    controls, period = _controls(request), _period(request)
    today = clock.today(request.organization.timezone)  # type: ignore[attr-defined]
    found = queries.coverage(request.organization.id, controls, period.start, min(period.end, today))  # type: ignore[attr-defined]
    open_findings: dict[Any, int] = {}
    about = FindingControl.objects.filter(control__in=controls).exclude(
        finding__state__in=["closed", "rejected", "draft"]
    )
    for control_id in about.values_list("control_id", flat=True):
        open_findings[control_id] = open_findings.get(control_id, 0) + 1
    context = {
        "lines": [(line, open_findings.get(line.control.pk, 0)) for line in found.lines],
        "filters": _filters(request),
        "is_filtered": any(request.GET.get(name) for name in ("criterion", "owner", "frequency", "q")),
    }
    return render(request, "controls/list.html", context)


@require_GET
@needs("controls.view")
def coverage(request: HttpRequest) -> HttpResponse:
    """Did each control run when it was due? Controls by weeks, with the chosen run below."""
    controls, period = _controls(request), _period(request)
    organization = request.organization  # type: ignore[attr-defined]
    found = queries.coverage(organization.id, controls, period.start, period.end)
    shown = found.lines
    if request.GET.get("gaps"):
        shown = [line for line in shown if line.has_gaps]
    today = clock.today(organization.timezone)
    this_week = queries.this_week(today)
    chosen = _chosen(request, found)
    context = {
        "found": found,
        "heat": heat(request, found, shown, this_week, chosen),
        "week": found.weeks.index(this_week) + 1 if this_week in found.weeks else None,
        "chosen": chosen,
        "line": next((line for line in found.lines if chosen and line.control.pk == chosen.control_id), None),
        "number": found.weeks.index(chosen.week) + 1 if chosen and chosen.week in found.weeks else None,
        "filters": [*_filters(request), Filter("gaps", "Only with gaps", [("1", "yes")])],
        "may_operate": request.actor.may("controls.operate"),  # type: ignore[attr-defined]
        "is_list": request.GET.get("show") == "list",
    }
    return render(request, "controls/coverage.html", context)


def heat(
    request: HttpRequest, found: queries.Coverage, lines: list[queries.Line], this_week: date, chosen: Run | None
) -> HeatMap:
    slug = request.organization.slug  # type: ignore[attr-defined]
    kept = request.GET.copy()
    rows = []
    for line in lines:
        cells = []
        for cell in line.cells:
            kept["run"] = str(cell.run_id)
            cells.append(
                Cell(
                    state=cell.state,
                    url=f"?{kept.urlencode()}#run" if cell.run_id else "",
                    note=f"{cell.operated} of {cell.runs} runs" if cell.runs > 1 else "explained" if cell.is_explained else "",
                    current=bool(chosen and cell.run_id == chosen.pk),
                )
            )  # fmt: skip
        share = line.share
        rows.append(
            HeatRow(
                ref=line.control.ref,
                title=line.control.title,
                cells=cells,
                url=reverse("controls:detail", args=[slug, line.control.ref]),
                score="n/a" if share is None else f"{share}%",
                poor=share is not None and share < POOR,
            )
        )
    return HeatMap(
        label="Coverage of controls by week",
        weeks=[str(number + 1) for number in range(len(found.weeks))],
        rows=rows,
        now=found.weeks.index(this_week) if this_week in found.weeks else None,
        groups=_months(found.weeks),
    )


def _months(weeks: list[date]) -> list[tuple[str, int]]:
    groups: list[tuple[str, int]] = []
    for week in weeks:
        word = f"{week:%b}"
        if groups and groups[-1][0] == word:
            groups[-1] = (word, groups[-1][1] + 1)
        else:
            groups.append((word, 1))
    return groups


def _chosen(request: HttpRequest, found: queries.Coverage) -> Run | None:
    """The run that ?run= names, else the latest gap that nobody explained."""
    key = request.GET.get("run", "")
    if not _is_id(key):
        gaps = [cell for line in found.lines for cell in line.cells if cell.state == RunState.MISSED]
        gaps = sorted((cell for cell in gaps if not cell.is_explained), key=lambda cell: cell.week)
        if not gaps:
            return None
        key = str(gaps[-1].run_id)
    return (
        Run.objects.filter(pk=key, organization_id=request.organization.id)  # type: ignore[attr-defined]
        .select_related("control", "control__owner", "artifact", "recorded_by", "explained_by")
        .first()
    )


@require_GET
@needs("controls.view")
def detail(request: HttpRequest, ref: str) -> HttpResponse:
    """One control: what it owes, how it ran, which findings are about it."""
    control = _control(request, ref)
    period = _period(request)
    found = queries.coverage(control.organization_id, [control], period.start, period.end)
    findings = FindingControl.objects.filter(control=control).select_related("finding", "finding__owner")
    facts = ledger.history("controls.control", control.pk)
    context = {
        "control": control,
        "line": found.lines[0],
        "heat": heat(request, found, found.lines, queries.this_week(clock.today()), None),
        "runs": queries.runs_of(control, period.start, period.end),
        "findings": [row.finding for row in findings.order_by("-finding__number")[:50]],
        "timeline": history.entries(facts[::-1][:12], request.organization.slug),  # type: ignore[attr-defined]
        "may_operate": request.actor.may("controls.operate"),  # type: ignore[attr-defined]
        "period": period,
    }
    return render(request, "controls/detail.html", context)


def _control(request: HttpRequest, ref: str) -> Control:
    found = (
        Control.objects.filter(organization_id=request.organization.id, ref=ref.upper()[:16])  # type: ignore[attr-defined]
        .select_related("owner")
        .prefetch_related("criterion_links__criterion", "owed")
        .first()
    )
    if found is None:
        raise NotFound(f"There is no control {ref} here.")
    return found


class RecordForm(ActForm):
    state = forms.ChoiceField(
        label="How it went",
        widget=forms.RadioSelect,
        choices=[
            (RunState.OPERATED, "Operated"),
            (RunState.PENDING, "It ran; the evidence follows"),
            (RunState.PARTIAL, "Partial"),
            (RunState.MISSED, "Missed"),
        ],
    )
    artifact = forms.CharField(
        max_length=16, required=False, label="Evidence", widget=forms.TextInput({"placeholder": "E-014"}),
        help_text="Needed when it operated.",
    )  # fmt: skip
    note = lines("What was done, or not", rows=3, required=False)


class ExplainForm(ActForm):
    words = lines("What happened and what it affected")


def _record(run: Run, form: Any, actor: Actor) -> Any:
    data = form.cleaned_data
    return services.record(
        run.pk, state=data["state"], actor=actor, note=data["note"],
        artifact_id=artifact_id(data["artifact"], actor) if data["artifact"] else None,
        expected_version=form.expected_version,
    )  # fmt: skip


ACTS: tuple[Act, ...] = (
    Act("record", "Record the run", RecordForm,
        lambda run, actor: actor.may("controls.operate") and run.state != RunState.MISSED, _record,
        "The run is recorded.", icon="check", group="next",
        hint="A result can be corrected downwards, never upwards: a missed run stays missed."),
    Act("explain", "Explain the gap", ExplainForm,
        lambda run, actor: actor.may("controls.operate") and run.state in (RunState.MISSED, RunState.PARTIAL)
        and not run.explanation,
        lambda run, form, actor: services.explain(
            run.pk, words=form.cleaned_data["words"], actor=actor, expected_version=form.expected_version),
        "The gap is explained; it stays a gap.", icon="message-square-text", group="next",
        hint="Said once and kept. The auditor sees it."),
)  # fmt: skip


@require_GET
@needs("controls.view")
def run_page(request: HttpRequest, ref: str, run: UUID) -> HttpResponse:
    """One run, with what can be done about it."""
    found = _run(request, ref, run)
    context = {
        "run": found,
        "control": found.control,
        "acts": acts.offered(ACTS, found, request.actor),  # type: ignore[attr-defined]
        "timeline": history.entries(ledger.history("monitoring.run", found.pk)[::-1], request.organization.slug),  # type: ignore[attr-defined]
    }
    return render(request, "controls/run.html", context)


@require_http_methods(["GET", "POST"])
@needs("controls.operate")
def act(request: HttpRequest, ref: str, run: UUID, verb: str) -> HttpResponse:
    """Record or explain a run."""
    found = _run(request, ref, run)
    to = reverse("controls:run", args=[request.organization.slug, found.control.ref, found.pk])  # type: ignore[attr-defined]
    context = {"run": found, "control": found.control}
    return acts.carry_out(request, acts.find(ACTS, verb), found, template="controls/act.html", context=context, to=to)


def _run(request: HttpRequest, ref: str, run: UUID) -> Run:
    found = (
        Run.objects.filter(pk=run, control__ref=ref.upper()[:16], organization_id=request.organization.id)  # type: ignore[attr-defined]
        .select_related("control", "control__owner", "artifact", "recorded_by", "explained_by")
        .first()
    )
    if found is None:
        raise NotFound("There is no such run here.")
    return found


urlpatterns = [
    path("controls", listing, name="list"),
    path("coverage", coverage, name="coverage"),
    path("controls/<str:ref>", detail, name="detail"),
    path("controls/<str:ref>/runs/<uuid:run>", run_page, name="run"),
    path("controls/<str:ref>/runs/<uuid:run>/do/<slug:verb>", act, name="act"),
]
