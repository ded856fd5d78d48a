"""`findings/`: the list, one finding, and every step of its life that its finder, triager or owner takes."""

from dataclasses import fields
from typing import Any

from django.db import connections
from django.http import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence import tenancy
from evidence.errors import Invalid, TooLarge
from portal.api.steps import Act, ReasonIn, call, checked, step, waiting
from portal.api.views import NounView, OwnTransactionView, versioned
from portal.edge.tenancy import inside
from portal.packages import forms, listing
from portal.web import finding_exports
from portal.web.packages import attachment
from remediation.findings import queries
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.findings.states import LinkKind, RootCause, Severity, Source, State

_COLUMNS = tuple(item.name for item in fields(queries.Row) if item.name not in ("owner_name", "assignee_name"))


class PersonOut(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class FindingOut(serializers.Serializer):
    """One line of the list. Times are UTC; `version` is what If-Match compares."""

    id = serializers.UUIDField()
    ref = serializers.CharField()
    number = serializers.IntegerField()
    title = serializers.CharField()
    severity = serializers.ChoiceField(choices=Severity.choices)
    state = serializers.ChoiceField(choices=State.choices)
    source = serializers.ChoiceField(choices=Source.choices)
    asset = serializers.CharField()
    audit_rating = serializers.CharField()
    cycle = serializers.IntegerField()
    version = serializers.IntegerField()
    detected_at = serializers.DateTimeField()
    reported_at = serializers.DateTimeField(allow_null=True)
    clock_started_at = serializers.DateTimeField()
    triage_due_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    current_due_at = serializers.DateTimeField()
    proposed_fixed_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    design_only = serializers.BooleanField()
    is_restricted = serializers.BooleanField(help_text="Only those let in see it.")
    owner = PersonOut(allow_null=True)
    assignee = PersonOut(allow_null=True)
    criteria = serializers.ListField(child=serializers.CharField())
    controls = serializers.ListField(child=serializers.CharField())


class FindingPage(serializers.Serializer):
    results = FindingOut(many=True)
    next = serializers.CharField(allow_null=True)


class CommentOut(serializers.Serializer):
    id = serializers.UUIDField()
    author = PersonOut()
    body = serializers.CharField()
    internal = serializers.BooleanField()
    at = serializers.DateTimeField()


class LinkOut(serializers.Serializer):
    kind = serializers.ChoiceField(choices=LinkKind.choices)
    other = serializers.CharField(help_text="The other finding's public id.")


class OccurrenceOut(serializers.Serializer):
    seen_at = serializers.DateTimeField()
    location = serializers.CharField()
    cycle = serializers.IntegerField()
    file = serializers.CharField()


class FindingDetail(FindingOut):
    description = serializers.CharField()
    source_ref = serializers.CharField()
    tool = serializers.CharField()
    rule_id = serializers.CharField()
    original_severity = serializers.ChoiceField(choices=Severity.choices)
    severity_rationale = serializers.CharField()
    cvss_vector = serializers.CharField()
    kev = serializers.BooleanField()
    root_cause_class = serializers.CharField()
    root_cause = serializers.CharField()
    scope_check = serializers.CharField()
    remediated_at = serializers.DateTimeField(allow_null=True)
    verified_at = serializers.DateTimeField(allow_null=True)
    design_fixed_on = serializers.DateField(allow_null=True)
    operating_evidence_until = serializers.DateField(allow_null=True)
    duplicate_of = serializers.CharField(allow_null=True)
    finder = PersonOut(allow_null=True)
    links = LinkOut(many=True)
    comments = CommentOut(many=True)
    occurrences = OccurrenceOut(many=True)


class ReportIn(serializers.Serializer):
    title = serializers.CharField(max_length=300)
    description = serializers.CharField(required=False, default="", max_length=20000)
    source = serializers.ChoiceField(choices=Source.choices, default=Source.INTERNAL)
    source_ref = serializers.CharField(required=False, default="", max_length=200, allow_blank=True)
    detected_at = serializers.DateTimeField()
    asset = serializers.CharField(max_length=500)
    severity = serializers.ChoiceField(choices=Severity.choices, default=Severity.MEDIUM)
    criteria = serializers.ListField(child=serializers.CharField(max_length=8), required=False, max_length=61)
    cvss_vector = serializers.CharField(required=False, default="", max_length=200, allow_blank=True)


class TriageIn(serializers.Serializer):
    severity = serializers.ChoiceField(choices=Severity.choices)
    rationale = serializers.CharField(max_length=5000)
    owner_id = serializers.UUIDField()
    assignee_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    duplicates_searched = serializers.BooleanField()
    criteria = serializers.ListField(child=serializers.CharField(max_length=8), required=False, max_length=61)
    controls = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)
    likelihood = serializers.IntegerField(required=False, min_value=1, max_value=5)
    impact = serializers.IntegerField(required=False, min_value=1, max_value=5)
    kev = serializers.BooleanField(required=False)
    note = serializers.CharField(required=False, max_length=5000)


