"""`duties/`: the check on duties and what it found, and the segregation of duties report of a period."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.errors import Invalid
from portal.api.v1.findings import PersonOut
from portal.api.v1.jobs import JobOut
from portal.api.views import NounView, cursor_of
from portal.watch import queries, report, services, sweeps
from portal.watch.models import Conflict

_PAGED = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int)]
_PERIOD = [
    OpenApiParameter("from", str, description="The first day, as 2026-01-31; 90 days before today without it."),
    OpenApiParameter("to", str, description="The last day, included; today without it."),
]


class DutiesCheckOut(serializers.Serializer):
    id = serializers.UUIDField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    judged = serializers.DictField(child=serializers.IntegerField(), help_text="Rows judged, by kind of judgement.")
    found = serializers.IntegerField(help_text="Conflicts that this check found first.")
    rules_sha256 = serializers.CharField(help_text="The hash over the rules in force.")
    ledger_size = serializers.IntegerField()
    ledger_root = serializers.CharField()


class DutiesCheckPage(serializers.Serializer):
    results = DutiesCheckOut(many=True)
    next = serializers.CharField(allow_null=True)


class ConflictOut(serializers.Serializer):
    id = serializers.UUIDField()
    rule = serializers.CharField()
    sentence = serializers.CharField()
    subject_type = serializers.CharField()
    subject_id = serializers.UUIDField()
    subject_ref = serializers.CharField()
    cycle = serializers.IntegerField()
    person = PersonOut()
    other = PersonOut(allow_null=True, help_text="The other person of the records, where both are one human being.")
    act_type = serializers.CharField()
    act_id = serializers.UUIDField()
    act_at = serializers.DateTimeField(allow_null=True)
    found_at = serializers.DateTimeField()
    is_proven = serializers.BooleanField(help_text="False for what would be one only if a claim is true.")
    finding_ref = serializers.CharField(allow_null=True, help_text="The finding that it opened.")


class ConflictPage(serializers.Serializer):
    results = ConflictOut(many=True)
    next = serializers.CharField(allow_null=True)
    standing = serializers.IntegerField(help_text="Proven ones whose finding nobody has settled.")


class DutyHandOut(serializers.Serializer):
    person = serializers.CharField()
    duties = serializers.ListField(child=serializers.CharField())


class DutyDecisionOut(serializers.Serializer):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    subject_type = serializers.CharField()
    subject_id = serializers.UUIDField()
    subject_ref = serializers.CharField()
    cycle = serializers.IntegerField()
    action = serializers.CharField()
    verdict = serializers.CharField()
    person = serializers.CharField()
    for_person = serializers.CharField(help_text="In whose place, or empty.")
    department = serializers.CharField()
    requester = serializers.CharField()
    reason = serializers.CharField()
    state = serializers.CharField(help_text="Of the request.")
    matrix_version = serializers.IntegerField()
    policy_versions = serializers.JSONField()
    hands = DutyHandOut(many=True, help_text="Who did what on the same cycle of the item.")
    event = serializers.IntegerField(allow_null=True, help_text="Its place in the signed history.")
    conflicts = serializers.ListField(child=serializers.CharField())
    exceptions = serializers.ListField(child=serializers.CharField())


class DutyDecisionPage(serializers.Serializer):
    results = DutyDecisionOut(many=True)
    next = serializers.CharField(allow_null=True)


class DutyExceptionOut(serializers.Serializer):
    ref = serializers.CharField()
    person = serializers.CharField(allow_null=True)
    rules = serializers.CharField()
    reason = serializers.CharField()
    reviewer = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    uses = serializers.IntegerField()


class DutyDelegationOut(serializers.Serializer):
    giver = serializers.CharField()
    deputy = serializers.CharField()
    duty = serializers.CharField()
    reason = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    uses = serializers.IntegerField()


class DutyEmergencyOut(serializers.Serializer):
    ref = serializers.CharField()
    person = serializers.CharField()
    role = serializers.CharField()
    reason = serializers.CharField()
    ticket = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    activated_by = serializers.CharField(allow_null=True)
    reviewed_by = serializers.CharField(allow_null=True)
    reviewed_at = serializers.DateTimeField(allow_null=True)


class DutyRefusedOut(serializers.Serializer):
    subject_ref = serializers.CharField()
    action = serializers.CharField()
    state = serializers.CharField()
    ended_at = serializers.DateTimeField()
    ended_why = serializers.CharField()


class DutyPolicyOut(serializers.Serializer):
    kind = serializers.CharField()
    version = serializers.IntegerField()
    effective_from = serializers.DateTimeField()
    set_by = serializers.CharField(allow_null=True)


class DutyLinkOut(serializers.Serializer):
    one = serializers.CharField()
    other = serializers.CharField()
    confirmed_as = serializers.CharField()
    confirmed_by = serializers.CharField()
    made_by = serializers.CharField()
    at = serializers.DateTimeField()


class DutyRulesOut(serializers.Serializer):
    sha256 = serializers.CharField(help_text="Over the matrix and the policies on duties and quorum.")
    matrix_version = serializers.IntegerField()
    policies = serializers.DictField(child=serializers.IntegerField())


class DutyReportOut(serializers.Serializer):
    start = serializers.DateField()
    end = serializers.DateField()
    zone = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())
    conflicts = ConflictOut(many=True)
    exceptions = DutyExceptionOut(many=True)
    delegations = DutyDelegationOut(many=True)
    emergencies = DutyEmergencyOut(many=True)
    refused = DutyRefusedOut(many=True)
    policies = DutyPolicyOut(many=True)
    links = DutyLinkOut(many=True)
    last_check = DutiesCheckOut(allow_null=True)
    rules = DutyRulesOut()
    ledger_size = serializers.IntegerField()
    ledger_root = serializers.CharField()
    checkpoint = serializers.CharField(help_text="The newest signed checkpoint of the history; empty before the first.")


def _conflict(row: Conflict) -> dict[str, Any]:
    case = getattr(row, "case", None)
    row.finding_ref = case.finding.ref if case else None  # type: ignore[attr-defined]
    return dict(ConflictOut(row).data)


def _period(view: NounView) -> report.Period:
    asked = view.request.query_params
    return report.period(asked.get("from", ""), asked.get("to", ""), zone=view.organization.timezone)


def _text_cursor(view: NounView) -> str:
    given = view.after()
    if given is not None and not isinstance(given, str):
        raise _unreadable()
    return given or ""


def _unreadable() -> Invalid:
    return Invalid("The cursor can't be read.", fields={"cursor": ["Use the “next” of a page."]})


class ChecksView(NounView):
    permission_needed = {"*": "duties.view"}

    @extend_schema(operation_id="organizations_duties_checks_list", responses=DutiesCheckPage, parameters=_PAGED)
    def get(self, request: Request) -> Response:
        """Whole checks of all history, newest first."""
        rows, before, size = queries.rounds().order_by("-id"), self.after_id(), self.page_size()
        found = list((rows.filter(pk__lt=before) if before else rows)[: size + 1])
        following = cursor_of(str(found[size - 1].pk)) if len(found) > size else None
        return Response({"results": DutiesCheckOut(found[:size], many=True).data, "next": following})

    @extend_schema(request=None, responses={202: JobOut})
    def post(self, request: Request) -> Response:
        """Judge everything now; answers the job that is under way, if there is one."""
        return self.once(lambda: Response(JobOut(sweeps.check_now(actor=self.actor)[0]).data, status=202))


class ConflictsView(NounView):
    permission_needed = {"*": "duties.view"}

    @extend_schema(
        operation_id="organizations_duties_conflicts_list",
        responses=ConflictPage,
        parameters=[
            *_PAGED,
            OpenApiParameter("standing", bool, description="Only proven ones that nobody has settled."),
        ],
    )
    def get(self, request: Request) -> Response:
        """What the check found, newest first. What is known of a restricted item shows to those let in alone."""
        only = request.query_params.get("standing", "") in ("1", "true")
        try:
            found, more = queries.conflicts(before=_text_cursor(self), only_standing=only, limit=self.page_size())
        except ValueError as error:
            raise _unreadable() from error
        return Response(
            {
                "results": [_conflict(row) for row in found],
                "next": cursor_of(more) if more else None,
                "standing": queries.standing().count(),
            }
        )


class ReportView(NounView):
    permission_needed = {"*": "duties.view"}

    @extend_schema(operation_id="organizations_duties_report", responses=DutyReportOut, parameters=_PERIOD)
    def get(self, request: Request) -> Response:
        """A period without its decisions: what stood beside them, each list at most fifty long, and the rules in force."""
        chosen = _period(self)
        found = report.summary(self.actor.organization_id, chosen)
        told = {name: getattr(found, name) for name in _LISTS}
        return Response(
            DutyReportOut(
                {
                    **told,
                    "start": chosen.start,
                    "end": chosen.end,
                    "zone": chosen.zone,
                    "conflicts": [_conflict(row) for row in found.conflicts],
                    "last_check": found.last_round,
                    "ledger_size": found.standing.size,
                    "ledger_root": found.standing.root,
                    "checkpoint": found.standing.note,
                }
            ).data
        )


_LISTS = ("counts", "exceptions", "delegations", "emergencies", "refused", "policies", "links", "rules")


class DecisionsView(NounView):
    permission_needed = {"*": "duties.view"}

    @extend_schema(
        operation_id="organizations_duties_decisions_list", responses=DutyDecisionPage, parameters=[*_PERIOD, *_PAGED]
    )
    def get(self, request: Request) -> Response:
        """Every decision of a period, oldest first, with who did what. That the first page was taken is an event."""
        chosen, after = _period(self), _text_cursor(self)
        rows, more = report.decisions(chosen, after=after, limit=self.page_size())
        if not after:
            services.record_report(
                actor=self.actor,
                data={"from": chosen.start.isoformat(), "to": chosen.end.isoformat(), "form": "json"},
            )
        return Response({"results": [_decision(row) for row in rows], "next": cursor_of(more) if more else None})


def _decision(row: report.DecisionRow) -> dict[str, Any]:
    hands = [{"person": name, "duties": list(duties)} for name, duties in row.hands]
    names = [name for name in DutyDecisionOut().fields if name not in ("hands", "exceptions")]
    told = {name: getattr(row, name) for name in names}
    return dict(DutyDecisionOut({**told, "hands": hands, "exceptions": row.waivers}).data)


urlpatterns = [
    path("duties/checks/", ChecksView.as_view(), name="api-duties-checks"),
    path("duties/conflicts/", ConflictsView.as_view(), name="api-duties-conflicts"),
    path("duties/report/", ReportView.as_view(), name="api-duties-report"),
    path("duties/report/decisions/", DecisionsView.as_view(), name="api-duties-decisions"),
]
