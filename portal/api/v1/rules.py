"""`rules/`: the rulebook, the organization's own policy and its exceptions, and who may do what on an item."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.steps import ReasonIn, checked
from portal.api.views import NounView
from remediation.policies import queries, services, simulation
from remediation.policies.guards import WAIVABLE
from remediation.sod import rulebook


class RuleOut(serializers.Serializer):
    number = serializers.CharField()
    family = serializers.CharField()
    sentence = serializers.CharField()
    instead = serializers.CharField(help_text="What a refused person can do.")
    sqlstate = serializers.CharField(help_text="How the database refuses.")
    permits = serializers.BooleanField(help_text="Whether the rule allows instead of forbidding.")


class RulesOut(serializers.Serializer):
    results = RuleOut(many=True)


class RulesView(NounView):
    permission_needed = {"*": "rules.view"}

    @extend_schema(operation_id="organizations_rules_list", responses=RulesOut)
    def get(self, request: Request) -> Response:
        """Every numbered rule, in the order of the page."""
        return Response({"results": [_line(family, rule) for family in rulebook.families() for rule in family.rules]})


def _line(family: rulebook.Family, rule: rulebook.Rule) -> dict[str, Any]:
    names = ("number", "sentence", "instead", "sqlstate", "permits")
    return {"family": family.title, **{name: getattr(rule, name) for name in names}}


class PolicyOut(serializers.Serializer):
    policy_version = serializers.IntegerField(help_text="0 while the product's default holds.")
    quorum_version = serializers.IntegerField()
    policy = serializers.JSONField()
    quorum = serializers.JSONField()


class ProposalIn(serializers.Serializer):
    policy = serializers.JSONField(required=False, help_text="allow, forbid, toxic_roles.")
    quorum = serializers.JSONField(required=False)
    reason = serializers.CharField(max_length=5000)


class GainOut(serializers.Serializer):
    person = serializers.UUIDField()
    name = serializers.CharField()
    gains = serializers.CharField()


class EffectOut(serializers.Serializer):
    differences = serializers.ListField(child=serializers.CharField())
    gains = GainOut(many=True)
    voided_requests = serializers.IntegerField()
    blocked_tasks = serializers.ListField(child=serializers.CharField())
    orphaned_requests = serializers.ListField(child=serializers.CharField())


class ProposalOut(serializers.Serializer):
    id = serializers.UUIDField()
    ref = serializers.CharField()
    kind = serializers.CharField()
    reason = serializers.CharField()


class WaiverIn(serializers.Serializer):
    person = serializers.UUIDField(allow_null=True, help_text="Who would carry it; null for the quorum (Q-03).")
    rules = serializers.ListField(child=serializers.ChoiceField(choices=sorted(WAIVABLE)), min_length=1)
    days = serializers.IntegerField(min_value=1, max_value=services.DAYS)
    reviewer = serializers.CharField(max_length=200)
    reason = serializers.CharField(max_length=5000)


class WaiverOut(serializers.Serializer):
    id = serializers.UUIDField()
    ref = serializers.CharField()
    person = serializers.UUIDField(allow_null=True)
    rules = serializers.ListField(child=serializers.CharField())
    reviewer = serializers.CharField()
    reason = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    carried = serializers.IntegerField(help_text="How many duties it carried.")


class WaiversOut(serializers.Serializer):
    results = WaiverOut(many=True)


class WhoOut(serializers.Serializer):
    person = serializers.UUIDField()
    name = serializers.CharField()
    rule = serializers.CharField()
    why_not = serializers.CharField()
    by_exception = serializers.BooleanField()


class WhoMayOut(serializers.Serializer):
    ref = serializers.CharField()
    duty = serializers.CharField()
    free = WhoOut(many=True)
    blocked = WhoOut(many=True)


class PolicyView(NounView):
    permission_needed = {"*": "rules.view"}

    @extend_schema(operation_id="organizations_rules_policy", responses=PolicyOut)
    def get(self, request: Request) -> Response:
        """The organization's own policy over the matrix, as it stands."""
        now = queries.in_force(self.actor.organization_id)
        return Response(
            {
                "policy_version": now["sod"].version,
                "quorum_version": now["quorum"].version,
                "policy": now["sod"].body,
                "quorum": now["quorum"].body,
            }
        )


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    wanted = {kind: given[name] for kind, name in (("sod", "policy"), ("quorum", "quorum")) if given.get(name)}
    services.check_shape(wanted)
    return wanted