class AnalyseIn(serializers.Serializer):
    root_cause_class = serializers.ChoiceField(choices=RootCause.choices)
    root_cause = serializers.CharField(max_length=20000)
    scope_check = serializers.CharField(max_length=20000)


class CommentIn(serializers.Serializer):
    body = serializers.CharField(max_length=20000)
    internal = serializers.BooleanField(default=True)


class LinkIn(serializers.Serializer):
    other = serializers.CharField(max_length=16, help_text="The other finding's public id.")
    kind = serializers.ChoiceField(choices=LinkKind.choices, default=LinkKind.RELATED)


class SeverityIn(serializers.Serializer):
    severity = serializers.ChoiceField(choices=Severity.choices)
    rationale = serializers.CharField(max_length=5000)
    kev = serializers.BooleanField(required=False)


class ReassignIn(serializers.Serializer):
    owner_id = serializers.UUIDField(required=False)
    assignee_id = serializers.UUIDField(required=False)
    reason = serializers.CharField(required=False, default="", max_length=5000, allow_blank=True)


class RejectIn(serializers.Serializer):
    kind = serializers.ChoiceField(choices=["false_positive", "duplicate", "out_of_scope"])
    reason = serializers.CharField(max_length=5000)
    proof = serializers.CharField(required=False, default="", max_length=5000, allow_blank=True)
    duplicate_of = serializers.CharField(required=False, max_length=16)


class ReopenIn(ReasonIn):
    owner_id = serializers.UUIDField(required=False)


def _person(identifier: Any, name: str | None) -> dict[str, Any] | None:
    return {"id": identifier, "name": name} if identifier else None


def line(row: queries.Row) -> dict[str, Any]:
    """A row of a list as the API shows it."""
    shown = {name: getattr(row, name) for name in _COLUMNS}
    shown["owner"] = _person(shown.pop("owner_id"), row.owner_name)
    shown["assignee"] = _person(shown.pop("assignee_id"), row.assignee_name)
    return shown


def whole(finding: Finding, *, internal: bool) -> dict[str, Any]:
    """One finding with what belongs to it: four queries after its own."""
    criteria, controls = _mapped(finding)
    links = finding.links.select_related("other")
    comments = finding.comments.select_related("author").order_by("at")
    names = {*FindingDetail().fields} - {
        "owner", "assignee", "finder", "criteria", "controls", "links", "comments", "occurrences", "duplicate_of",
    }  # fmt: skip
    return {
        **{name: getattr(finding, name) for name in sorted(names)},
        "owner": _person(finding.owner_id, finding.owner.name if finding.owner else None),
        "assignee": _person(finding.assignee_id, finding.assignee.name if finding.assignee else None),
        "finder": _person(finding.finder_id, finding.finder.name if finding.finder else None),
        "duplicate_of": finding.duplicate_of.ref if finding.duplicate_of else None,
        "criteria": criteria,
        "controls": controls,
        "links": [{"kind": link.kind, "other": link.other.ref} for link in links],
        "comments": [
            {"id": row.pk, "author": _person(row.author_id, row.author.name), "body": row.body,
             "internal": row.internal, "at": row.at}
            for row in (comments if internal else comments.filter(internal=False))
        ],
        "occurrences": [
            {"seen_at": row.seen_at, "location": row.location, "cycle": row.cycle, "file": row.import_batch.filename}
            for row in finding.occurrences.select_related("import_batch").order_by("-seen_at")[:20]
        ],
    }  # fmt: skip


