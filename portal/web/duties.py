"""The check on duties and the segregation of duties report: conflicts found, and a period's decisions with who did what."""

from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from evidence import clock
from evidence.counting import Count
from evidence.errors import Invalid, NotFound
from evidence.organizations.models import Organization
from evidence.vault import services as vault
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.jobs import services as jobs
from portal.packages import documents
from portal.watch import printing, queries, report, services, sweeps
from portal.watch.jobs import REPORT
from portal.watch.judgements import JUDGEMENTS
from portal.web import downloads, shell
from portal.web.components import Slice

app_name = "duties"


_standing = Count(lambda organization, person, now: queries.standing())


@shell.alarm
def alarm(request: HttpRequest) -> shell.Alarm | None:
    """While a proven conflict has a finding that nobody has settled, those who answer for it see it on every page."""
    if getattr(request, "organization", None) is None or not shell.can_ask():
        return None
    if not {"manager", "executive"} & set(request.organization.roles):  # type: ignore[attr-defined]
        return None
    count = _standing(request.organization.id)  # type: ignore[attr-defined]
    if not count:
        return None
    words = "A conflict of duties was" if count == 1 else f"{count} conflicts of duties were"
    return shell.Alarm(
        f"{words} found in the records.",
        "The check on duties judges all history again each night. Each conflict has its finding.",
        url=shell.named("duties:conflicts", organization=request.organization.slug),  # type: ignore[attr-defined]
        link="See which",
    )


@require_GET
@needs("duties.view")
def conflicts(request: HttpRequest) -> HttpResponse:
    """Every conflict found, newest first, and how the last check went."""
    try:
        page, following = queries.conflicts(before=request.GET.get("before", ""))
    except ValueError:
        page, following = queries.conflicts()
    more = f"?{urlencode({'before': following})}" if following else ""
    rounds = list(queries.rounds()[:5])
    words = {judgement.key: judgement.word for judgement in JUDGEMENTS}
    context = {
        "conflicts": page,
        "page": Slice(len(page), None, more, "conflicts"),
        "rounds": rounds,
        "judged": [(words.get(key, key), number) for key, number in rounds[0].judged.items()] if rounds else [],
        "standing": _standing(request.organization.id),  # type: ignore[attr-defined]
        "running": queries.under_way(),
    }
    return render(request, "duties/conflicts.html", context)


@require_POST
@needs("duties.view")
def check(request: HttpRequest) -> HttpResponse:
    """Judge everything now, unless that is under way."""
    _, is_new = sweeps.check_now(actor=request.actor)  # type: ignore[attr-defined]
    if not is_new:
        messages.info(request, "This is under way already; here is how far it is.")
    return redirect("duties:conflicts", organization=request.organization.slug)  # type: ignore[attr-defined]


def _period(request: HttpRequest) -> report.Period:
    zone = request.organization.timezone  # type: ignore[attr-defined]
    return report.period(request.GET.get("from", ""), request.GET.get("to", ""), zone=zone)


@require_GET
@needs("duties.view")
def period_report(request: HttpRequest) -> HttpResponse:
    """The report of a period: fifty decisions a page, and everything that stood beside them."""
    fault = None
    try:
        chosen = _period(request)
    except Invalid as refusal:
        fault, chosen = refusal, report.period("", "", zone=request.organization.timezone)  # type: ignore[attr-defined]
    rows, more = report.decisions(chosen, after=request.GET.get("after", ""))
    kept = {"from": chosen.start.isoformat(), "to": chosen.end.isoformat()}
    found = report.summary(request.organization.id, chosen)  # type: ignore[attr-defined]
    context = {
        "period": chosen,
        "fault": fault,
        "rows": rows,
        "found": found,
        "page": Slice(
            len(rows), found.counts["decisions"] if not request.GET.get("after") else None,
            f"?{urlencode(kept | {'after': more})}" if more else "", "decisions",
        ),
        "query": urlencode(kept),
        "is_long": found.counts["decisions"] > printing.AT_ONCE,
    }  # fmt: skip
    return render(request, "duties/report.html", context, status=422 if fault else 200)


@outside_transaction
@require_GET
@needs("duties.view")
def report_csv(request: HttpRequest) -> HttpResponseBase:
    """The decisions as they are read, a batch at a time, in one transaction that lasts as long as the answer."""
    chosen = _period(request)
    with inside(request):
        services.record_report(
            actor=request.actor,  # type: ignore[attr-defined]
            data={"from": chosen.start.isoformat(), "to": chosen.end.isoformat(), "form": "csv"},
        )

    def pieces() -> Iterator[bytes]:
        with inside(request):
            yield from printing.csv_lines(chosen)

    response = StreamingHttpResponse(pieces(), content_type="text/csv; charset=utf-8")
    name = f"segregation-of-duties-{chosen.start}-{chosen.end}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return downloads.private(response)


@outside_transaction
@require_GET
@needs("duties.view")
def report_pdf(request: HttpRequest) -> HttpResponseBase:
    """The report as a PDF: at once, or by a job when it is long."""
    chosen = _period(request)
    actor = request.actor  # type: ignore[attr-defined]
    with inside(request):
        organization = Organization.objects.get(pk=actor.organization_id)
        order = printing.Order(organization, chosen, actor.name, clock.now())
        count = report.summary(organization.pk, chosen, limit=1).counts["decisions"]
        if count > printing.AT_ONCE:
            args = {"start": chosen.start.isoformat(), "end": chosen.end.isoformat(), "zone": chosen.zone}
            job = jobs.enqueue(REPORT, actor=actor, args=args, title=f"Segregation of duties report, {chosen.words}")
            return redirect("jobs:detail", organization=organization.slug, job=job.pk)
        made = printing.document(order)
    printed = documents.printed(made)
    with inside(request):
        services.record_report(actor=actor, data=printing.told(printed, order, count))
    return _pdf(HttpResponse(printed.content), printed.sha256, chosen.start, chosen.end)


@require_GET
@needs("duties.view")
def report_file(request: HttpRequest, made: UUID) -> HttpResponseBase:
    """The file of a long report."""
    found = printing.find(made)
    if found is None:
        raise NotFound("There is no such report.")
    return _pdf(StreamingHttpResponse(vault.open(found.blob)), found.sha256, found.start, found.end)


def _pdf(response: HttpResponseBase, sha256: str, start: object, end: object) -> HttpResponseBase:
    response["Content-Type"] = "application/pdf"
    response["Content-Disposition"] = f'attachment; filename="segregation-of-duties-{start}-{end}.pdf"'
    response["X-SHA256"] = sha256
    return downloads.private(response)


urlpatterns = [
    path("duties", period_report, name="report"),
    path("duties/report.csv", report_csv, name="report_csv"),
    path("duties/report.pdf", report_pdf, name="report_pdf"),
    path("duties/reports/<uuid:made>", report_file, name="report_file"),
    path("duties/conflicts", conflicts, name="conflicts"),
    path("duties/check", check, name="check"),
]
