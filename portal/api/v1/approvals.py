"""`approvals/`: what waits for a decision, why somebody may or may not decide, and the decision itself."""

import json
from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.errors import Invalid
from portal.api.steps import ReasonIn, checked
from portal.api.v1.findings import PersonOut
from portal.api.views import NounView, OwnTransactionView, refused
from portal.edge.tenancy import inside
from remediation.approvals import queries
from remediation.approvals import services as approvals


class DecisionOut(serializers.Serializer):
    person = PersonOut()
    for_person = PersonOut(allow_null=True, help_text="Whose voice it was, when decided in another's place.")
    delegation = serializers.UUIDField(allow_null=True)
    department = serializers.CharField(help_text="The department that counts.")
    verdict = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class RequestOut(serializers.Serializer):
    id = serializers.UUIDField()
    action = serializers.CharField()
    subject_type = serializers.CharField()
    subject_ref = serializers.CharField()
    cycle = serializers.IntegerField()
    state = serializers.CharField()
    severity = serializers.CharField()
    needed = serializers.IntegerField()
    distinct_departments = serializers.BooleanField()
    content_sha256 = serializers.CharField()
    matrix_version = serializers.IntegerField()
    expires_at = serializers.DateTimeField()


class QueueRow(RequestOut):
    may = serializers.BooleanField(help_text="Whether the caller may decide.")
    for_people = serializers.ListField(
        child=serializers.CharField(), help_text="In whose place, where it is not the caller's own."
    )
    why_not = serializers.CharField()
    rule = serializers.CharField()


class QueuePage(serializers.Serializer):
    results = QueueRow(many=True)
    next = serializers.CharField(allow_null=True)


class ChangeOut(serializers.Serializer):
    field = serializers.CharField(source="path")
    before = serializers.CharField()
    after = serializers.CharField()


class SinceOut(serializers.Serializer):
    """What changed since the same was last asked, or since somebody's vote on an earlier request (`by`)."""

    at = serializers.DateTimeField()
    by = serializers.CharField()
    verdict = serializers.CharField()
    changes = ChangeOut(many=True)


class BehalfOut(serializers.Serializer):
    """A colleague in whose place the caller would decide."""

    delegation = serializers.UUIDField(source="delegation_id")
    person = serializers.CharField(source="name")
    may = serializers.BooleanField()
    why_not = serializers.CharField(source="sentence")
    rule = serializers.CharField()


class CandidateOut(serializers.Serializer):
    person = PersonOut()
    for_person = serializers.CharField(help_text="In whose place they would decide; empty for their own.")
    away_until = serializers.DateTimeField(allow_null=True)
    load = serializers.IntegerField(help_text="Open requests they were asked to decide.")
    reason = serializers.CharField()
    rule = serializers.CharField()


class PositionOut(RequestOut):
    content = serializers.JSONField()
    may = serializers.BooleanField()
    why_not = serializers.ListField(child=serializers.CharField())
    rule = serializers.CharField()
    still_needed = serializers.IntegerField()
    decisions = DecisionOut(many=True)
    eligible = CandidateOut(many=True)
    blocked = CandidateOut(many=True)
    changed_since = SinceOut(many=True, help_text="Against earlier requests and votes on this cycle, newest first.")
    changed_now = ChangeOut(many=True, help_text="Against what stands there now; not empty: a vote voids the request.")
    behalf = BehalfOut(many=True, help_text="Delegations under which the caller may or may not decide.")


class DecideIn(serializers.Serializer):
    verdict = serializers.ChoiceField(choices=["approve", "reject"])
    reason = serializers.CharField(max_length=5000)
    content_sha256 = serializers.CharField(max_length=64, help_text="The content the caller saw.")
    delegation_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Decide in the place of the person who delegated it to the caller."
    )


def line(row: Any) -> dict[str, Any]:
    return {name: getattr(row, "pk" if name == "id" else name) for name in RequestOut().fields}


def _person(person_id: Any, name: str) -> dict[str, Any]:
    return {"id": person_id, "name": name}