def _mapped(finding: Finding) -> tuple[list[str], list[str]]:
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT 'criterion', criterion_id FROM findings_findingcriterion WHERE finding_id = %s UNION ALL"
            " SELECT 'control', c.ref FROM findings_findingcontrol f JOIN controls_control c ON c.id = f.control_id"
            " WHERE f.finding_id = %s",
            [finding.pk, finding.pk],
        )
        rows = cursor.fetchall()
    return (
        sorted(identifier for kind, identifier in rows if kind == "criterion"),
        sorted(identifier for kind, identifier in rows if kind == "control"),
    )


class FindingsView(NounView):
    permission_needed = {"GET": "findings.view", "POST": "findings.report"}

    @extend_schema(
        operation_id="organizations_findings_list",
        responses=FindingPage,
        parameters=[
            OpenApiParameter("state", str, many=True, enum=State.values),
            OpenApiParameter("severity", str, many=True, enum=Severity.values),
            OpenApiParameter("owner", str, description="A person's id, or “none”."),
            OpenApiParameter("assignee", str, description="A person's id, or “none”."),
            OpenApiParameter("control", str, description="A control's public id."),
            OpenApiParameter("criterion", str),
            OpenApiParameter("overdue", bool),
            OpenApiParameter("q", str, description="Words of the title, the asset or the rule."),
            OpenApiParameter("order", str, enum=["due", "new"]),
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int),
        ],
    )
    def get(self, request: Request) -> Response:
        """A page of findings, soonest due first. Filters narrow together."""
        filters = queries.filters_from(request.query_params)
        page = queries.page(self.actor, filters, after=request.query_params.get("cursor"), limit=self.page_size())
        return Response({"results": [line(row) for row in page.rows], "next": page.next_key})

    @extend_schema(request=ReportIn, responses={201: FindingDetail})
    def post(self, request: Request) -> Response:
        """Report a finding."""
        facts = checked(ReportIn, request)
        return self.once(lambda: answer(self, findings.report(actor=self.actor, **facts), 201))


FILTERS = [
    OpenApiParameter("state", str, many=True, enum=State.values),
    OpenApiParameter("severity", str, many=True, enum=Severity.values),
    OpenApiParameter("q", str, description="Words of the title, the asset or the rule."),
]


class FindingsTable(OwnTransactionView):
    permission_needed = {"*": "findings.view"}

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY}, parameters=FILTERS, operation_id="findings_csv")
    def get(self, request: Request) -> HttpResponseBase:
        """The list, filtered like the list itself, as CSV: streamed, whatever its length."""
        pieces = finding_exports.csv_of(request._request, queries.filters_from(request.query_params))
        return attachment(pieces, "findings.csv", "text/csv; charset=utf-8")