class PreviewView(NounView):
    permission_needed = {"*": "rules.propose"}

    @extend_schema(request=ProposalIn, responses=EffectOut)
    def post(self, request: Request) -> Response:
        """What a change would do: its differences, who gains, what it stops. Nothing is recorded."""
        wanted = _wanted(checked(ProposalIn, request))
        services.check(services.whole(wanted, self.actor.organization_id), organization_id=self.actor.organization_id)
        effect = queries.effect(self.actor.organization_id, services.whole(wanted, self.actor.organization_id))
        return Response(
            {
                "differences": effect.differences,
                "gains": [{"person": one.person_id, "name": one.name, "gains": one.words} for one in effect.gains],
                "voided_requests": effect.voided,
                "blocked_tasks": [one.words for one in effect.tasks],
                "orphaned_requests": [one.words for one in effect.orphans],
            }
        )


class ProposalsView(NounView):
    permission_needed = {"*": "rules.propose"}

    @extend_schema(request=ProposalIn, responses={201: ProposalOut})
    def post(self, request: Request) -> Response:
        """Propose a change of the policy; somebody else decides on it like on any other request."""
        given = checked(ProposalIn, request)
        wanted = _wanted(given)
        return self.once(
            lambda: Response(_proposal(services.propose(wanted, actor=self.actor, reason=given["reason"])), status=201)
        )


def _proposal(row: Any) -> dict[str, Any]:
    return {"id": row.pk, "ref": row.ref, "kind": row.kind, "reason": row.reason}


class WaiversView(NounView):
    permission_needed = {"GET": "rules.view", "POST": "rules.propose"}

    @extend_schema(operation_id="organizations_rules_exceptions_list", responses=WaiversOut)
    def get(self, request: Request) -> Response:
        """Every exception, newest first."""
        return Response({"results": [_waiver(row) for row in queries.waivers(self.actor.organization_id)]})

    @extend_schema(request=WaiverIn, responses={201: ProposalOut})
    def post(self, request: Request) -> Response:
        """Ask an executive for an exception while the team is small."""
        given = checked(WaiverIn, request)
        person = given.pop("person")
        return self.once(
            lambda: Response(_proposal(services.ask_exception(person_id=person, actor=self.actor, **given)), status=201)
        )


def _waiver(row: Any) -> dict[str, Any]:
    names = ("ref", "rules", "reviewer", "reason", "starts_at", "ends_at", "ended_at")
    return {
        "id": row.pk,
        "person": row.person_id,
        "carried": len(row.uses.all()),
        **{name: getattr(row, name) for name in names},
    }


class EndWaiverView(NounView):
    permission_needed = {"*": "rules.view"}

    @extend_schema(request=ReasonIn, responses=WaiverOut)
    def post(self, request: Request, waiver_id: UUID) -> Response:
        """End an exception before its date."""
        given = checked(ReasonIn, request)
        return self.once(
            lambda: Response(_waiver(services.end_exception(waiver_id, actor=self.actor, reason=given["reason"])))
        )


class WhoMayView(NounView):
    permission_needed = {"*": "rules.view"}

    @extend_schema(
        responses=WhoMayOut,
        parameters=[
            OpenApiParameter("item", str, required=True, description="A public id such as F-017."),
            OpenApiParameter("action", str),
            OpenApiParameter("duty", str),
            OpenApiParameter("person", str),
        ],
    )
    def get(self, request: Request) -> Response:
        """Who could do this now, and why not the others, each with the rule."""
        asked = request.query_params
        answer = simulation.ask(
            asked.get("item", "")[:40],
            action=asked.get("action", ""),
            duty=asked.get("duty", ""),
            person_id=asked.get("person", ""),
            actor=self.actor,
        )
        return Response(
            {
                "ref": answer.ref,
                "duty": answer.duty,
                "free": [_who(one) for one in answer.free],
                "blocked": [_who(one) for one in answer.blocked],
            }
        )


def _who(one: simulation.Person) -> dict[str, Any]:
    return {
        "person": one.person_id,
        "name": one.name,
        "rule": one.rule,
        "why_not": one.words,
        "by_exception": one.waived,
    }


urlpatterns = [
    path("rules/", RulesView.as_view(), name="api-rules"),
    path("rules/policy/", PolicyView.as_view(), name="api-rules-policy"),
    path("rules/policy/preview/", PreviewView.as_view(), name="api-rules-preview"),
    path("rules/proposals/", ProposalsView.as_view(), name="api-rules-proposals"),
    path("rules/exceptions/", WaiversView.as_view(), name="api-rules-exceptions"),
    path("rules/exceptions/<uuid:waiver_id>/end/", EndWaiverView.as_view(), name="api-rules-exception-end"),
    path("rules/who-may/", WhoMayView.as_view(), name="api-rules-who-may"),
]