def whole(view: NounView, row: Any) -> dict[str, Any]:
    """A request with its content and the caller's position on it."""
    position = queries.position(row, view.actor)
    return {
        **line(row),
        "content": json.loads(bytes(row.content)),
        "may": position.may,
        "why_not": [] if position.may else position.sentences,
        "rule": position.rule,
        "still_needed": position.still_needed,
        "decisions": [
            {
                "person": _person(one.person_id, one.person.name),
                "for_person": _person(one.for_person_id, one.for_person.name) if one.for_person else None,
                "delegation": one.delegation_id,
                "department": one.department,
                "verdict": one.verdict,
                "reason": one.reason,
                "at": one.at,
            }
            for one in position.decisions
        ],
        **{
            kind: [
                {
                    "person": _person(one.person_id, one.name),
                    "for_person": one.for_name,
                    "away_until": one.away_until,
                    "load": one.load,
                    "reason": one.reason,
                    "rule": one.rule,
                }
                for one in getattr(position, kind)
            ]
            for kind in ("eligible", "blocked")
        },
        "changed_since": SinceOut(queries.changes_since(row), many=True).data,
        "changed_now": ChangeOut(_changed_now(row), many=True).data,
        "behalf": BehalfOut(position.behalf, many=True).data,
    }


def _changed_now(row: Any) -> list[Any]:
    now = queries.bound_now(row) if row.state == "open" else None
    return queries.differences_now(row, now) if now is not None and now.sha256 != row.content_sha256 else []


class ApprovalsView(NounView):
    permission_needed = {"*": "approvals.view"}

    @extend_schema(
        operation_id="organizations_approvals_list",
        responses=QueuePage,
        parameters=[OpenApiParameter("cursor", str)],
    )
    def get(self, request: Request) -> Response:
        """Open requests: those the caller may decide first, each other one with the reason why not."""
        queue = queries.queue(self.actor)
        rows = [*queue.can, *queue.cannot, *queue.other]
        results = [
            {
                **line(row.request),
                "may": row.may,
                "for_people": list(row.for_names),
                "why_not": row.reason,
                "rule": row.rule,
            }
            for row in rows
        ]
        return Response({"results": results, "next": None})


class ApprovalView(NounView):
    permission_needed = {"*": "approvals.view"}

    @extend_schema(responses=PositionOut)
    def get(self, request: Request, request_id: str) -> Response:
        """One request, its content, and who may decide it."""
        return Response(whole(self, queries.get(request_id, actor=self.actor)))  # type: ignore[arg-type]


class DecideView(OwnTransactionView):
    permission_needed = {"*": "approvals.view"}

    @extend_schema(request=DecideIn, responses=PositionOut)
    def post(self, request: Request, request_id: str) -> Response:
        """Approve or reject. Needs a sign-in within the last five minutes, so a token can't."""
        given = checked(DecideIn, request)
        with inside(request._request):
            row = queries.get(request_id, actor=self.actor)  # type: ignore[arg-type]
            if given.pop("content_sha256") != row.content_sha256:
                words = {"content_sha256": ["Read the request again."]}
                raise Invalid("This is not the content you saw.", fields=words)
            return self.once(lambda: self._decided(row.pk, given))

    def _decided(self, request_id: Any, given: dict[str, Any]) -> Response:
        try:
            approvals.decide(request_id, actor=self.actor, **given)
        except approvals.ContentChanged as changed:
            # An answer, not an exception: the request found to be void stays void.
            return refused(changed)
        return Response(whole(self, queries.get(request_id, actor=self.actor)))


class WithdrawView(NounView):
    permission_needed = {"*": "approvals.view"}

    @extend_schema(request=ReasonIn, responses=RequestOut)
    def post(self, request: Request, request_id: str) -> Response:
        """Take back one's own open request."""
        given = checked(ReasonIn, request)
        return self.once(lambda: Response(line(approvals.withdraw(request_id, actor=self.actor, **given))))  # type: ignore[arg-type]


_decide = DecideView.as_view()
_decide.outside_transaction = True  # type: ignore[attr-defined]

urlpatterns = [
    path("approvals/", ApprovalsView.as_view(), name="api-approvals"),
    path("approvals/<uuid:request_id>/", ApprovalView.as_view(), name="api-approval"),
    path("approvals/<uuid:request_id>/decide/", _decide, name="api-approval-decide"),
    path("approvals/<uuid:request_id>/withdraw/", WithdrawView.as_view(), name="api-approval-withdraw"),
]