class FindingsWorkbook(OwnTransactionView):
    permission_needed = {"*": "findings.view"}

    @extend_schema(
        responses={(200, forms.XLSX): OpenApiTypes.BINARY}, parameters=FILTERS, operation_id="findings_workbook"
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The same as a workbook, up to 2,000 findings; take CSV for more, or the page, which writes it in a job."""
        filters = queries.filters_from(request.query_params)
        with inside(request._request):
            if queries.count(self.actor, filters, ceiling=listing.AT_ONCE).is_more:
                raise TooLarge(
                    f"The list has more than {listing.AT_ONCE:,} findings, too many for a workbook at once.",
                    help="Narrow it, take it as CSV, or export it from the page.",
                )
        return attachment(*finding_exports.workbook_of(request._request, filters))


class FindingView(NounView):
    permission_needed = {"*": "findings.view"}

    @extend_schema(responses=FindingDetail)
    def get(self, request: Request, ref: str) -> Response:
        """One finding. ETag holds its version."""
        return _shown(self, queries.find(self.actor, ref))


def answer(view: NounView, result: Any, code: int = 200) -> Response:
    """The finding as it now stands, or the request that now waits for a decision (202)."""
    if isinstance(result, Finding):
        # Services return the row they wrote; who it names is read anew.
        return _shown(view, queries.find(view.actor, result.ref), code)
    if hasattr(result, "action"):
        return waiting(result)
    return Response({"id": result.pk}, status=201)


def _shown(view: NounView, finding: Finding, code: int = 200) -> Response:
    return versioned(whole(finding, internal=not view.organization.is_auditor), finding.version, code)


def finding_step(
    verb: str, body: type[serializers.Serializer], act: Act, *, conditional: bool = True, adds: bool = False
) -> Any:
    """A verb of a finding's life."""
    return step(
        "findings", verb, body, act, conditional=conditional, adds=adds, permission="findings.view", out=FindingDetail,
        find=lambda view, ref: queries.find(view.actor, ref), answer=answer,
    )  # fmt: skip


def _link(view: NounView, finding: Finding, given: dict[str, Any]) -> Any:
    other = queries.find(view.actor, given["other"])
    return findings.link(finding.pk, other.pk, actor=view.actor, kind=given["kind"])


def _reject(view: NounView, finding: Finding, given: dict[str, Any]) -> Any:
    original = given.pop("duplicate_of", "")
    if original:
        given["duplicate_of_id"] = queries.find(view.actor, original).pk
    elif given["kind"] == "duplicate":
        raise Invalid("Say which finding it repeats.", fields={"duplicate_of": ["The public id of a live finding."]})
    return findings.propose_rejection(finding.pk, actor=view.actor, **given)


_table, _workbook = FindingsTable.as_view(), FindingsWorkbook.as_view()
_table.outside_transaction = _workbook.outside_transaction = True  # type: ignore[attr-defined]

urlpatterns = [
    path("findings/", FindingsView.as_view(), name="api-findings"),
    path("findings/list.csv", _table, name="api-findings-csv"),
    path("findings/list.xlsx", _workbook, name="api-findings-xlsx"),
    path("findings/<str:ref>/", FindingView.as_view(), name="api-finding"),
    path("findings/<str:ref>/triage/", finding_step("triage", TriageIn, call(findings.triage)), name="api-finding-triage"),
    path("findings/<str:ref>/analyse/", finding_step("analyse", AnalyseIn, call(findings.analyse)), name="api-finding-analyse"),
    path("findings/<str:ref>/severity/", finding_step("change_severity", SeverityIn, call(findings.change_severity)),
         name="api-finding-severity"),
    path("findings/<str:ref>/reassign/", finding_step("reassign", ReassignIn, call(findings.reassign)),
         name="api-finding-reassign"),
    path("findings/<str:ref>/reject/", finding_step("reject", RejectIn, _reject), name="api-finding-reject"),
    path("findings/<str:ref>/reopen/", finding_step("reopen", ReopenIn, call(findings.reopen)), name="api-finding-reopen"),
    path("findings/<str:ref>/comments/", finding_step("comment", CommentIn, call(findings.comment), conditional=False, adds=True),
         name="api-finding-comments"),
    path("findings/<str:ref>/links/", finding_step("link", LinkIn, _link, conditional=False, adds=True), name="api-finding-links"),
]  # fmt: skip
